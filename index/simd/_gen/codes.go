package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	line      = 64   // bytes
	blockDims = 32   // dimensions that a row is padded to
	codeHead  = 8    // bytes of a row of 1-bit codes before its codes: add and mul
	bodySize  = line // bytes of codes of each row in one turn of the loop
	lead      = 8    // rows asked of memory before they are used
)

// codeKernel writes the list kernels of simd.Codes. Its four rows have one
// accumulator each: an addition of integers takes one cycle.
type codeKernel struct {
	kernel
	bits int
	vnni bool // 64-byte registers, and the dot product of bytes
	// head is where in a row its add and mul are; nil: at its beginning.
	head    reg.GPVirtual
	consts  *codeConsts
	ones    reg.VecVirtual // 1 in 16-bit lanes
	nibbles reg.VecVirtual // 15 in bytes
	acc     []reg.VecVirtual
}

// codeConsts are the constants in memory.
type codeConsts struct{ ones, nibbles, shifts Mem }

func newCodeConsts() *codeConsts {
	return &codeConsts{
		ones:    words("ones16", 0x0001_0001),
		nibbles: words("nibbles", 0x0f0f_0f0f),
		shifts:  words("shiftHigh", 0, 0, 0, 0, 4, 4, 4, 4),
	}
}

// words is 32-bit words in memory.
func words(name string, list ...uint32) Mem {
	m := GLOBL(name, attr.RODATA|attr.NOPTR)
	for i, w := range list {
		DATA(4*i, U32(w))
	}
	return m
}

// rows writes func codeNRowsISA.
func (k *codeKernel) rows() {
	name := fmt.Sprintf("code%dRows%s", k.bits, k.isa.name)
	TEXT(name, NOSPLIT, "func(query []int8, add, mul, bias float32, head int, base *byte, stride int, ids []uint32, out []float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s sets out[i] to the distance of Codes to row ids[i] of %d-bit codes.", name, k.bits))
	k.query = GP64()
	for range group {
		k.rowAt, k.ahead = append(k.rowAt, GP64()), append(k.ahead, GP64())
	}
	next := GP64()
	XORQ(next, next)
	CMPQ(k.count(), next)
	JE(LabelRef("done"))
	Load(Param("query").Base(), k.query)
	k.size, k.off = GP64(), GP64()
	Load(Param("query").Len(), k.size)
	if k.bits == 4 {
		SHRQ(U8(1), k.size)
	}
	k.constants()
	k.warm()

	Label("group")
	k.pointAt(k.rowAt, next, 0)
	k.pointAt(k.ahead, next, lead)
	ADDQ(Imm(group), next)
	k.sumUp()
	adds, muls := k.heads()
	k.storeGroup(k.fixUp(k.addUp(k.acc), adds, muls), next)
	CMPQ(next, k.count())
	JL(LabelRef("group"))
	VZEROUPPER()
	Label("done")
	RET()
}

// constants fills the registers that stay the same.
func (k *codeKernel) constants() {
	for range group {
		k.acc = append(k.acc, k.new())
	}
	if !k.vnni {
		k.ones = k.new()
		VPBROADCASTD(k.consts.ones, k.ones)
	}
	if k.bits == 4 {
		k.nibbles = k.new()
		VPBROADCASTD(k.consts.nibbles, k.nibbles)
	}
}

// warm asks for the first rows.
func (k *codeKernel) warm() {
	i, row, at, ids := GP64(), GP64(), GP64(), GP64()
	Load(Param("ids").Base(), ids)
	XORQ(i, i)
	Label("warm")
	MOVL(Mem{Base: ids, Index: i, Scale: 4}, row.As32())
	IMULQ(param("stride"), row)
	ADDQ(param("base"), row)
	XORQ(at, at)
	Label("line")
	PREFETCHT0(Mem{Base: row, Index: at, Scale: 1})
	ADDQ(Imm(line), at)
	CMPQ(at, k.size)
	JL(LabelRef("line"))
	ADDQ(param("head"), row)
	PREFETCHT0(Mem{Base: row})
	INCQ(i)
	CMPQ(i, Imm(lead))
	JGE(LabelRef("group"))
	CMPQ(i, k.count())
	JL(LabelRef("warm"))
}

// sumUp fills the accumulators with the products of a group.
func (k *codeKernel) sumUp() {
	for _, a := range k.acc {
		VPXOR(a.AsX(), a.AsX(), a.AsX())
	}
	end := GP64()
	MOVQ(k.size, end)
	ANDQ(I32(-bodySize), end)
	XORQ(k.off, k.off)
	CMPQ(k.off, end)
	JGE(LabelRef("tail"))

	Label("body")
	k.prefetchLine()
	if k.bits == 8 {
		k.body8()
	} else {
		k.body4()
	}
	ADDQ(Imm(bodySize), k.off)
	CMPQ(k.off, end)
	JL(LabelRef("body"))

	Label("tail")
	CMPQ(k.off, k.size)
	JGE(LabelRef("summed"))
	k.prefetchLine()
	for _, row := range k.ahead { // a row may end a line later than its last 64 bytes begin
		PREFETCHT0(Mem{Base: row, Index: k.size, Scale: 1, Disp: -1})
	}
	Label("block")
	if k.bits == 8 {
		k.block8()
	} else {
		k.block4()
	}
	ADDQ(Imm(uint64(blockDims*k.bits/8)), k.off)
	CMPQ(k.off, k.size)
	JL(LabelRef("block"))
	Label("summed")
}

// heads are add and mul of the four rows.
func (k *codeKernel) heads() (adds, muls reg.VecVirtual) {
	adds, muls = XMM(), XMM()
	k.head = GP64()
	MOVQ(param("head"), k.head)
	if k.bits == 4 {
		TESTQ(k.head, k.head)
		JE(LabelRef("within"))
	}
	for _, row := range k.ahead {
		PREFETCHT0(Mem{Base: row, Index: k.head, Scale: 1})
	}
	k.headsApart(adds, muls)
	if k.bits == 4 {
		JMP(LabelRef("headed"))
		Label("within")
		k.headsWithin(adds, muls)
		Label("headed")
	}
	return adds, muls
}

func (k *codeKernel) prefetchLine() {
	for _, row := range k.ahead {
		PREFETCHT0(Mem{Base: row, Index: k.off, Scale: 1})
	}
}

// codes is where a row's codes are, disp bytes behind the ones that are next.
func (k *codeKernel) codes(row reg.Register, disp int) Mem {
	return Mem{Base: row, Index: k.off, Scale: 1, Disp: disp}
}

// part is where the query is, disp dimensions behind the ones that are next.
func (k *codeKernel) part(disp int) Mem {
	return Mem{Base: k.query, Index: k.off, Scale: uint8(8 / k.bits), Disp: disp}
}

// body8 is 64 dimensions.
func (k *codeKernel) body8() {
	for disp := 0; disp < bodySize; disp += k.bytes {
		query := k.load(k.part(disp))
		for i, row := range k.rowAt {
			k.add(query, k.load(k.codes(row, disp)), k.acc[i])
		}
	}
}

// block8 is 32 dimensions.
func (k *codeKernel) block8() {
	query := k.loadHalf(k.part(0))
	for i, row := range k.rowAt {
		k.add(query, k.loadHalf(k.codes(row, 0)), k.acc[i])
	}
}

// body4 is 128 dimensions: the low halves of a register of codes are every other
// 16 of them, so the query's are brought into that order. Four products of at most
// 2·15·127 fit 16 bits together.
func (k *codeKernel) body4() {
	var low, high []reg.VecVirtual
	for disp := 0; disp < 2*bodySize; disp += 2 * k.bytes {
		first, second := k.load(k.part(disp)), k.load(k.part(disp+k.bytes))
		l, h := k.new(), k.new()
		if k.vnni {
			VSHUFI64X2(U8(0x88), second, first, l)
			VSHUFI64X2(U8(0xdd), second, first, h)
		} else {
			VPERM2I128(U8(0x20), second, first, l)
			VPERM2I128(U8(0x31), second, first, h)
		}
		low, high = append(low, l), append(high, h)
	}
	for i, row := range k.rowAt {
		k.body4Row(row, low, high, k.acc[i])
	}
}

func (k *codeKernel) body4Row(row reg.Register, low, high []reg.VecVirtual, acc reg.VecVirtual) {
	var sum reg.VecVirtual
	for at := range low {
		h := k.load(k.codes(row, at*k.bytes))
		l := k.new()
		k.and(h, l)
		VPSRLW(U8(4), h, h)
		k.and(h, h)
		if k.vnni {
			VPDPBUSD(low[at], l, acc)
			VPDPBUSD(high[at], h, acc)
			continue
		}
		VPMADDUBSW(low[at], l, l)
		VPMADDUBSW(high[at], h, h)
		VPADDW(h, l, l)
		if sum == nil {
			sum = l
			continue
		}
		VPADDW(l, sum, sum)
	}
	if !k.vnni {
		VPMADDWD(k.ones, sum, sum)
		VPADDD(sum, acc, acc)
	}
}

// block4 is 32 dimensions: 16 bytes twice, the second time shifted.
func (k *codeKernel) block4() {
	query := k.loadHalf(k.part(0))
	shifts := YMM()
	VMOVDQU(k.consts.shifts, shifts)
	for i, row := range k.rowAt {
		codes := k.new()
		half := codes.AsY()
		VBROADCASTI128(k.codes(row, 0), half)
		VPSRLVD(shifts, half, half)
		VPAND(k.nibbles.AsY(), half, half)
		k.add(query, codes, k.acc[i])
	}
}

func (k *codeKernel) load(at Mem) reg.VecVirtual {
	r := k.new()
	if k.vnni {
		VMOVDQU64(at, r)
	} else {
		VMOVDQU(at, r)
	}
	return r
}

// loadHalf loads 32 bytes, zeros behind them where a register has more.
func (k *codeKernel) loadHalf(at Mem) reg.VecVirtual {
	r := k.new()
	VMOVDQU(at, r.AsY())
	return r
}

// and clears all but the low nibbles of bytes.
func (k *codeKernel) and(from, to reg.VecVirtual) {
	if k.vnni {
		VPANDD(k.nibbles, from, to)
		return
	}
	VPAND(k.nibbles, from, to)
}

// add adds the products of one register of bytes; it spoils the codes.
func (k *codeKernel) add(query, codes, acc reg.VecVirtual) {
	if k.vnni {
		VPDPBUSD(query, codes, acc)
		return
	}
	VPMADDUBSW(query, codes, codes)
	VPMADDWD(k.ones, codes, codes)
	VPADDD(codes, acc, acc)
}

// fixUp makes distances of the sums, in the order of the scalar kernel, each
// operation rounded.
func (k *codeKernel) fixUp(sums reg.VecVirtual, adds, muls reg.VecVirtual) reg.Register {
	VCVTDQ2PS(sums, sums)
	scale := func(name string, op func(...Op)) {
		c := XMM()
		VBROADCASTSS(param(name), c)
		op(c, sums, sums)
	}
	scale("mul", VMULPS)
	scale("bias", VADDPS)
	add := XMM()
	VBROADCASTSS(param("add"), add)
	VADDPS(adds, add, add)
	VMULPS(sums, muls, sums)
	VADDPS(sums, add, sums)
	return sums
}

// headsApart are add and mul of the four rows where they stand apart.
func (k *codeKernel) headsApart(adds, muls reg.VecVirtual) {
	front, back := k.twoHeads(0), k.twoHeads(2)
	VSHUFPS(U8(0x88), back, front, adds)
	VSHUFPS(U8(0xdd), back, front, muls)
}

// headsWithin are those in the parities of the codes: see simd.Parities.
func (k *codeKernel) headsWithin(adds, muls reg.VecVirtual) {
	all := XMM()
	for i, row := range k.rowAt {
		w, low := YMM(), YMM()
		VMOVDQU(Mem{Base: row}, w)
		VPXOR(Mem{Base: row, Disp: 32}, w, w)
		VPSLLW(U8(7), w, low)
		VPSLLW(U8(3), w, w)
		VPXOR(low, w, w)
		bits := GP32()
		VPMOVMSKB(w, bits)
		if i == 0 {
			VMOVD(bits, all)
		} else {
			VPINSRD(U8(i), bits, all, all)
		}
	}
	VPSLLD(U8(16), all, adds)
	VPSRLD(U8(16), all, muls)
	VPSLLD(U8(16), muls, muls)
}

// twoHeads is add and mul of two rows.
func (k *codeKernel) twoHeads(first int) reg.VecVirtual {
	r := XMM()
	VMOVSD(k.headOf(first), r)
	VMOVHPS(k.headOf(first+1), r, r)
	return r
}

// headOf is where add and mul of a row are.
func (k *codeKernel) headOf(i int) Mem {
	if k.head == nil {
		return Mem{Base: k.rowAt[i]}
	}
	return Mem{Base: k.rowAt[i], Index: k.head, Scale: 1}
}
