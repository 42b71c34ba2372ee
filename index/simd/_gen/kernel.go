package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// group is how many rows are computed side by side: enough independent sums to
// hide the latency of an addition, few enough for AVX2's 16 registers.
const group = 4

// kernel is the one being written.
type kernel struct {
	*isa
	metric
	element
	negate  bool // list kernels give the negated dot product
	masks   Mem
	absMask reg.VecVirtual
	tail    reg.VecVirtual // AVX2's tail mask; AVX-512's is K1

	query     reg.GPVirtual
	rowAt     []reg.GPVirtual     // rows being computed
	ahead     []reg.GPVirtual     // rows to prefetch; empty: none
	sums      [][2]reg.VecVirtual // two accumulators per row
	size      reg.GPVirtual       // bytes of a row
	off       reg.GPVirtual       // bytes done of each row
	blocksEnd reg.GPVirtual       // bytes in whole pairs of registers

	shift16, one Mem // constants of the byte kernels
	lastMasks    Mem // of those that are oneByOne
}

// pair writes func nameISA(a, b []float32) float32.
func (k *kernel) pair() {
	TEXT(k.metric.name+k.isa.name, NOSPLIT, "func(a, b []float32) float32")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s%s is %s of a and b[:len(a)].", k.metric.name, k.isa.name, k.says))
	k.query, k.rowAt = GP64(), []reg.GPVirtual{GP64()}
	Load(Param("a").Base(), k.query)
	Load(Param("b").Base(), k.rowAt[0])
	size := GP64()
	Load(Param("a").Len(), size)
	k.setup(size)
	k.distances()
	sum := k.reduce()
	VZEROUPPER()
	Store(sum, ReturnIndex(0))
	RET()
}

// rows writes func nameRowsISA, over a list of rows.
func (k *kernel) rows() {
	norm := ""
	if k.squares {
		norm = "norm float32, "
	}
	name := k.metric.name + k.element.name + "Rows" + k.isa.name
	TEXT(name, NOSPLIT, "func(query "+k.goType+", "+norm+"base *byte, stride int, ids []uint32, out []float32)")
	Pragma("noescape")
	negated := ""
	if k.negate {
		negated = ", negated"
	}
	Doc(fmt.Sprintf("%s sets out[i] to %s of the query and row ids[i]%s.", name, k.says, negated))
	k.query = GP64()
	for range group {
		k.rowAt, k.ahead = append(k.rowAt, GP64()), append(k.ahead, GP64())
	}
	next := GP64() // first row of the group after this one
	XORQ(next, next)
	CMPQ(k.count(), next)
	JE(LabelRef("done"))
	Load(Param("query").Base(), k.query)
	size := GP64()
	Load(Param("query").Len(), size)
	k.setup(size)
	k.lookAhead(next)

	Label("group")
	for i := range group {
		MOVQ(k.ahead[i], k.rowAt[i])
	}
	ADDQ(Imm(group), next)
	k.lookAhead(next)
	k.distances()
	sums := k.finish()
	k.storeGroup(sums, next)
	CMPQ(next, k.count())
	JL(LabelRef("group"))
	VZEROUPPER()
	Label("done")
	RET()
}

// count is len(ids), in memory.
func (k *kernel) count() Mem {
	n, err := Param("ids").Len().Resolve()
	if err != nil {
		panic(err)
	}
	return n.Addr
}

func param(name string) Mem {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// setup turns the dimension in size into bytes and readies masks and ends.
func (k *kernel) setup(size reg.GPVirtual) {
	k.size = size
	if k.isa == avx512 {
		ones, lanes := GP32(), GP32()
		MOVL(size.As32(), lanes)
		ANDL(U32(uint32(k.span()>>k.shift-1)), lanes)
		MOVL(U32(1), ones)
		SHLXL(lanes, ones, ones)
		DECL(ones)
		if k.shift == 0 {
			KMOVD(ones, reg.K1)
		} else {
			KMOVW(ones, reg.K1)
		}
	}
	if k.shift > 0 {
		SHLQ(U8(k.shift), size)
	}
	switch {
	case k.oneByOne():
		k.loadLastMask()
	case k.isa == avx2:
		k.loadTailMask()
	}
	if k.abs {
		k.loadAbsMask()
	}
	k.off, k.blocksEnd = GP64(), GP64()
	MOVQ(size, k.blocksEnd)
	ANDQ(I32(int32(-2*k.span())), k.blocksEnd)
	for range k.rowAt {
		k.sums = append(k.sums, [2]reg.VecVirtual{k.new(), k.new()})
	}
}

func (k *kernel) loadTailMask() {
	at, over := GP64(), GP64()
	LEAQ(k.masks.Offset(32), at)
	MOVQ(k.size, over)
	ANDQ(Imm(31), over)
	SUBQ(over, at)
	k.tail = k.new()
	VMOVDQU(Mem{Base: at}, k.tail)
}

// loadAbsMask makes all bits but the sign.
func (k *kernel) loadAbsMask() {
	k.absMask = k.new()
	if k.isa == avx512 {
		VPTERNLOGD(U8(0xff), k.absMask, k.absMask, k.absMask)
	} else {
		VPCMPEQD(k.absMask, k.absMask, k.absMask)
	}
	VPSRLD(U8(1), k.absMask, k.absMask)
}

// lookAhead points ahead at the rows ids[first:].
func (k *kernel) lookAhead(first reg.GPVirtual) { k.pointAt(k.ahead, first, 0) }

// pointAt points at the rows ids[first+skip:]; beyond the end it repeats the last
// row, which costs a few loads from the first-level cache and saves a second body
// for what is left over.
func (k *kernel) pointAt(rows []reg.GPVirtual, first reg.GPVirtual, skip int) {
	last, ids, at := GP64(), GP64(), GP64()
	MOVQ(k.count(), last)
	DECQ(last)
	Load(Param("ids").Base(), ids)
	for i, row := range rows {
		LEAQ(Mem{Base: first, Disp: skip + i}, at)
		CMPQ(at, last)
		CMOVQGT(last, at)
		MOVL(Mem{Base: ids, Index: at, Scale: 4}, row.As32())
		IMULQ(param("stride"), row)
		ADDQ(param("base"), row)
	}
}

// distances fills the accumulators.
func (k *kernel) distances() {
	for _, s := range k.sums {
		VXORPS(s[0].AsX(), s[0].AsX(), s[0].AsX())
		VXORPS(s[1].AsX(), s[1].AsX(), s[1].AsX())
	}
	XORQ(k.off, k.off)

	CMPQ(k.off, k.blocksEnd)
	JGE(LabelRef("register"))
	aligned()
	Label("blocks")
	k.prefetch(2 * k.span())
	k.whole(0, 0)
	k.whole(1, k.span())
	ADDQ(Imm(uint64(2*k.span())), k.off)
	CMPQ(k.off, k.blocksEnd)
	JLT(LabelRef("blocks"))

	Label("register")
	end := GP64()
	LEAQ(Mem{Base: k.off, Disp: k.span()}, end)
	CMPQ(end, k.size)
	JG(LabelRef("rest"))
	k.prefetch(k.span())
	k.whole(0, 0)
	MOVQ(end, k.off)

	Label("rest")
	if k.oneByOne() {
		k.overlapping()
	}
	Label("tail")
	CMPQ(k.off, k.size)
	JGE(LabelRef("summed"))
	k.prefetch(1)
	query := k.masked(k.query)
	for i, row := range k.rowAt {
		k.step(k, k.acc(i, 1), query, k.masked(row))
	}
	if k.oneByOne() {
		ADDQ(Imm(1<<k.shift), k.off)
		JMP(LabelRef("tail"))
	}

	Label("summed")
	for _, row := range k.ahead {
		PREFETCHT0(Mem{Base: row, Index: k.size, Scale: 1, Disp: -4})
	}
}

// aligned has the code that follows begin a block of 32 bytes, which is what the
// processor's cache of decoded instructions holds.
func aligned() {
	Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []Op{Imm(32)}})
}

// prefetch asks for the cache lines of the rows ahead that begin in the
// next span bytes; lines beyond the row's end are its neighbour's.
func (k *kernel) prefetch(span int) {
	for at := 0; at < span; at += line {
		for _, row := range k.ahead {
			PREFETCHT0(Mem{Base: row, Index: k.off, Scale: 1, Disp: at})
		}
	}
}

// whole adds one full register of every row to accumulator which.
func (k *kernel) whole(which, disp int) {
	at := func(base reg.Register) Mem { return Mem{Base: base, Index: k.off, Scale: 1, Disp: disp} }
	if k.widen != nil {
		query := k.widen(k, at(k.query))
		for i, row := range k.rowAt {
			k.step(k, k.acc(i, which), query, k.widen(k, at(row)))
		}
		return
	}
	query := k.new()
	VMOVUPS(at(k.query), query)
	for i, row := range k.rowAt {
		k.step(k, k.acc(i, which), query, at(row))
	}
}

// masked loads what is left of a vector, zeros behind it; nothing beyond the
// vector is read.
func (k *kernel) masked(base reg.Register) reg.VecVirtual {
	at := Mem{Base: base, Index: k.off, Scale: 1}
	if k.widen != nil {
		return k.narrowTail(at)
	}
	part := k.new()
	if k.isa == avx512 {
		VMOVUPS_Z(at, reg.K1, part)
	} else {
		VMASKMOVPS(at, k.tail, part)
	}
	return part
}

// reduce sums each row's accumulators; lane i of the result is row i.
func (k *kernel) reduce() reg.Register {
	var halves []reg.Register
	for _, s := range k.sums {
		VADDPS(s[1], s[0], s[0])
		half := s[0].AsY()
		if k.isa == avx512 {
			high := YMM()
			VEXTRACTF64X4(U8(1), s[0], high)
			VADDPS(high, half, half)
		}
		halves = append(halves, half)
	}
	for len(halves) < group { // a pair: the same order of additions
		halves = append(halves, halves[0])
	}
	a, b, high := YMM(), YMM(), XMM()
	VHADDPS(halves[1], halves[0], a)
	VHADDPS(halves[3], halves[2], b)
	VHADDPS(b, a, a)
	VEXTRACTF128(U8(1), a, high)
	VADDPS(high, a.AsX(), a.AsX())
	return a.AsX()
}

// storeGroup writes the sums of the group before next, and nothing behind out.
func (k *kernel) storeGroup(sums reg.Register, next reg.GPVirtual) {
	out, over := GP64(), GP64()
	Load(Param("out").Base(), out)
	at := func(i int) Mem { return Mem{Base: out, Index: next, Scale: 4, Disp: 4 * (i - group)} }
	MOVQ(next, over)
	SUBQ(k.count(), over)
	JG(LabelRef("part"))
	VMOVUPS(sums, at(0))
	JMP(LabelRef("stored"))

	Label("part")
	VMOVSS(sums, at(0))
	for i := 1; i < group-1; i++ {
		CMPQ(over, Imm(uint64(group-i)))
		JGE(LabelRef("stored"))
		VEXTRACTPS(U8(i), sums, at(i))
	}
	Label("stored")
}
