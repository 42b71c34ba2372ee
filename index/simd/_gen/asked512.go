package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const lanes512 = 16 // floats of an AVX-512 register

// asked512 writes the AVX-512 forms of what a query is made ready with. Those of
// lists take any length but 0: what is left over is done by a mask.
func asked512() {
	less512()
	largest512()
	narrow512()
}

// sixteens does a step for every sixteen of so many numbers, and one for the rest,
// whose lanes are in K1. next goes on by sixteen; count is spoilt.
func sixteens(count reg.GPVirtual, step func(part bool), next func()) {
	SUBQ(Imm(lanes512), count)
	JL(LabelRef("part"))
	Label("whole")
	step(false)
	next()
	SUBQ(Imm(lanes512), count)
	JGE(LabelRef("whole"))
	Label("part")
	ADDQ(Imm(lanes512), count)
	JE(LabelRef("through"))
	ones := GP32()
	MOVL(U32(1), ones)
	SHLXL(count.As32(), ones, ones)
	DECL(ones)
	KMOVW(ones, reg.K1)
	step(true)
	Label("through")
}

// floats512 loads sixteen numbers, or those in K1 with zeros behind them.
func floats512(at reg.Register, part bool) reg.VecVirtual {
	x := ZMM()
	if part {
		VMOVUPS_Z(Mem{Base: at}, reg.K1, x)
	} else {
		VMOVUPS(Mem{Base: at}, x)
	}
	return x
}

func less512() {
	TEXT("lessAVX512", NOSPLIT, "func(out, v, by []float32)")
	Pragma("noescape")
	Doc("lessAVX512 sets out, which is not empty, to v less by.")
	out, v, by, count := GP64(), GP64(), GP64(), GP64()
	Load(Param("out").Base(), out)
	Load(Param("out").Len(), count)
	Load(Param("v").Base(), v)
	Load(Param("by").Base(), by)
	sixteens(count, func(part bool) {
		x := floats512(v, part)
		VSUBPS(floats512(by, part), x, x)
		if part {
			VMOVUPS(x, reg.K1, Mem{Base: out})
		} else {
			VMOVUPS(x, Mem{Base: out})
		}
	}, func() {
		for _, at := range []reg.Register{v, by, out} {
			ADDQ(Imm(4*lanes512), at)
		}
	})
	VZEROUPPER()
	RET()
}

func largest512() {
	TEXT("largestAVX512", NOSPLIT, "func(v []float32) uint32")
	Pragma("noescape")
	Doc("largestAVX512 is the bits of the largest magnitude of v, which is not empty.")
	v, count := GP64(), GP64()
	Load(Param("v").Base(), v)
	Load(Param("v").Len(), count)
	most, mask := ZMM(), ZMM()
	VPXORD(most, most, most)
	VPTERNLOGD(U8(0xff), mask, mask, mask)
	VPSRLD(U8(1), mask, mask)
	sixteens(count, func(part bool) {
		x := floats512(v, part)
		VPANDD(mask, x, x)
		VPMAXUD(x, most, most)
	}, func() { ADDQ(Imm(4*lanes512), v) })
	high := YMM()
	VEXTRACTI64X4(U8(1), most, high)
	VPMAXUD(high, most.AsY(), high)
	returnFolded(high, VPMAXUD)
}

// returnFolded returns what op makes of a register's 32-bit lanes.
func returnFolded(v reg.VecVirtual, op func(...Op)) {
	half := XMM()
	VEXTRACTI128(U8(1), v, half)
	op(half, v.AsX(), half)
	for _, swap := range []uint8{0x4e, 0xb1} {
		other := XMM()
		VPSHUFD(U8(swap), half, other)
		op(other, half, half)
	}
	answer := GP32()
	VMOVD(half, answer)
	Store(answer, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

func narrow512() {
	TEXT("narrowAVX512", NOSPLIT, "func(out []int8, v []float32, by float32) int32")
	Pragma("noescape")
	Doc("narrowAVX512 sets out, which is not empty, to v·by, rounded, and answers the sum.")
	out, v, count := GP64(), GP64(), GP64()
	Load(Param("out").Base(), out)
	Load(Param("out").Len(), count)
	Load(Param("v").Base(), v)
	by, sum := ZMM(), ZMM()
	VBROADCASTSS(param("by"), by)
	VPXORD(sum, sum, sum)
	sixteens(count, func(part bool) {
		x := floats512(v, part)
		VMULPS(by, x, x)
		VCVTPS2DQ(x, x)
		VPADDD(x, sum, sum)
		if part {
			VPMOVSDB(x, reg.K1, Mem{Base: out})
		} else {
			VPMOVSDB(x, Mem{Base: out})
		}
	}, func() {
		ADDQ(Imm(4*lanes512), v)
		ADDQ(Imm(lanes512), out)
	})
	high := YMM()
	VEXTRACTI64X4(U8(1), sum, high)
	VPADDD(high, sum.AsY(), high)
	returnFolded(high, VPADDD)
}

// fours writes the sums of magnitudes of four numbers each: the largest, and the
// sum of them. Each sum is in all four of its lanes.
func fours(k *isa) {
	name := "fours" + k.name
	TEXT(name, NOSPLIT, "func(v []float32) (most, sum float32)")
	Pragma("noescape")
	Doc(name + " is Fours of v, whose length is a multiple of the register's and not 0.")
	v, end := GP64(), GP64()
	Load(Param("v").Base(), v)
	Load(Param("v").Len(), end)
	LEAQ(Mem{Base: v, Index: end, Scale: 4}, end)
	most, sum := k.new(), k.new()
	VXORPS(most.AsX(), most.AsX(), most.AsX())
	VXORPS(sum.AsX(), sum.AsX(), sum.AsX())
	sizes := kernel{isa: k}
	sizes.loadAbsMask()
	Label("sizes")
	x, other := k.new(), k.new()
	VANDPS(Mem{Base: v}, sizes.absMask, x)
	for _, swap := range []uint8{0xb1, 0x4e} {
		VPERMILPS(U8(swap), x, other)
		VADDPS(other, x, x)
	}
	VMAXPS(x, most, most)
	VADDPS(x, sum, sum)
	ADDQ(Imm(uint64(k.bytes)), v)
	CMPQ(v, end)
	JL(LabelRef("sizes"))
	for i, fold := range []struct {
		of reg.VecVirtual
		op func(...Op)
	}{{most, VMAXPS}, {sum, VADDPS}} {
		whole, high := fold.of.AsY(), XMM()
		if k == avx512 {
			upper := YMM()
			VEXTRACTF64X4(U8(1), fold.of, upper)
			fold.op(upper, whole, whole)
		}
		VEXTRACTF128(U8(1), whole, high)
		fold.op(high, fold.of.AsX(), high)
		Store(high, ReturnIndex(i))
	}
	VZEROUPPER()
	RET()
}
