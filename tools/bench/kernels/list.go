//go:build ckernels && cgo && amd64 && linux

package main

// #include "kernels.h"
import "C"

import (
	"math/rand/v2"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/simd"
)

// kernel is one that is measured. Both sides leave the last list's results in out.
type kernel struct {
	name         string
	rowBytes     int
	perList      int // results that a list counts for
	fill         func(rng *rand.Rand, row []byte)
	out          []float32
	ours, theirs func(rows arena.Rows, ids []uint32, count int)
}

func kernels(dim int) (all []kernel) {
	for i, d := range []index.Datatype{index.Float32, index.Float16, index.Bfloat16, index.Uint8} {
		for j, m := range []index.Metric{index.Dot, index.Euclid, index.Manhattan, index.Cosine} {
			if m == index.Cosine && d != index.Uint8 {
				continue
			}
			all = append(all, vectors(index.Space{Metric: m, Datatype: d}, dim, C.int(3*i+j)))
		}
	}
	return append(all, codes(dim, 8), codes(dim, 4), bits(dim), scan(dim), hadamard(dim), sift(), sketch(), points(dim), signs(dim))
}

func vectors(s index.Space, dim int, kind C.int) kernel {
	draw := func(rng *rand.Rand) []float32 {
		v := make([]float32, dim)
		for i := range v {
			v[i] = float32(rng.IntN(256))
		}
		return v
	}
	q, buf := simd.Encoded(s, draw(rand.New(rand.NewPCG(3, 4))), nil)
	base := draw(rand.New(rand.NewPCG(3, 4)))
	at := unsafe.Pointer(&base[0])
	if buf != nil {
		at = unsafe.Pointer(&buf[0])
	}
	norm := simd.Dot(base, base)
	vector := draw(rand.New(rand.NewPCG(5, 6)))
	out := make([]float32, listLen)
	return kernel{
		name: s.Datatype.String() + " " + s.Metric.String(), rowBytes: dim * s.Datatype.Bytes(), perList: listLen, out: out,
		fill: func(rng *rand.Rand, row []byte) {
			vector[rng.IntN(dim)] = float32(rng.IntN(256))
			s.Datatype.Encode(row, vector)
		},
		ours: lists1(func(rows arena.Rows, ids []uint32) {
			q.Distances(rows.Base(), rows.Stride(), ids, out)
		}),
		theirs: inC(kind, at, dim, norm, out),
	}
}

// lists1 calls for one list at a time, as a search does.
func lists1(ask func(rows arena.Rows, ids []uint32)) func(rows arena.Rows, ids []uint32, count int) {
	return func(rows arena.Rows, ids []uint32, count int) {
		for at := 0; at+count <= len(ids); at += count {
			ask(rows, ids[at:at+count])
		}
	}
}

// headed fills a row of codes, of which mask says what bits are used; at is where
// its two floats are.
func headed(mask byte, at int) func(rng *rand.Rand, row []byte) {
	return func(rng *rand.Rand, row []byte) {
		for i := 0; i < len(row); i += 8 {
			word := rng.Uint64()
			for j := i; j < min(i+8, len(row)); j++ {
				row[j], word = byte(word)&mask, word>>8
			}
		}
		*(*float32)(unsafe.Pointer(&row[at])) = rng.Float32()
		*(*float32)(unsafe.Pointer(&row[at+4])) = rng.Float32()
	}
}

const mul = 0.5 // of the codes; Add and Bias are as in codes.c

func codes(dim, width int) kernel {
	rng := rand.New(rand.NewPCG(7, 8))
	c := &simd.Codes{Query: make([]int8, simd.CodeDims(dim)), Head: simd.CodeDims(dim), Add: 0.25, Mul: mul, Bias: -1}
	for d := range dim {
		c.Query[d] = int8(rng.IntN(255) - 127)
	}
	out := make([]float32, listLen)
	k := kernel{name: "code 8-bit", rowBytes: simd.CodeDims(dim) + simd.CodeHead, perList: listLen, fill: headed(127, simd.CodeDims(dim)), out: out}
	ask, kind := c.Distances8, C.int(C.CODE8)
	if width == 4 {
		k.name, k.rowBytes, k.fill = "code 4-bit", simd.CodeDims(dim)/2+simd.CodeHead, headed(255, simd.CodeDims(dim)/2)
		c.Head = simd.CodeDims(dim) / 2
		ask, kind = c.Distances4, C.CODE4
	}
	k.ours = lists1(func(rows arena.Rows, ids []uint32) { ask(rows.Base(), rows.Stride(), ids, out) })
	k.theirs = inC(kind, unsafe.Pointer(&c.Query[0]), len(c.Query), mul, out)
	return k
}

// bits is 1-bit codes and a query of four planes.
func bits(dim int) kernel {
	const planes = 4
	rng := rand.New(rand.NewPCG(7, 8))
	query := make([]int8, dim)
	for d := range query {
		query[d] = int8(rng.IntN(16) - 8)
	}
	b := &simd.Bits{Add: 0.25, Mul: mul, Bias: -1}
	b.SetQuery(simd.Alone, query, planes)
	size := simd.Alone.RowBytes(dim) - simd.CodeHead
	words := make([]uint64, planes*size/8)
	for d, q := range query {
		for p := range planes {
			words[p*size/8+d/64] |= uint64(uint8(q)>>(planes-1-p)&1) << (d % 64)
		}
	}
	out := make([]float32, listLen)
	return kernel{
		name: "code 1-bit", rowBytes: simd.Alone.RowBytes(dim), perList: listLen, fill: headed(255, 0), out: out,
		ours:   lists1(func(rows arena.Rows, ids []uint32) { b.Distances1(rows.Base(), rows.Stride(), ids, out) }),
		theirs: inC(C.BITS, unsafe.Pointer(&words[0]), 8*size, mul, out),
	}
}

// scan is a sub-quantiser for every four dimensions; a row is a block, and what
// is measured is a block of the 32 of a list.
func scan(dim int) kernel {
	m := dim / 4
	rng := rand.New(rand.NewPCG(7, 8))
	luts := make([]uint8, m*simd.FastScanTable)
	for i := range luts {
		luts[i] = uint8(rng.UintN(256))
	}
	out := make([]float32, simd.FastScanRows/2)
	sums := (*[simd.FastScanRows]uint16)(unsafe.Pointer(&out[0]))
	return kernel{
		name: "scan", rowBytes: simd.FastScanBytes(m), perList: listLen, fill: headed(255, 0), out: out,
		ours: lists1(func(rows arena.Rows, ids []uint32) {
			for _, id := range ids {
				simd.FastScan(luts, unsafe.Add(rows.Base(), int(id)*rows.Stride()), m, sums)
			}
		}),
		theirs: inC(C.SCAN, unsafe.Pointer(&luts[0]), m, mul, out),
	}
}

// hadamard is one transform a list, of the greatest power of two that fits.
func hadamard(dim int) kernel {
	size := 1
	for 2*size <= dim {
		size *= 2
	}
	out := make([]float32, size)
	return kernel{
		name: "hadamard", rowBytes: 8, perList: 1, fill: func(*rand.Rand, []byte) {}, out: out,
		ours:   lists1(func(arena.Rows, []uint32) { simd.Hadamard(out) }),
		theirs: inC(C.HADAMARD, nil, size, mul, out),
	}
}
