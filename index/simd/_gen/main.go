// Command _gen writes the amd64 kernels of index/simd: AVX2 with FMA, and
// AVX-512, for pairs of vectors and for lists of rows; float16, bfloat16 and uint8
// rows have list kernels only. And the list kernels of codes, FastScan and the
// Hadamard transform, what a query is made ready with, columns of points, and what
// a head in the codes costs: codes.go, bits.go, shared.go, bitbytes.go, planes.go,
// fastscan.go, hadamard.go, asked.go, columns.go, parities.go.
//
// The shape of every kernel of vectors: two accumulators per row, one for even and one
// for odd registers of the row, one reduction order. So a row's distance has the
// same value wherever it stands in a list, and alone.
package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is one instruction set.
type isa struct {
	name  string
	bytes int // of a register
	new   func() reg.VecVirtual
}

// metric is one distance; step adds one register's worth of it.
type metric struct {
	name string // of the pair kernel and, with Rows, of the list kernel
	says string
	abs  bool // needs the mask that clears signs
	// squares: every row's squares are summed beside the products.
	squares bool
	step    func(k *kernel, acc [2]reg.VecVirtual, query, row operand.Op)
}

var (
	avx2   = &isa{"AVX2", 32, YMM}
	avx512 = &isa{"AVX512", 64, ZMM}
	vnni   = &isa{"VNNI", 64, ZMM}
)

func main() {
	ConstraintExpr("!noasm")
	masks := tailMasks()
	for _, set := range []*isa{avx2, avx512} {
		for _, m := range []metric{dotMetric, l2Metric, l1Metric} {
			k := &kernel{isa: set, metric: m, element: float32s, masks: masks}
			k.pair()
			k = &kernel{isa: set, metric: m, element: float32s, masks: masks, negate: m.name == "dot"}
			k.rows()
		}
	}
	half := constant("shift16", 0x4780_0000)
	one := constant("one", 0x3f80_0000)
	last := lastMasks()
	for _, set := range []*isa{avx2, avx512} {
		for _, m := range []metric{dotMetric, l2Metric, l1Metric} {
			for _, e := range []element{halves, bfloats} {
				k := &kernel{isa: set, metric: m, element: e, negate: m.name == "dot", lastMasks: last}
				k.rows()
			}
		}
		for _, m := range []metric{dotBytes, l2Bytes, l1Bytes, cosBytes} {
			k := &kernel{isa: set, metric: m, element: bytes, negate: m.name == "dot" || m.squares, shift16: half, one: one, lastMasks: last}
			if m.name == "l1" {
				k.widen = unwidened
			}
			k.rows()
		}
	}
	consts := newCodeConsts()
	for _, set := range []*isa{avx2, vnni} {
		for _, bits := range []int{8, 4} {
			k := &codeKernel{kernel: kernel{isa: set}, bits: bits, vnni: set == vnni, consts: consts}
			k.rows()
		}
	}
	for _, set := range []*isa{avx2, avx512} {
		k := &scanKernel{kernel: kernel{isa: set}}
		k.write(consts)
		b := &bitKernel{codeKernel: codeKernel{kernel: kernel{isa: set}, bits: 1}}
		b.rows()
	}
	shared := &sharedKernel{bitKernel: bitKernel{codeKernel: codeKernel{kernel: kernel{isa: avx2}, bits: 1}}}
	shared.rows()
	planes()
	for _, form := range []string{"Alone", "Shared", "Paired"} {
		b := &byteKernel{codeKernel: codeKernel{kernel: kernel{isa: vnni}, bits: 1}, form: form}
		b.rows()
	}
	hadamards()
	multiply()
	less()
	largest()
	narrow()
	asked512()
	for _, set := range []*isa{avx2, avx512} {
		signTables(set)
		fours(set)
		levels(set)
	}
	columns(avx2)
	columns(avx512)
	pools(masks)
	spread(consts)
	parityCosts()
	cpuid()
	Generate()
}

var dotMetric = metric{
	name: "dot",
	says: "the dot product",
	step: func(k *kernel, acc [2]reg.VecVirtual, query, row operand.Op) {
		if k.negate {
			VFNMADD231PS(row, query, acc[0])
			return
		}
		VFMADD231PS(row, query, acc[0])
	},
}

var l2Metric = metric{
	name: "l2",
	says: "the squared Euclidean distance",
	step: func(k *kernel, acc [2]reg.VecVirtual, query, row operand.Op) {
		d := k.new()
		VSUBPS(row, query, d)
		VFMADD231PS(d, d, acc[0])
	},
}

var l1Metric = metric{
	name: "l1",
	says: "the sum of absolute differences",
	abs:  true,
	step: func(k *kernel, acc [2]reg.VecVirtual, query, row operand.Op) {
		d := k.new()
		VSUBPS(row, query, d)
		VANDPS(d, k.absMask, d)
		VADDPS(d, acc[0], acc[0])
	},
}

// tailMasks is eight words of ones before eight of zeros: 32 bytes from word 8−n
// on are an AVX2 mask of n lanes.
func tailMasks() operand.Mem {
	m := GLOBL("tailMasks", attr.RODATA|attr.NOPTR)
	for i := range 16 {
		word := uint32(0)
		if i < 8 {
			word = ^word
		}
		DATA(4*i, operand.U32(word))
	}
	return m
}
