package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// levelKernel writes the kernels of simd.Levels: numbers become whole levels, by a
// product and a sum that round like the scalar kernel's, so that codes are the same.
type levelKernel struct {
	*isa
	x                                   reg.GPVirtual
	inverse, half, middle, levels, zero reg.VecVirtual
	along, norm                         reg.VecVirtual
}

const levelParams = "x []float32, inverse, half, middle, levels float32"

// levels writes all of a set.
func levels(set *isa) {
	(&levelKernel{isa: set}).fit()
	(&levelKernel{isa: set}).put(8)
	(&levelKernel{isa: set}).put(4)
}

// begin loads the parameters; end is behind the last number.
func (k *levelKernel) begin() (end reg.GPVirtual) {
	k.x, end = GP64(), GP64()
	Load(Param("x").Base(), k.x)
	Load(Param("x").Len(), end)
	LEAQ(Mem{Base: k.x, Index: end, Scale: 4}, end)
	for _, p := range []struct {
		name string
		to   *reg.VecVirtual
	}{{"inverse", &k.inverse}, {"half", &k.half}, {"middle", &k.middle}, {"levels", &k.levels}} {
		*p.to = k.new()
		VBROADCASTSS(param(p.name), *p.to)
	}
	for _, r := range []*reg.VecVirtual{&k.zero, &k.along, &k.norm} {
		*r = k.new()
		VXORPS((*r).AsX(), (*r).AsX(), (*r).AsX())
	}
	return end
}

// level is the levels of a register of numbers, as integers; along grows.
func (k *levelKernel) level(disp int) (code, distance reg.VecVirtual) {
	f, code, distance := k.new(), k.new(), k.new()
	VMOVUPS(Mem{Base: k.x, Disp: disp}, f)
	VMULPS(k.inverse, f, code)
	VADDPS(k.half, code, code)
	VMAXPS(k.zero, code, code)
	VMINPS(k.levels, code, code)
	VCVTTPS2DQ(code, code)
	VCVTDQ2PS(code, distance)
	VSUBPS(k.middle, distance, distance)
	VFMADD231PS(distance, f, k.along)
	return code, distance
}

func (k *levelKernel) fit() {
	name := "levelFit" + k.name
	TEXT(name, NOSPLIT, "func("+levelParams+") (along, norm float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is Levels.Fit of x, whose length is a multiple of %d and not 0.", name, k.bytes/4))
	end := k.begin()
	Label("fit")
	_, distance := k.level(0)
	VFMADD231PS(distance, distance, k.norm)
	ADDQ(Imm(uint64(k.bytes)), k.x)
	CMPQ(k.x, end)
	JL(LabelRef("fit"))
	Store(k.total(k.along), ReturnIndex(0))
	Store(k.total(k.norm), ReturnIndex(1))
	VZEROUPPER()
	RET()
}

// total is the sum of a register's lanes, in the lowest.
func (k *levelKernel) total(v reg.VecVirtual) reg.Register {
	if k.isa == avx512 {
		upper := YMM()
		VEXTRACTF64X4(U8(1), v, upper)
		VADDPS(upper, v.AsY(), v.AsY())
	}
	high := XMM()
	VEXTRACTF128(U8(1), v.AsY(), high)
	VADDPS(high, v.AsX(), high)
	VHADDPS(high, high, high)
	VHADDPS(high, high, high)
	return high
}

// put writes 16 bytes a turn: 16 codes of 8 bits, or 32 of 4, of which the first 16
// are the low halves.
func (k *levelKernel) put(bits int) {
	name := fmt.Sprintf("levelPut%d%s", bits, k.name)
	dims := 128 / bits
	TEXT(name, NOSPLIT, "func(codes []byte, "+levelParams+") (along float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is Levels.Put%d of x, whose length is a multiple of %d and not 0.", name, bits, dims))
	codes := GP64()
	Load(Param("codes").Base(), codes)
	end := k.begin()
	Label("put")
	sixteen := k.sixteen(0)
	if bits == 4 {
		for i, high := range k.sixteen(64) {
			VPSLLD(U8(4), high, high)
			k.or(high, sixteen[i])
		}
	}
	k.pack(sixteen, Mem{Base: codes})
	ADDQ(I32(int32(4*dims)), k.x)
	ADDQ(Imm(16), codes)
	CMPQ(k.x, end)
	JL(LabelRef("put"))
	Store(k.total(k.along), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// sixteen is the levels of 16 numbers, in one register or two.
func (k *levelKernel) sixteen(disp int) (list []reg.VecVirtual) {
	for at := 0; at < 64; at += k.bytes {
		code, _ := k.level(disp + at)
		list = append(list, code)
	}
	return list
}

func (k *levelKernel) or(from, to reg.VecVirtual) {
	if k.isa == avx512 {
		VPORD(from, to, to)
		return
	}
	VPOR(from, to, to)
}

// pack writes the lowest bytes of 16 lanes.
func (k *levelKernel) pack(lanes []reg.VecVirtual, to Mem) {
	if k.isa == avx512 {
		VPMOVDB(lanes[0], to)
		return
	}
	words, high := YMM(), XMM()
	VPACKUSDW(lanes[1], lanes[0], words)
	VPERMQ(U8(0xd8), words, words)
	VEXTRACTI128(U8(1), words, high)
	VPACKUSWB(high, words.AsX(), high)
	VMOVDQU(high, to)
}
