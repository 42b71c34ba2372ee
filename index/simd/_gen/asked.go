package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const lanes = 8 // floats of an AVX2 register

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
	returnFolded(most, VPMAXUD)
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
	VBROADCASTSS(param("by"), by)
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
	returnFolded(sum, VPADDD)
}

// signTables writes the tables of FastScan for codes of signs, one in each 16 bytes
// of a register: there are four entries of each table side by side, and the other
// twelve are those and the third dimension, the fourth, and both.
func signTables(k *isa) {
	name := "signTables" + k.name
	TEXT(name, NOSPLIT, "func(tables []uint8, y []float32, by float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is SignTables of a multiple of %d tables, not 0.", name, k.bytes/tableBytes))
	out, y, end := GP64(), GP64(), GP64()
	Load(Param("tables").Base(), out)
	Load(Param("tables").Len(), end)
	ADDQ(out, end)
	Load(Param("y").Base(), y)
	by, zero, half := k.new(), k.new(), k.new()
	VBROADCASTSS(param("by"), by)
	VXORPS(zero.AsX(), zero.AsX(), zero.AsX())
	VBROADCASTSS(words("half"+k.name, 0x3f00_0000), half)
	addTo := addToEntries(k)

	Label("tables")
	f, first, other := k.new(), k.new(), k.new()
	VMULPS(Mem{Base: y}, by, f)
	VSUBPS(f, zero, first)
	VMAXPS(zero, first, first)
	for _, swap := range []uint8{0xb1, 0x4e} {
		VPERMILPS(U8(swap), first, other)
		VADDPS(other, first, first)
	}
	VADDPS(half, first, first)
	var dims [4]reg.VecVirtual
	for j := range dims {
		dims[j] = k.new()
		VPERMILPS(U8(0x55*j), f, dims[j])
	}
	addTo(first, dims)
	third, fourth, both := k.new(), k.new(), k.new()
	VADDPS(dims[2], first, third)
	VADDPS(dims[3], first, fourth)
	VADDPS(dims[3], third, both)
	for _, v := range []reg.VecVirtual{first, third, fourth, both} {
		VCVTTPS2DQ(v, v)
	}
	VPACKUSDW(third, first, first)
	VPACKUSDW(both, fourth, fourth)
	VPACKUSWB(fourth, first, first)
	VMOVUPS(first, Mem{Base: out})
	ADDQ(Imm(uint64(k.bytes)), y)
	ADDQ(Imm(uint64(k.bytes)), out)
	CMPQ(out, end)
	JL(LabelRef("tables"))
	VZEROUPPER()
	RET()
}

// addToEntries adds the first two dimensions to the entries that have their bits.
func addToEntries(k *isa) func(entries reg.VecVirtual, dims [4]reg.VecVirtual) {
	if k == avx512 {
		masks := []reg.OpmaskPhysical{reg.K1, reg.K2}
		for j, lanes := range []uint32{0xaaaa, 0xcccc} {
			has := GP32()
			MOVL(U32(lanes), has)
			KMOVW(has, masks[j])
		}
		return func(entries reg.VecVirtual, dims [4]reg.VecVirtual) {
			for j, mask := range masks {
				VADDPS(dims[j], entries, mask, entries)
			}
		}
	}
	var has [2]reg.VecVirtual
	for j := range has {
		var list []uint32
		for i := range uint32(lanes) {
			list = append(list, -(i >> j & 1))
		}
		has[j] = YMM()
		VMOVUPS(words(fmt.Sprint("bit", j), list...), has[j])
	}
	return func(entries reg.VecVirtual, dims [4]reg.VecVirtual) {
		for j, mask := range has {
			VANDPS(mask, dims[j], dims[j])
			VADDPS(dims[j], entries, entries)
		}
	}
}

// multiply writes the product of two lists, number by number: what stands before
// each transform of a rotation.
func multiply() {
	TEXT("multiplyAVX2", NOSPLIT, "func(v, by []float32)")
	Pragma("noescape")
	Doc("multiplyAVX2 multiplies v, whose length is a multiple of 8 and not 0, by the numbers of by.")
	at, by, end := GP64(), GP64(), GP64()
	Load(Param("v").Base(), at)
	Load(Param("v").Len(), end)
	LEAQ(Mem{Base: at, Index: end, Scale: 4}, end)
	Load(Param("by").Base(), by)
	Label("product")
	product := YMM()
	VMOVUPS(Mem{Base: by}, product)
	VMULPS(Mem{Base: at}, product, product)
	VMOVUPS(product, Mem{Base: at})
	ADDQ(Imm(4*lanes), by)
	ADDQ(Imm(4*lanes), at)
	CMPQ(at, end)
	JL(LabelRef("product"))
	VZEROUPPER()
	RET()
}
