package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// byteKernel writes the list kernels of simd.Bits that take the query as bytes: a
// word of a row is the mask of 64 bytes, which become the codes of the dimensions,
// and the dot product of bytes takes them whatever the bits of the query are.
// Planes take as long for each bit.
type byteKernel struct {
	codeKernel
	form   string           // Alone, Shared or Paired
	counts []reg.VecVirtual // what bytes of a code are made of: 1, 2, 3
	places []reg.GPVirtual  // of words in a row, the first of them in the query too
}

func (k *byteKernel) rows() {
	name := "bits" + k.form + "RowsVNNI"
	TEXT(name, NOSPLIT, "func(query []int8, add, mul, bias float32, base *byte, stride int, ids []uint32, out []float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s sets out[i] to the distance of Bits to row ids[i] of the form %s.", name, k.form))
	next := GP64()
	XORQ(next, next)
	CMPQ(k.count(), next)
	JE(LabelRef("done"))
	k.query = GP64()
	Load(Param("query").Base(), k.query)
	for range group {
		k.rowAt, k.acc = append(k.rowAt, GP64()), append(k.acc, k.new())
	}
	for i := range 3 {
		c := k.new()
		VPBROADCASTD(words(fmt.Sprint(k.form, "Count", i+1), uint32(i+1)*0x0101_0101), c)
		k.counts = append(k.counts, c)
	}
	k.off = GP64()
	for first := 0; first < bitLead; first += group {
		k.ask(next, first)
	}

	Label("group")
	k.ask(next, bitLead)
	k.pointAt(k.rowAt, next, 0)
	ADDQ(Imm(group), next)
	k.sumUp()
	adds, muls := XMM(), XMM()
	k.headsApart(adds, muls)
	k.storeGroup(k.fixUp(k.addUp(k.acc), adds, muls), next)
	CMPQ(next, k.count())
	JL(LabelRef("group"))
	VZEROUPPER()
	Label("done")
	RET()
}

// ask asks memory for four rows.
func (k *byteKernel) ask(first reg.GPVirtual, skip int) {
	k.size = k.plane()
	switch k.form {
	case "Shared":
		SHRQ(U8(1), k.size)
		LEAQ(Mem{Base: k.size, Index: k.size, Scale: 2}, k.size)
	case "Paired":
		ADDQ(k.size, k.size)
	}
	b := bitKernel{codeKernel: k.codeKernel}
	b.askFor(first, skip)
}

// plane is the bytes of a row that have a bit for each dimension.
func (k *byteKernel) plane() reg.GPVirtual {
	size := GP64()
	Load(Param("query").Len(), size)
	SHRQ(U8(3), size)
	return size
}

// sumUp fills the accumulators with the products of a group.
func (k *byteKernel) sumUp() {
	for _, a := range k.acc {
		VPXORQ(a, a, a)
	}
	// The words of a row that are taken at once: one, that of the size in the other
	// plane, or one of each half and that of their sizes.
	end := k.plane()
	k.places = []reg.GPVirtual{k.off}
	switch k.form {
	case "Shared":
		second, sizes := GP64(), GP64()
		MOVQ(end, sizes)
		SHRQ(U8(1), end)
		MOVQ(end, second)
		k.places = append(k.places, second, sizes)
	case "Paired":
		sizes := GP64()
		MOVQ(end, sizes)
		k.places = append(k.places, sizes)
	}
	XORL(k.off.As32(), k.off.As32())
	TESTQ(end, end)
	JZ(LabelRef("summed"))
	Label("word")
	for i, row := range k.rowAt {
		k.word(row, k.acc[i])
	}
	for _, at := range k.places {
		ADDQ(Imm(8), at)
	}
	CMPQ(k.off, end)
	JL(LabelRef("word"))
	Label("summed")
}

// word adds the products of the words at the places.
func (k *byteKernel) word(row reg.GPVirtual, acc reg.VecVirtual) {
	var bits []reg.OpmaskVirtual
	for _, at := range k.places {
		b := K()
		KMOVQ(Mem{Base: row, Index: at, Scale: 1, Disp: codeHead}, b)
		bits = append(bits, b)
	}
	one, two, three := k.counts[0], k.counts[1], k.counts[2]
	code := k.new()
	switch k.form {
	case "Alone":
		VMOVDQU8_Z(one, bits[0], code)
		k.times(k.off, code, acc)
	case "Paired":
		VMOVDQU8_Z(two, bits[0], code)
		VPADDB(one, code, bits[1], code)
		k.times(k.off, code, acc)
	case "Shared":
		for half := range 2 {
			same := K()
			KXNORQ(bits[half], bits[2], same)
			VMOVDQU8_Z(three, bits[half], code)
			VPADDB(one, code, same, code)
			k.times(k.places[half], code, acc)
		}
	}
}

// times adds the product of 64 codes with the query's bytes of the word at off.
func (k *byteKernel) times(off reg.GPVirtual, code, acc reg.VecVirtual) {
	VPDPBUSD(Mem{Base: k.query, Index: off, Scale: 8}, code, acc)
}
