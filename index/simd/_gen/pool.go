package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The predicates of VCMPPS; a comparison with what is no number is false.
const (
	below = 17 // LT_OQ
	above = 30 // GT_OQ
)

// poolKernel writes what puts candidates into a sorted pool, one after the other:
// the first block with a farther one makes room there, each block behind it moves
// on by a lane.
type poolKernel struct {
	kernel
	shifts, places Mem // AVX2: for each place in a block, eight words

	pool     [2]reg.GPVirtual // distances and slots
	off, end reg.GPVirtual    // bytes to a block, and behind the last in use
	lanes    reg.GPVirtual    // that a comparison found
	offered  [2]reg.VecVirtual
	moved    [2]reg.VecVirtual // the block before, as it was
}

// pools writes func offerISA.
func pools(masks Mem) {
	shifts, places := poolTables()
	for _, set := range []*isa{avx2, avx512} {
		k := &poolKernel{kernel: kernel{isa: set, masks: masks}, shifts: shifts, places: places}
		k.offer()
	}
}

// poolTables is, for each place in a block of eight, where its lanes come from
// when one comes in there, and which lane is that one's.
func poolTables() (shifts, places Mem) {
	table := func(name string, word func(place, lane int) int) Mem {
		m := GLOBL(name, attr.RODATA|attr.NOPTR)
		for i := range 64 {
			DATA(4*i, U32(uint32(word(i/8, i%8))))
		}
		return m
	}
	shifts = table("poolShifts", func(place, lane int) int {
		if lane > place {
			return lane - 1
		}
		return lane
	})
	places = table("poolPlaces", func(place, lane int) int {
		if lane == place {
			return -1
		}
		return 0
	})
	return shifts, places
}

func (k *poolKernel) offer() {
	name := "offer" + k.isa.name
	TEXT(name, NOSPLIT, "func(dist []float32, slot []uint32, room, n int, slots []uint32, offered []float32) (admitted, first int)")
	Pragma("noescape")
	Doc(name + " is Pool.Offer of at least one candidate to a pool of n: how many were admitted, and the first place of one.")
	k.pool = [2]reg.GPVirtual{Load(Param("dist").Base(), GP64()).(reg.GPVirtual), Load(Param("slot").Base(), GP64()).(reg.GPVirtual)}
	room, n := Load(Param("room"), GP64()), Load(Param("n"), GP64())
	slots, offered := Load(Param("slots").Base(), GP64()), Load(Param("offered").Base(), GP64())
	left := Load(Param("slots").Len(), GP64())
	admitted, first := GP64(), GP64()
	XORQ(admitted, admitted)
	MOVQ(room, first)
	k.off, k.end, k.lanes = GP64(), GP64(), GP64()
	k.offered, k.moved = [2]reg.VecVirtual{k.new(), k.new()}, [2]reg.VecVirtual{k.new(), k.new()}
	limit := k.new()
	VBROADCASTSS(Mem{Base: k.pool[0], Index: room, Scale: 4, Disp: -4}, limit)
	near := GP64()

	Label("some")
	k.below(limit, offered, left, near)
	TESTQ(near, near)
	JZ(LabelRef("next"))

	Label("candidate")
	i := GP64()
	TZCNTQ(near, i)
	BLSRQ(near, near)
	VBROADCASTSS(Mem{Base: offered, Index: i, Scale: 4}, k.offered[0])
	k.broadcast(Mem{Base: slots, Index: i, Scale: 4}, k.offered[1])
	k.inUse(n, room)
	XORQ(k.off, k.off)
	Label("look")
	k.farther()
	TESTL(k.lanes.As32(), k.lanes.As32())
	JNZ(LabelRef("here"))
	ADDQ(Imm(uint64(k.bytes)), k.off)
	CMPQ(k.off, k.end)
	JL(LabelRef("look"))
	JMP(LabelRef("skip")) // nearer ones came in between

	Label("here")
	place, at := GP64(), GP64()
	TZCNTQ(k.lanes, place)
	MOVQ(k.off, at)
	SHRQ(U8(2), at)
	ADDQ(place, at)
	CMPQ(at, first)
	CMOVQLT(at, first)
	k.makeRoom(place)
	JMP(LabelRef("behind"))
	Label("on")
	k.moveOn()
	Label("behind")
	ADDQ(Imm(uint64(k.bytes)), k.off)
	CMPQ(k.off, k.end)
	JL(LabelRef("on"))
	INCQ(admitted)
	INCQ(n)
	Label("skip")
	TESTQ(near, near)
	JNZ(LabelRef("candidate"))

	Label("next")
	lanes := uint64(k.bytes / 4)
	ADDQ(Imm(uint64(k.bytes)), offered)
	ADDQ(Imm(uint64(k.bytes)), slots)
	SUBQ(Imm(lanes), left)
	JG(LabelRef("some"))
	VZEROUPPER()
	Store(admitted, ReturnIndex(0))
	Store(first, ReturnIndex(1))
	RET()
}

// below finds the next few of the offered that are nearer than the limit.
func (k *poolKernel) below(limit reg.VecVirtual, offered, left reg.Register, near reg.GPVirtual) {
	if k.isa == avx512 {
		ones, lanes := GP32(), GP32()
		MOVL(I32(16), lanes)
		CMPQ(left, Imm(16))
		CMOVQLT(left, lanes.As64())
		MOVL(I32(-1), ones)
		BZHIL(lanes, ones, ones)
		inside, found, d := K(), K(), ZMM()
		KMOVW(ones, inside)
		VMOVUPS_Z(Mem{Base: offered}, inside, d)
		VCMPPS(Imm(below), limit, d, inside, found)
		KMOVW(found, near.As32())
		return
	}
	lanes, at := GP64(), GP64()
	MOVQ(I32(8), lanes)
	CMPQ(left, Imm(8))
	CMOVQLT(left, lanes)
	LEAQ(k.masks.Offset(32), at)
	from := GP64()
	MOVQ(lanes, from)
	NEGQ(from)
	inside, d := YMM(), YMM()
	VMOVUPS(Mem{Base: at, Index: from, Scale: 4}, inside)
	VMASKMOVPS(Mem{Base: offered}, inside, d)
	VCMPPS(Imm(below), limit, d, d)
	VANDPS(inside, d, d)
	VMOVMSKPS(d, near.As32())
}

func (k *poolKernel) broadcast(from Mem, to reg.VecVirtual) { VPBROADCASTD(from, to) }

// inUse sets the end of the blocks that are in use once one more is in.
func (k *poolKernel) inUse(n, room reg.Register) {
	MOVQ(n, k.end)
	INCQ(k.end)
	CMPQ(room, k.end)
	CMOVQLT(room, k.end)
	lanes := k.bytes / 4
	ADDQ(Imm(uint64(lanes-1)), k.end)
	ANDQ(I32(-lanes), k.end)
	SHLQ(U8(2), k.end)
}

func (k *poolKernel) block(part int) Mem {
	return Mem{Base: k.pool[part], Index: k.off, Scale: 1}
}

// farther loads a block's distances and finds those beyond the candidate's.
func (k *poolKernel) farther() {
	VMOVUPS(k.block(0), k.moved[0])
	if k.isa == avx512 {
		found := K()
		VCMPPS(Imm(above), k.offered[0], k.moved[0], found)
		KMOVW(found, k.lanes.As32())
		return
	}
	found := YMM()
	VCMPPS(Imm(above), k.offered[0], k.moved[0], found)
	VMOVMSKPS(found, k.lanes.As32())
}

// makeRoom puts the candidate at a place of the block that farther has loaded.
func (k *poolKernel) makeRoom(place reg.GPVirtual) {
	VMOVUPS(k.block(1), k.moved[1])
	if k.isa == avx512 {
		rest := K()
		BLSIL(k.lanes.As32(), k.lanes.As32())
		NOTL(k.lanes.As32())
		KMOVW(k.lanes.As32(), rest)
		VEXPANDPS(k.moved[0], rest, k.offered[0])
		VPEXPANDD(k.moved[1], rest, k.offered[1])
		VMOVUPS(k.offered[0], k.block(0))
		VMOVUPS(k.offered[1], k.block(1))
		return
	}
	shifts, places := GP64(), GP64()
	SHLQ(U8(5), place)
	LEAQ(k.shifts, shifts)
	LEAQ(k.places, places)
	shift, here := YMM(), YMM()
	VMOVUPS(Mem{Base: shifts, Index: place, Scale: 1}, shift)
	VMOVUPS(Mem{Base: places, Index: place, Scale: 1}, here)
	for part, was := range k.moved {
		out := YMM()
		VPERMPS(was, shift, out)
		VBLENDVPS(here, k.offered[part], out, out)
		VMOVUPS(out, k.block(part))
	}
}

// moveOn moves a block on by a lane; the last of the one before comes in.
func (k *poolKernel) moveOn() {
	for part, before := range k.moved {
		was, out := k.new(), k.new()
		VMOVUPS(k.block(part), was)
		if k.isa == avx512 {
			VALIGND(Imm(15), before, was, out)
		} else {
			middle := YMM()
			VPERM2I128(Imm(0x21), was, before, middle)
			VPALIGNR(Imm(12), middle, was, out)
		}
		VMOVUPS(out, k.block(part))
		VMOVUPS(was, before)
	}
}
