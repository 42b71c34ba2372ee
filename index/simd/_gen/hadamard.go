package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transform writes Walsh-Hadamard transforms. A block of up to most registers is
// transformed in registers; then a turn through memory does two steps at once. The
// sums are those of the scalar kernel, bit for bit.
type transform struct {
	*isa
	most    int // registers that a block is held in
	smaller []int
	product bool             // of v and by, by number; otherwise of v
	by      reg.GPVirtual    // what the next block is multiplied by
	signs   []reg.VecVirtual // factors within a register, for steps of 1, 2, 4 …
	tables  map[string]Mem   // constants that the kernels share
}

// lanes is the floats of a register.
func (k *transform) lanes() int { return k.bytes / 4 }

// hadamards writes all transforms.
func hadamards() {
	tables := map[string]Mem{}
	(&transform{isa: avx2, most: 8, smaller: []int{2, 4}, tables: tables}).write("hadamardAVX2")
	(&transform{isa: avx512, most: 16, smaller: []int{4, 8}, tables: tables}).write("hadamardAVX512")
	(&transform{isa: avx512, most: 16, smaller: []int{4, 8}, tables: tables, product: true}).write("turnAVX512")
}

func (k *transform) write(name string) {
	list, says := "v", "v"
	if k.product {
		list, says = "v, by", "v multiplied by by, number by number, in the place of v"
	}
	TEXT(name, NOSPLIT, "func("+list+" []float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is the Walsh-Hadamard transform of %s, whose length is a power of two from %d on.", name, says, k.smaller[0]*k.lanes()))
	at, end, size := GP64(), GP64(), GP64()
	Load(Param("v").Base(), at)
	Load(Param("v").Len(), size)
	LEAQ(Mem{Base: at, Index: size, Scale: 4}, end)
	if k.product {
		k.by = GP64()
		Load(Param("by").Base(), k.by)
	}
	k.loadSigns()
	for i, n := range k.smaller {
		next := "blocks"
		if i+1 < len(k.smaller) {
			next = "more"
		}
		CMPQ(size, I32(int32(n*k.lanes())))
		JNE(LabelRef(next))
		k.block(at, n)
		VZEROUPPER()
		RET()
		Label(next)
	}
	k.block(at, k.most)
	ADDQ(I32(int32(k.most*k.bytes)), at)
	if k.product {
		ADDQ(I32(int32(k.most*k.bytes)), k.by)
	}
	CMPQ(at, end)
	JL(LabelRef("blocks"))
	k.turns(end)
	VZEROUPPER()
	RET()
}

// loadSigns: a sum with a product by −1 is a difference, exactly.
func (k *transform) loadSigns() {
	const one, minus = 0x3f80_0000, 0xbf80_0000
	k.signs = nil
	for step := 1; step < k.lanes(); step *= 2 {
		var list []uint32
		for lane := range k.lanes() {
			list = append(list, []uint32{one, minus}[lane/step&1])
		}
		factors := k.new()
		VMOVUPS(k.table(fmt.Sprint("signs", step), list), factors)
		k.signs = append(k.signs, factors)
	}
}

// table is a constant in memory, written once.
func (k *transform) table(name string, list []uint32) Mem {
	if k.isa == avx512 {
		name += "of16"
	}
	if _, ok := k.tables[name]; !ok {
		k.tables[name] = words(name, list...)
	}
	return k.tables[name]
}

// block transforms n registers at a place in memory.
func (k *transform) block(at reg.Register, n int) {
	var v []reg.VecVirtual
	for i := range n {
		v = append(v, k.within(at, k.bytes*i))
	}
	k.butterflies(v)
	for i, r := range v {
		VMOVUPS(r, Mem{Base: at, Disp: k.bytes * i})
	}
}

// within loads a register and does the steps within it.
func (k *transform) within(at reg.Register, disp int) reg.VecVirtual {
	if k.isa == avx512 {
		return k.within512(at, disp)
	}
	from := Mem{Base: at, Disp: disp}
	a, b := YMM(), YMM()
	VMOVSLDUP(from, a)
	VMOVSHDUP(from, b)
	VFMADD231PS(k.signs[0], b, a)
	c, d := YMM(), YMM()
	VPERMILPS(U8(0x44), a, c)
	VPERMILPS(U8(0xee), a, d)
	VFMADD231PS(k.signs[1], d, c)
	e, f := YMM(), YMM()
	VPERM2F128(U8(0x00), c, c, e)
	VPERM2F128(U8(0x11), c, c, f)
	VFMADD231PS(k.signs[2], f, e)
	return e
}

// within512: each lane, with its sign in the step, is added to the one across. That
// is one shuffle a step; AVX2's form has two, of which those from memory are free.
func (k *transform) within512(at reg.Register, disp int) reg.VecVirtual {
	v := ZMM()
	VMOVUPS(Mem{Base: at, Disp: disp}, v)
	if k.product {
		VMULPS(Mem{Base: k.by, Disp: disp}, v, v)
	}
	for i, factors := range k.signs {
		across := ZMM()
		swap := U8([]uint8{0xb1, 0x4e}[i%2])
		if i < 2 {
			VPERMILPS(swap, v, across)
		} else {
			VSHUFF32X4(swap, v, v, across)
		}
		VFMADD213PS(across, factors, v)
	}
	return v
}

// butterflies transforms across registers.
func (k *transform) butterflies(v []reg.VecVirtual) {
	for h := 1; h < len(v); h *= 2 {
		for i := range v {
			if i&h == 0 {
				v[i], v[i+h] = k.butterfly(v[i], v[i+h])
			}
		}
	}
}

// butterfly is sum and difference.
func (k *transform) butterfly(a, b reg.VecVirtual) (sum, difference reg.VecVirtual) {
	difference = k.new()
	VSUBPS(b, a, difference)
	VADDPS(b, a, a)
	return a, difference
}

// turns goes through memory for the steps from a block on, two steps at a time,
// and a last one alone where their number is odd.
func (k *transform) turns(end reg.Register) {
	step, from, to := GP64(), GP64(), GP64() // step in bytes
	MOVQ(I32(int32(k.most*k.bytes)), step)

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
	k.pass(Mem{Base: from}, Mem{Base: from, Index: step, Scale: 1}, Mem{Base: from, Index: step, Scale: 2}, Mem{Base: from, Index: three, Scale: 1})
	ADDQ(Imm(uint64(k.bytes)), from)
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
	k.pass(Mem{Base: from}, Mem{Base: from, Index: step, Scale: 1})
	ADDQ(Imm(uint64(k.bytes)), from)
	CMPQ(from, to)
	JL(LabelRef("two"))
	Label("done")
}

// pass transforms across registers at two or four places.
func (k *transform) pass(at ...Mem) {
	v := make([]reg.VecVirtual, len(at))
	for i, m := range at {
		v[i] = k.new()
		VMOVUPS(m, v[i])
	}
	k.butterflies(v)
	for i, m := range at {
		VMOVUPS(v[i], m)
	}
}
