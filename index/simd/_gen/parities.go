package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// parityCosts writes what Levels.costs does: eight bits at a time, four codes for
// each.
func parityCosts() {
	TEXT("parityCostsAVX2", NOSPLIT, "func(keys *[32]uint32, x *[128]float32, inverse, half, most float32)")
	Pragma("noescape")
	Doc("parityCostsAVX2 is Levels.costs of numbers for all codes that a head is in.")
	numbers := words("numbers", 0, 1, 2, 3)
	keys, x := GP64(), GP64()
	Load(Param("keys"), keys)
	Load(Param("x"), x)
	inverse, half, last, one := YMM(), YMM(), YMM(), YMM()
	VBROADCASTSS(param("inverse"), inverse)
	VBROADCASTSS(param("half"), half)
	VBROADCASTSS(param("most"), last)
	VCVTTPS2DQ(last, last)
	VBROADCASTSS(words("one32", 0x3f80_0000), one)
	sign, rest, zero, middle := YMM(), YMM(), YMM(), YMM()
	VPXOR(zero, zero, zero)
	VPCMPEQD(sign, sign, sign)
	VPSLLD(U8(31), sign, sign)
	VPBROADCASTD(words("costBits", 0x7fff_fffc), rest)
	VBROADCASTSS(words("half32", 0x3f00_0000), middle)
	var which [4]reg.VecVirtual
	for k := 1; k < len(which); k++ {
		which[k] = YMM()
		VPBROADCASTD(numbers.Offset(4*k), which[k])
	}
	for bit := 0; bit < 32; bit += lanes {
		var least reg.VecVirtual
		for k := range 4 {
			d := bit/16*blockDims + bit%16 + k/2*64 + k%2*16
			at, c, turn, end := YMM(), YMM(), YMM(), YMM()
			VMULPS(Mem{Base: x, Disp: 4 * d}, inverse, at)
			VADDPS(half, at, at)
			VCVTTPS2DQ(at, c)
			VPMAXSD(zero, c, c)
			VPMINSD(last, c, c)
			VSUBPS(middle, at, at)
			VCVTDQ2PS(c, turn)
			VSUBPS(turn, at, at) // how far above its level the number is
			VPCMPEQD(zero, c, end)
			VPANDN(at, end, turn) // the lowest level is left upwards
			VPCMPEQD(last, c, end)
			VPOR(end, turn, turn) // the highest downwards, the others to the number's side
			VPAND(sign, turn, turn)
			VXORPS(turn, at, at)
			VADDPS(at, at, at)
			VSUBPS(at, one, at)
			VPAND(rest, at, at)
			if k > 0 {
				VPOR(which[k], at, at)
			}
			if least == nil {
				least = at
				continue
			}
			VPMINUD(at, least, least)
		}
		VMOVDQU(least, Mem{Base: keys, Disp: 4 * bit})
	}
	VZEROUPPER()
	RET()
}
