package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// element is what rows and query are made of.
type element struct {
	name   string // in the kernels' names
	goType string // of the query
	shift  uint8  // log₂ of its bytes
	// widen loads as many elements as a register has lanes for, widened to them;
	// nil: they are float32 and need it not.
	widen func(k *kernel, at Op) reg.VecVirtual
}

var (
	float32s = element{"", "[]float32", 2, nil}
	halves   = element{"Half", "[]uint16", 1, toFloats}
	bfloats  = element{"Bfloat", "[]uint16", 1, upperHalf}
	bytes    = element{"Byte", "[]byte", 0, toWords}
)

// span is the bytes of a row that one register of it comes from.
func (k *kernel) span() int {
	if k.widen == nil {
		return k.bytes
	}
	return k.bytes / 2
}

func toFloats(k *kernel, at Op) reg.VecVirtual {
	r := k.new()
	VCVTPH2PS(at, r)
	return r
}

// upperHalf: a bfloat16 is a float32 whose lower half is zeros.
func upperHalf(k *kernel, at Op) reg.VecVirtual {
	r := k.new()
	VPMOVZXWD(at, r)
	VPSLLD(U8(16), r, r)
	return r
}

func toWords(k *kernel, at Op) reg.VecVirtual {
	r := k.new()
	VPMOVZXBW(at, r)
	return r
}

// unwidened is for sums of absolute differences, which are made of bytes.
func unwidened(k *kernel, at Op) reg.VecVirtual {
	r := k.half()
	if _, register := at.(reg.Register); register {
		return at.(reg.VecVirtual)
	}
	if k.isa == avx512 {
		VMOVDQU8(at, r)
	} else {
		VMOVDQU(at, r)
	}
	return r
}

// half is a register of half the size.
func (k *kernel) half() reg.VecVirtual {
	if k.isa == avx512 {
		return YMM()
	}
	return XMM()
}

// acc is where row i's register number which is summed: of two accumulators in
// turn, or, with squares, products in the first and squares in the second.
func (k *kernel) acc(i, which int) [2]reg.VecVirtual {
	if k.squares {
		return k.sums[i]
	}
	return [2]reg.VecVirtual{k.sums[i][which]}
}

// oneByOne: AVX2 cannot load words or bytes by a mask, so the few elements of a short
// vector are loaded one at a time.
func (k *kernel) oneByOne() bool { return k.isa == avx2 && k.widen != nil }

// loadLastMask makes tail the bytes of a vector's last register that no whole one has.
func (k *kernel) loadLastMask() {
	at, over := GP64(), GP64()
	LEAQ(k.lastMasks, at)
	MOVQ(k.size, over)
	ANDQ(Imm(15), over)
	k.tail = XMM()
	VMOVDQU(Mem{Base: at, Index: over, Scale: 1}, k.tail)
}

// overlapping adds what is left of a vector that fills a register: its last register,
// zeros where it was added already. Nothing beyond the vector is read.
func (k *kernel) overlapping() {
	CMPQ(k.off, k.size)
	JGE(LabelRef("summed"))
	CMPQ(k.size, Imm(uint64(k.span())))
	JL(LabelRef("tail"))
	k.prefetch(1)
	last := func(base reg.Register) reg.VecVirtual {
		part := k.half()
		VMOVDQU(Mem{Base: base, Index: k.size, Scale: 1, Disp: -k.span()}, part)
		VPAND(k.tail, part, part)
		return k.widen(k, part)
	}
	query := last(k.query)
	for i, row := range k.rowAt {
		k.step(k, k.acc(i, 1), query, last(row))
	}
	JMP(LabelRef("summed"))
}

// narrowTail loads what is left of a vector, or the next element of it, zeros
// behind it; nothing beyond the vector is read.
func (k *kernel) narrowTail(at Mem) reg.VecVirtual {
	part := k.half()
	switch {
	case k.isa == avx512 && k.shift == 1:
		VMOVDQU16_Z(at, reg.K1, part)
	case k.isa == avx512:
		VMOVDQU8_Z(at, reg.K1, part)
	case k.shift == 1:
		word := GP32()
		MOVWLZX(at, word)
		VMOVD(word, part)
	default:
		b := GP32()
		MOVBLZX(at, b)
		VMOVD(b, part)
	}
	return k.widen(k, part)
}

// finish is the results of a group.
func (k *kernel) finish() reg.Register {
	if k.shift > 0 {
		return k.reduce()
	}
	if !k.squares {
		var sums []reg.VecVirtual
		for _, s := range k.sums {
			VPADDD(s[1], s[0], s[0])
			sums = append(sums, s[0])
		}
		return k.toFloat(k.addUp(sums), k.negate)
	}
	var products, squares []reg.VecVirtual
	for _, s := range k.sums {
		products, squares = append(products, s[0]), append(squares, s[1])
	}
	dot := k.toFloat(k.addUp(products), true)
	length := k.toFloat(k.addUp(squares), false)
	norm := XMM()
	VBROADCASTSS(param("norm"), norm)
	VMULPS(norm, length, length)
	VMAXPS(k.one, length, length)
	VSQRTPS(length, length)
	VDIVPS(length, dot, dot)
	return dot
}

// addUp sums each row's 32-bit lanes; lane i of the result is row i.
func (k *kernel) addUp(sums []reg.VecVirtual) reg.VecVirtual {
	var parts []reg.Register
	for _, s := range sums {
		part := s.AsY()
		if k.bytes == 64 {
			high := YMM()
			VEXTRACTI64X4(U8(1), s, high)
			VPADDD(high, part, part)
		}
		parts = append(parts, part)
	}
	a, b, high := YMM(), YMM(), XMM()
	VPHADDD(parts[1], parts[0], a)
	VPHADDD(parts[3], parts[2], b)
	VPHADDD(b, a, a)
	VEXTRACTI128(U8(1), a, high)
	out := XMM()
	VPADDD(high, a.AsX(), out)
	return out
}

// toFloat rounds unsigned integers once: both of their halves are exact, and the
// sum is fused.
func (k *kernel) toFloat(sums reg.VecVirtual, negate bool) reg.VecVirtual {
	high, low := XMM(), XMM()
	VPSRLD(U8(16), sums, high)
	VPSLLD(U8(16), high, low)
	VPSUBD(low, sums, low)
	VCVTDQ2PS(high, high)
	VCVTDQ2PS(low, low)
	if negate {
		VFNMSUB231PS(k.shift16, high, low)
	} else {
		VFMADD231PS(k.shift16, high, low)
	}
	return low
}

var dotBytes = metric{
	name: "dot",
	says: "the dot product",
	step: func(k *kernel, acc [2]reg.VecVirtual, query, row Op) {
		p := k.new()
		VPMADDWD(row, query, p)
		VPADDD(p, acc[0], acc[0])
	},
}

var l2Bytes = metric{
	name: "l2",
	says: "the squared Euclidean distance",
	step: func(k *kernel, acc [2]reg.VecVirtual, query, row Op) {
		d := k.new()
		VPSUBW(row, query, d)
		VPMADDWD(d, d, d)
		VPADDD(d, acc[0], acc[0])
	},
}

// l1Bytes sums into half a register; the other half stays zero.
var l1Bytes = metric{
	name: "l1",
	says: "the sum of absolute differences",
	step: func(k *kernel, acc [2]reg.VecVirtual, query, row Op) {
		d := k.half()
		VPSADBW(row, query, d)
		sum := reg.Register(acc[0].AsX())
		if k.isa == avx512 {
			sum = acc[0].AsY()
		}
		VPADDD(d, sum, sum)
	},
}

var cosBytes = metric{
	name:    "cos",
	says:    "the cosine, norm being the query's squared length,",
	squares: true,
	step: func(k *kernel, acc [2]reg.VecVirtual, query, row Op) {
		p, s := k.new(), k.new()
		VPMADDWD(row, query, p)
		VPADDD(p, acc[0], acc[0])
		VPMADDWD(row, row, s)
		VPADDD(s, acc[1], acc[1])
	},
}

// lastMasks is sixteen bytes without a bit, then sixteen of ones.
func lastMasks() Mem {
	m := GLOBL("lastMasks", attr.RODATA|attr.NOPTR)
	for i := range 4 {
		DATA(8*i, U64(-uint64(i/2)))
	}
	return m
}

// constant is four times a word.
func constant(name string, word uint32) Mem {
	m := GLOBL(name, attr.RODATA|attr.NOPTR)
	for i := range 4 {
		DATA(4*i, U32(word))
	}
	return m
}

// cpuid writes what golang.org/x/sys/cpu does not tell.
func cpuid() {
	TEXT("hasF16C", NOSPLIT, "func() bool")
	Doc("hasF16C asks the processor for the conversions of float16.")
	MOVL(U32(1), reg.EAX)
	XORL(reg.ECX, reg.ECX)
	CPUID()
	SHRL(U8(29), reg.ECX)
	ANDL(U32(1), reg.ECX)
	Store(reg.CL, ReturnIndex(0))
	RET()
}
