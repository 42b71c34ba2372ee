package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const tableBytes = 16 // of a sub-quantiser: its table, and its part of a block

// scanKernel writes FastScan. A register holds the tables of a few sub-quantisers,
// and the sums of vectors 0 to 15 and 16 to 31 are kept apart.
type scanKernel struct {
	kernel
	nibbles      reg.VecVirtual
	luts, blocks reg.GPVirtual
	// both sums 16-bit lanes that hold two entries, odd those of the upper ones:
	// taken away in the end, the lower ones are left. So no lane is widened.
	both, odd [2]reg.VecVirtual
}

func (k *scanKernel) write(consts *codeConsts) {
	name := "fastScan" + k.isa.name
	TEXT(name, NOSPLIT, "func(luts []uint8, blocks *byte, out []uint16)")
	Pragma("noescape")
	Doc(name + " sets out to the sums of the tables' entries for blocks of 32 vectors; out is not empty.")
	out, end := GP64(), GP64()
	k.luts, k.blocks, k.size, k.off = GP64(), GP64(), GP64(), GP64()
	Load(Param("luts").Base(), k.luts)
	Load(Param("luts").Len(), k.size)
	Load(Param("blocks"), k.blocks)
	Load(Param("out").Base(), out)
	Load(Param("out").Len(), end)
	LEAQ(Mem{Base: out, Index: end, Scale: 2}, end)
	k.nibbles = k.new()
	VPBROADCASTD(consts.nibbles, k.nibbles)
	for i := range k.both {
		k.both[i], k.odd[i] = k.new(), k.new()
	}

	Label("scan")
	k.block()
	for i := range k.both {
		k.storeSums(i, Mem{Base: out, Disp: 32 * i})
	}
	ADDQ(k.size, k.blocks)
	ADDQ(Imm(64), out)
	CMPQ(out, end)
	JL(LabelRef("scan"))
	VZEROUPPER()
	RET()
}

// block sums one block.
func (k *scanKernel) block() {
	for i := range k.both {
		VPXOR(k.both[i].AsX(), k.both[i].AsX(), k.both[i].AsX())
		VPXOR(k.odd[i].AsX(), k.odd[i].AsX(), k.odd[i].AsX())
	}
	end := GP64()
	MOVQ(k.size, end)
	ANDQ(I32(-line), end)
	XORQ(k.off, k.off)
	CMPQ(k.off, end)
	JGE(LabelRef("half"))
	Label("full")
	for disp := 0; disp < line; disp += k.bytes {
		k.lookUp(disp, k.bytes)
	}
	ADDQ(Imm(line), k.off)
	CMPQ(k.off, end)
	JL(LabelRef("full"))

	Label("half")
	TESTQ(U32(2*tableBytes), k.size)
	JZ(LabelRef("quarter"))
	k.lookUp(0, 2*tableBytes)
	ADDQ(Imm(2*tableBytes), k.off)
	Label("quarter")
	TESTQ(U32(tableBytes), k.size)
	JZ(LabelRef("summed"))
	k.lookUp(0, tableBytes)
	Label("summed")
}

// lookUp adds the entries of as many bytes of tables, which are zeros in the rest
// of a register.
func (k *scanKernel) lookUp(disp, size int) {
	at := func(base reg.Register) Mem { return Mem{Base: base, Index: k.off, Scale: 1, Disp: disp} }
	table, high, low := k.part(at(k.luts), size), k.part(at(k.blocks), size), k.new()
	k.and(high, low)
	VPSRLW(U8(4), high, high)
	k.and(high, high)
	for i, codes := range []reg.VecVirtual{low, high} {
		VPSHUFB(codes, table, codes)
		VPADDW(codes, k.both[i], k.both[i])
		VPSRLW(U8(8), codes, codes)
		VPADDW(codes, k.odd[i], k.odd[i])
	}
}

func (k *scanKernel) part(at Mem, size int) reg.VecVirtual {
	r := k.new()
	switch size {
	case 64:
		VMOVDQU64(at, r)
	case 32:
		VMOVDQU(at, r.AsY())
	default:
		VMOVDQU(at, r.AsX())
	}
	return r
}

func (k *scanKernel) and(from, to reg.VecVirtual) {
	if k.isa == avx512 {
		VPANDD(k.nibbles, from, to)
		return
	}
	VPAND(k.nibbles, from, to)
}

// storeSums adds up the sub-quantisers of a register and writes 16 sums in the
// order of the vectors.
func (k *scanKernel) storeSums(i int, at Mem) {
	even, odd := k.fold(k.both[i]), k.fold(k.odd[i])
	upper := XMM()
	VPSLLW(U8(8), odd, upper)
	VPSUBW(upper, even, even)
	VPUNPCKLWD(odd, even, upper)
	VMOVDQU(upper, at)
	VPUNPCKHWD(odd, even, even)
	VMOVDQU(even, at.Offset(16))
}

// fold adds the parts of 16 bytes.
func (k *scanKernel) fold(v reg.VecVirtual) reg.Register {
	if k.isa == avx512 {
		high := YMM()
		VEXTRACTI64X4(U8(1), v, high)
		VPADDW(high, v.AsY(), v.AsY())
	}
	high := XMM()
	VEXTRACTI128(U8(1), v.AsY(), high)
	VPADDW(high, v.AsX(), v.AsX())
	return v.AsX()
}
