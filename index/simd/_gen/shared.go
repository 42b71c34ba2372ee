package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sharedKernel writes the list kernel of simd.Bits for rows whose halves share
// sizes. It goes as bitKernel does, four rows side by side and a plane at a time,
// but a plane is counted twice in one pass: where the sign is set, which counts
// three times, and where the sign is as the size.
//
// Three places of a row run beside one another: a word of the first half of the
// signs, which is off, the one of the second half, and that of the sizes of both.
type sharedKernel struct {
	bitKernel
	second, sizes reg.GPVirtual
}

func (k *sharedKernel) rows() {
	name := "sharedRows" + k.isa.name
	TEXT(name, NOSPLIT, "func(words []uint64, planes, half int, add, mul, bias float32, base *byte, stride int, ids []uint32, out []float32)")
	Pragma("noescape")
	Doc(name+" sets out[i] to the distance of Bits to row ids[i], whose halves share",
		"sizes. half is the bytes of half of a plane.")
	next := GP64()
	XORQ(next, next)
	CMPQ(k.count(), next)
	JE(LabelRef("done"))
	for range group {
		k.rowAt = append(k.rowAt, GP64())
	}
	k.off, k.plane = GP64(), GP64()
	k.groups(next, k.ask, k.counted)
}

// ask asks memory for four rows: three halves of a plane.
func (k *sharedKernel) ask(first reg.GPVirtual, skip int) {
	k.size = GP64()
	MOVQ(param("half"), k.size)
	LEAQ(Mem{Base: k.size, Index: k.size, Scale: 2}, k.size)
	k.askFor(first, skip)
}

// counted is the sums of four rows.
func (k *sharedKernel) counted() reg.VecVirtual {
	k.sums = nil
	for range group {
		sum := GP64()
		XORL(sum.As32(), sum.As32())
		k.sums = append(k.sums, sum)
	}
	Load(Param("words").Base(), k.plane)
	left := GP64()
	Load(Param("planes"), left)
	k.second, k.sizes = GP64(), GP64()

	Label("plane")
	k.countPlane()
	ADDQ(k.second, k.plane) // which ended at the end of the plane
	CMPQ(left, param("planes"))
	JNE(LabelRef("counts"))
	k.negate()
	Label("counts")
	DECQ(left)
	JNZ(LabelRef("plane"))
	return k.gather()
}

// countPlane doubles the sums and adds what a plane counts. Both places of the
// signs are at the ends of their halves behind it.
func (k *sharedKernel) countPlane() {
	for _, sum := range k.sums {
		ADDQ(sum, sum)
	}
	XORL(k.off.As32(), k.off.As32())
	MOVQ(param("half"), k.second)
	LEAQ(Mem{Base: k.second, Index: k.second, Scale: 1}, k.sizes)
	TESTQ(k.second, k.second)
	JZ(LabelRef("counted"))
	Label("word")
	for i, row := range k.rowAt {
		k.countWord(row, k.off, k.sums[i])
		k.countWord(row, k.second, k.sums[i])
	}
	for _, at := range []reg.GPVirtual{k.off, k.second, k.sizes} {
		ADDQ(Imm(8), at)
	}
	CMPQ(k.off, param("half"))
	JL(LabelRef("word"))
	Label("counted")
}

func (k *sharedKernel) countWord(row, at, sum reg.GPVirtual) {
	in := func(base, at reg.Register, disp int) Mem { return Mem{Base: base, Index: at, Scale: 1, Disp: disp} }
	bits := GP64()
	MOVQ(in(k.plane, at, 0), bits)
	ANDQ(in(row, at, codeHead), bits)
	POPCNTQ(bits, bits)
	LEAQ(Mem{Base: bits, Index: bits, Scale: 2}, bits)
	ADDQ(bits, sum)
	bits = GP64()
	MOVQ(in(row, k.sizes, codeHead), bits)
	XORQ(in(row, at, codeHead), bits)
	ANDNQ(in(k.plane, at, 0), bits, bits)
	POPCNTQ(bits, bits)
	ADDQ(bits, sum)
}
