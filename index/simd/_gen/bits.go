package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bitLead is the rows asked of memory ahead: more than of longer codes.
const bitLead = 12

// bitKernel writes the list kernels of simd.Bits: four rows side by side, a
// plane at a time, the sum doubled before each.
type bitKernel struct {
	codeKernel
	plane reg.GPVirtual    // the plane being counted
	sums  []reg.GPVirtual  // AVX2: of the rows
	accs  []reg.VecVirtual // AVX-512: lanes of 64 bits for each row
}

func (k *bitKernel) rows() {
	name := "bitRows" + k.isa.name
	TEXT(name, NOSPLIT, "func(words []uint64, planes int, add, mul, bias float32, base *byte, stride int, ids []uint32, out []float32)")
	Pragma("noescape")
	Doc(name + " sets out[i] to the distance of Bits to row ids[i] of 1-bit codes.")
	next := GP64()
	XORQ(next, next)
	CMPQ(k.count(), next)
	JE(LabelRef("done"))
	k.sizeOfRow()
	for range group {
		k.rowAt = append(k.rowAt, GP64())
	}
	k.off, k.plane = GP64(), GP64()
	if k.isa == avx512 {
		k.mask()
	}
	k.groups(next, k.askFor, k.counted)
}

// groups is the loop over a list, four rows at a time: ask asks memory for four, sums
// are the sums of a group.
func (k *bitKernel) groups(next reg.GPVirtual, ask func(first reg.GPVirtual, skip int), sums func() reg.VecVirtual) {
	for first := 0; first < bitLead; first += group {
		ask(next, first)
	}

	Label("group")
	ask(next, bitLead)
	k.pointAt(k.rowAt, next, 0)
	ADDQ(Imm(group), next)
	got := sums()
	adds, muls := XMM(), XMM()
	k.headsApart(adds, muls)
	k.storeGroup(k.fixUp(got, adds, muls), next)
	CMPQ(next, k.count())
	JL(LabelRef("group"))
	VZEROUPPER()
	Label("done")
	RET()
}

// sizeOfRow is the bytes of a plane.
func (k *bitKernel) sizeOfRow() {
	k.size = GP64()
	Load(Param("words").Len(), reg.RAX)
	XORL(reg.EDX, reg.EDX)
	divisor := GP64()
	Load(Param("planes"), divisor)
	DIVQ(divisor)
	MOVQ(reg.RAX, k.size)
	SHLQ(U8(3), k.size)
}

// askFor asks memory for four rows.
func (k *bitKernel) askFor(first reg.GPVirtual, skip int) {
	k.ahead = nil
	for range group {
		k.ahead = append(k.ahead, GP64())
	}
	k.pointAt(k.ahead, first, skip)
	label := fmt.Sprintf("ask%d", skip)
	XORL(k.off.As32(), k.off.As32())
	Label(label)
	k.prefetchLine()
	ADDQ(Imm(line), k.off)
	CMPQ(k.off, k.size)
	JL(LabelRef(label))
	for _, row := range k.ahead {
		PREFETCHT0(Mem{Base: row, Index: k.size, Scale: 1, Disp: codeHead - 1})
	}
}

// mask is K1 of the words behind the last whole register.
func (k *bitKernel) mask() {
	over, ones := GP32(), GP32()
	MOVL(k.size.As32(), over)
	SHRL(U8(3), over)
	ANDL(U32(7), over)
	MOVL(U32(1), ones)
	SHLXL(over, ones, ones)
	DECL(ones)
	KMOVW(ones, reg.K1)
}

// counted is the sums of four rows.
func (k *bitKernel) counted() reg.VecVirtual {
	k.sums, k.accs = nil, nil
	for range group {
		if k.isa == avx512 {
			acc := ZMM()
			VPXORQ(acc, acc, acc)
			k.accs = append(k.accs, acc)
			continue
		}
		sum := GP64()
		XORL(sum.As32(), sum.As32())
		k.sums = append(k.sums, sum)
	}
	Load(Param("words").Base(), k.plane)
	left := GP64()
	Load(Param("planes"), left)

	Label("plane")
	if k.isa == avx512 {
		k.count512()
	} else {
		k.countWords()
	}
	ADDQ(k.size, k.plane)
	CMPQ(left, param("planes"))
	JNE(LabelRef("counts"))
	k.negate()
	Label("counts")
	DECQ(left)
	JNZ(LabelRef("plane"))
	return k.gather()
}

// negate: the first plane is the sign's.
func (k *bitKernel) negate() {
	for _, sum := range k.sums {
		NEGQ(sum)
	}
	if k.isa != avx512 {
		return
	}
	zero := ZMM()
	VPXORQ(zero, zero, zero)
	for _, acc := range k.accs {
		VPSUBQ(acc, zero, acc)
	}
}

func (k *bitKernel) countWords() {
	for _, sum := range k.sums {
		ADDQ(sum, sum)
	}
	XORL(k.off.As32(), k.off.As32())
	CMPQ(k.off, k.size)
	JGE(LabelRef("counted"))
	Label("word")
	for i, row := range k.rowAt {
		bits := GP64()
		MOVQ(Mem{Base: k.plane, Index: k.off, Scale: 1}, bits)
		ANDQ(k.codes(row, codeHead), bits)
		POPCNTQ(bits, bits)
		ADDQ(bits, k.sums[i])
	}
	ADDQ(Imm(8), k.off)
	CMPQ(k.off, k.size)
	JL(LabelRef("word"))
	Label("counted")
}

func (k *bitKernel) count512() {
	for _, acc := range k.accs {
		VPADDQ(acc, acc, acc)
	}
	end := GP64()
	MOVQ(k.size, end)
	ANDQ(I32(-64), end)
	XORQ(k.off, k.off)
	CMPQ(k.off, end)
	JGE(LabelRef("tail"))
	Label("words")
	plane := ZMM()
	VMOVDQU64(Mem{Base: k.plane, Index: k.off, Scale: 1}, plane)
	for i, row := range k.rowAt {
		bits := ZMM()
		VPANDQ(k.codes(row, codeHead), plane, bits)
		VPOPCNTQ(bits, bits)
		VPADDQ(bits, k.accs[i], k.accs[i])
	}
	ADDQ(Imm(64), k.off)
	CMPQ(k.off, end)
	JL(LabelRef("words"))

	Label("tail")
	CMPQ(k.off, k.size)
	JGE(LabelRef("counted"))
	VMOVDQU64_Z(Mem{Base: k.plane, Index: k.off, Scale: 1}, reg.K1, plane)
	for i, row := range k.rowAt {
		bits := ZMM()
		VPANDQ_Z(k.codes(row, codeHead), plane, reg.K1, bits)
		VPOPCNTQ(bits, bits)
		VPADDQ(bits, k.accs[i], k.accs[i])
	}
	Label("counted")
}

// gather puts the rows' sums beside one another.
func (k *bitKernel) gather() reg.VecVirtual {
	if k.isa != avx512 {
		out := XMM()
		VMOVD(k.sums[0].As32(), out)
		for i, sum := range k.sums[1:] {
			VPINSRD(U8(i+1), sum.As32(), out, out)
		}
		return out
	}
	var parts []reg.VecVirtual
	for _, acc := range k.accs {
		part := YMM()
		VPMOVQD(acc, part)
		parts = append(parts, part)
	}
	folded := kernel{isa: avx2}
	return folded.addUp(parts)
}
