package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// less writes the difference of two lists, number by number: what stands before a
// rotation.
func less() {
	TEXT("lessAVX2", NOSPLIT, "func(out, v, by []float32)")
	Pragma("noescape")
	Doc("lessAVX2 sets out, whose length is a multiple of 8 and not 0, to v less by.")
	out, v, by, end := GP64(), GP64(), GP64(), GP64()
	Load(Param("out").Base(), out)
	Load(Param("out").Len(), end)
	LEAQ(Mem{Base: out, Index: end, Scale: 4}, end)
	Load(Param("v").Base(), v)
	Load(Param("by").Base(), by)
	Label("difference")
	x := YMM()
	VMOVUPS(Mem{Base: v}, x)
	VSUBPS(Mem{Base: by}, x, x)
	VMOVUPS(x, Mem{Base: out})
	for _, at := range []reg.Register{v, by, out} {
		ADDQ(Imm(4*lanes), at)
	}
	CMPQ(out, end)
	JL(LabelRef("difference"))
	VZEROUPPER()
	RET()
}

// largest writes the largest magnitude: without their signs the bits of floats are
// in the order of the floats.
func largest() {
	TEXT("largestAVX2", NOSPLIT, "func(v []float32) uint32")
	Pragma("noescape")
	Doc("largestAVX2 is the bits of the largest magnitude of v, whose length is a multiple of 8 and not 0.")
	v, end := GP64(), GP64()
	Load(Param("v").Base(), v)
	Load(Param("v").Len(), end)
	LEAQ(Mem{Base: v, Index: end, Scale: 4}, end)
	most, mask := YMM(), YMM()
	VPXOR(most, most, most)
	VPCMPEQD(mask, mask, mask)
	VPSRLD(U8(1), mask, mask)
	Label("more")
	x := YMM()
	VPAND(Mem{Base: v}, mask, x)
	VPMAXUD(x, most, most)
	ADDQ(Imm(4*lanes), v)
	CMPQ(v, end)
	JL(LabelRef("more"))
	half := XMM()
	VEXTRACTI128(U8(1), most, half)
	VPMAXUD(half, most.AsX(), half)
	for _, swap := range []uint8{0x4e, 0xb1} {
		other := XMM()
		VPSHUFD(U8(swap), half, other)
		VPMAXUD(other, half, half)
	}
	answer := GP32()
	VMOVD(half, answer)
	Store(answer, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// narrow writes the rounding of floats to bytes.
func narrow() {
	TEXT("narrowAVX2", NOSPLIT, "func(out []int8, v []float32, by float32) int32")
	Pragma("noescape")
	Doc("narrowAVX2 sets out to v·by, rounded, and answers the sum; the length is a multiple of 32 and not 0.")
	out, v, end := GP64(), GP64(), GP64()
	Load(Param("out").Base(), out)
	Load(Param("out").Len(), end)
	ADDQ(out, end)
	Load(Param("v").Base(), v)
	by, sum := YMM(), YMM()
	at, err := Param("by").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(at.Addr, by)
	VPXOR(sum, sum, sum)
	order := YMM()
	VMOVDQU(words("bytesInOrder", 0, 4, 1, 5, 2, 6, 3, 7), order)
	Label("bytes")
	var x [4]reg.VecVirtual
	for i := range x {
		x[i] = YMM()
		VMULPS(Mem{Base: v, Disp: 4 * lanes * i}, by, x[i])
		VCVTPS2DQ(x[i], x[i])
		VPADDD(x[i], sum, sum)
	}
	VPACKSSDW(x[1], x[0], x[0])
	VPACKSSDW(x[3], x[2], x[2])
	VPACKSSWB(x[2], x[0], x[0])
	VPERMD(x[0], order, x[0])
	VMOVDQU(x[0], Mem{Base: out})
	ADDQ(I32(16*lanes), v)
	ADDQ(Imm(4*lanes), out)
	CMPQ(out, end)
	JL(LabelRef("bytes"))
	half := XMM()
	VEXTRACTI128(U8(1), sum, half)
	VPADDD(half, sum.AsX(), half)
	for _, swap := range []uint8{0x4e, 0xb1} {
		other := XMM()
		VPSHUFD(U8(swap), half, other)
		VPADDD(other, half, half)
	}
	answer := GP32()
	VMOVD(half, answer)
	Store(answer, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// signTables writes the tables of FastScan for codes of signs, two a turn: one in
// each half of a register.
func signTables() {
	TEXT("signTablesAVX2", NOSPLIT, "func(tables []uint8, y []float32, by float32)")
	Pragma("noescape")
	Doc("signTablesAVX2 is SignTables of an even number of tables, not 0.")
	out, y, end := GP64(), GP64(), GP64()
	Load(Param("tables").Base(), out)
	Load(Param("tables").Len(), end)
	ADDQ(out, end)
	Load(Param("y").Base(), y)
	by, zero, half, order := YMM(), YMM(), YMM(), YMM()
	at, err := Param("by").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(at.Addr, by)
	VXORPS(zero, zero, zero)
	VBROADCASTSS(words("half", 0x3f00_0000), half)
	VMOVDQU(words("bytesInOrder2", 0, 4, 1, 5, 2, 6, 3, 7), order)
	var has [3]reg.VecVirtual // the entries that have a dimension's bit
	for j := range has {
		var list []uint32
		for i := range uint32(lanes) {
			list = append(list, -(i >> j & 1))
		}
		has[j] = YMM()
		VMOVUPS(words([]string{"bit0", "bit1", "bit2"}[j], list...), has[j])
	}

	Label("two")
	f, least := YMM(), YMM()
	VMULPS(Mem{Base: y}, by, f)
	VSUBPS(f, zero, least)
	VMAXPS(zero, least, least)
	VHADDPS(least, least, least)
	VHADDPS(least, least, least)
	VADDPS(half, least, least)
	var dims [4]reg.VecVirtual
	for j := range dims {
		dims[j] = YMM()
		VPERMILPS(U8(0x55*j), f, dims[j])
	}
	var tables [2]reg.VecVirtual
	for t := range tables {
		spread := func(v reg.VecVirtual) reg.VecVirtual {
			r := YMM()
			VPERM2F128(U8(0x11*t), v, v, r)
			return r
		}
		low, high := spread(least), YMM()
		for j, mask := range has {
			one := spread(dims[j])
			VANDPS(mask, one, one)
			VADDPS(one, low, low)
		}
		VADDPS(spread(dims[3]), low, high)
		VCVTTPS2DQ(low, low)
		VCVTTPS2DQ(high, high)
		VPACKUSDW(high, low, low)
		tables[t] = low
	}
	VPACKUSWB(tables[1], tables[0], tables[0])
	VPERMD(tables[0], order, tables[0])
	VMOVDQU(tables[0], Mem{Base: out})
	ADDQ(Imm(4*lanes), y)
	ADDQ(Imm(2*tableBytes), out)
	CMPQ(out, end)
	JL(LabelRef("two"))
	VZEROUPPER()
	RET()
}
