package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	lanes = 8 // floats of an AVX2 register
	most  = 8 // registers that a block is held in
)

// hadamard writes the Walsh-Hadamard transform. A block of up to 64 floats is
// transformed in registers; then a turn through memory does two steps at once.
// The sums are those of the scalar kernel, bit for bit.
func hadamard() {
	TEXT("hadamardAVX2", NOSPLIT, "func(v []float32)")
	Pragma("noescape")
	Doc("hadamardAVX2 is the Walsh-Hadamard transform of v, whose length is a power of two from 16 on.")
	at, end, size := GP64(), GP64(), GP64()
	Load(Param("v").Base(), at)
	Load(Param("v").Len(), size)
	LEAQ(Mem{Base: at, Index: size, Scale: 4}, end)
	signs := signs()

	for _, n := range []int{2, 4} {
		next := map[int]string{2: "more", 4: "blocks"}[n]
		CMPQ(size, Imm(uint64(n*lanes)))
		JNE(LabelRef(next))
		block(at, n, signs)
		VZEROUPPER()
		RET()
		Label(next)
	}
	block(at, most, signs)
	ADDQ(I32(4*most*lanes), at)
	CMPQ(at, end)
	JL(LabelRef("blocks"))
	turns(end)
	VZEROUPPER()
	RET()
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

// signs are the factors of the second operand within a register, for steps of 1,
// 2 and 4: a sum with a product by −1 is a difference, exactly.
func signs() (s [3]reg.VecVirtual) {
	const one, minus = 0x3f80_0000, 0xbf80_0000
	for i := range s {
		var list []uint32
		for lane := range lanes {
			list = append(list, []uint32{one, minus}[lane>>i&1])
		}
		s[i] = YMM()
		VMOVUPS(words([]string{"signs1", "signs2", "signs4"}[i], list...), s[i])
	}
	return s
}

// block transforms n registers at a place in memory.
func block(at reg.Register, n int, signs [3]reg.VecVirtual) {
	var v []reg.VecVirtual
	for i := range n {
		v = append(v, within(Mem{Base: at, Disp: 4 * lanes * i}, signs))
	}
	for h := 1; h < n; h *= 2 {
		for i := range n {
			if i&h == 0 {
				v[i], v[i+h] = butterfly(v[i], v[i+h])
			}
		}
	}
	for i, r := range v {
		VMOVUPS(r, Mem{Base: at, Disp: 4 * lanes * i})
	}
}

// within loads a register and does the steps of 1, 2 and 4.
func within(at Mem, signs [3]reg.VecVirtual) reg.VecVirtual {
	a, b := YMM(), YMM()
	VMOVSLDUP(at, a)
	VMOVSHDUP(at, b)
	VFMADD231PS(signs[0], b, a)
	c, d := YMM(), YMM()
	VPERMILPS(U8(0x44), a, c)
	VPERMILPS(U8(0xee), a, d)
	VFMADD231PS(signs[1], d, c)
	e, f := YMM(), YMM()
	VPERM2F128(U8(0x00), c, c, e)
	VPERM2F128(U8(0x11), c, c, f)
	VFMADD231PS(signs[2], f, e)
	return e
}

// butterfly is sum and difference.
func butterfly(a, b reg.VecVirtual) (sum, difference reg.VecVirtual) {
	difference = YMM()
	VSUBPS(b, a, difference)
	VADDPS(b, a, a)
	return a, difference
}

// turns goes through memory for the steps from 64 floats on, two steps at a time,
// and a last one alone where their number is odd.
func turns(end reg.Register) {
	step, from, to := GP64(), GP64(), GP64() // step in bytes
	MOVQ(I32(4*most*lanes), step)

	Label("turn")
	Load(Param("v").Base(), from)
	LEAQ(Mem{Base: from, Index: step, Scale: 4}, to)
	CMPQ(to, end)
	JG(LabelRef("last"))
	Label("quad")
	three := GP64()
	LEAQ(Mem{Base: step, Index: step, Scale: 2}, three)
	LEAQ(Mem{Base: from, Index: step, Scale: 1}, to)
	Label("four")
	pass(Mem{Base: from}, Mem{Base: from, Index: step, Scale: 1}, Mem{Base: from, Index: step, Scale: 2}, Mem{Base: from, Index: three, Scale: 1})
	ADDQ(Imm(4*lanes), from)
	CMPQ(from, to)
	JL(LabelRef("four"))
	ADDQ(three, from)
	CMPQ(from, end)
	JL(LabelRef("quad"))
	SHLQ(U8(2), step)
	JMP(LabelRef("turn"))

	Label("last")
	LEAQ(Mem{Base: from, Index: step, Scale: 1}, to)
	CMPQ(to, end)
	JGE(LabelRef("done"))
	Label("two")
	pass(Mem{Base: from}, Mem{Base: from, Index: step, Scale: 1})
	ADDQ(Imm(4*lanes), from)
	CMPQ(from, to)
	JL(LabelRef("two"))
	Label("done")
}

// pass transforms across registers at two or four places.
func pass(at ...Mem) {
	v := make([]reg.VecVirtual, len(at))
	for i, m := range at {
		v[i] = YMM()
		VMOVUPS(m, v[i])
	}
	for h := 1; h < len(v); h *= 2 {
		for i := range v {
			if i&h == 0 {
				v[i], v[i+h] = butterfly(v[i], v[i+h])
			}
		}
	}
	for i, m := range at {
		VMOVUPS(v[i], m)
	}
}
