//go:build ckernels && cgo && amd64 && linux

package main

// #include "kernels.h"
import "C"

import (
	"encoding/binary"
	"math"
	popcount "math/bits"
	"math/rand/v2"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/simd"
)

// each calls for the rows of each list, one by one.
func each(ask func(i int, row unsafe.Pointer)) func(rows arena.Rows, ids []uint32, count int) {
	return lists1(func(rows arena.Rows, ids []uint32) {
		for i, id := range ids {
			ask(i, unsafe.Add(rows.Base(), int(id)*rows.Stride()))
		}
	})
}

// sift is the marks of a block with heads of bfloat16.
func sift() kernel {
	s := simd.Sift{Mul: 1. / 32768, Bias: -1, Limit: 0.25}
	q := &C.sift_query{mul: C.float(s.Mul), bias: C.float(s.Bias), limit: C.float(s.Limit)}
	sums := (*[simd.FastScanRows]uint16)(unsafe.Pointer(&q.sums))
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range sums {
		sums[i] = uint16(rng.Uint32())
	}
	out := make([]float32, listLen)
	below := unsafe.Slice((*uint32)(unsafe.Pointer(&out[0])), listLen)
	return kernel{
		name: "sift", rowBytes: simd.SiftHead16, perList: listLen, out: out,
		fill: func(rng *rand.Rand, row []byte) {
			for at := 0; at < len(row); at += 2 {
				binary.LittleEndian.PutUint16(row[at:], index.ToBfloat16(rng.Float32()))
			}
		},
		ours:   each(func(i int, row unsafe.Pointer) { s.Below16(row, simd.SiftHead16, sums[:], below[i:i+1]) }),
		theirs: inC(C.SIFT, unsafe.Pointer(q), 0, 0, out),
	}
}

// sketch is which of 64 sketches, the eight blocks of a row, are near.
func sketch() kernel {
	var query [simd.SketchDims]int16
	rng := rand.New(rand.NewPCG(7, 8))
	for d := range query {
		query[d] = int16(rng.IntN(1<<15) - 1<<14)
	}
	s := new(simd.Sketch)
	s.Aim(&query, mul)
	out := make([]float32, 64+1)
	return kernel{
		name: "sketch", rowBytes: 8 * simd.SketchBytes, perList: listLen, out: out,
		fill: func(rng *rand.Rand, row []byte) {
			for at := 0; at < len(row); at += simd.SketchBytes {
				headed(255, simd.SketchBytes-8)(rng, row[at:at+simd.SketchBytes])
				for i := range simd.SketchRows {
					binary.LittleEndian.PutUint32(row[at+simd.SketchBytes-4*(i+1):], math.Float32bits(rng.Float32()))
				}
			}
		},
		ours: each(func(i int, row unsafe.Pointer) {
			if i == 0 {
				out[64] = 0
			}
			words := [1]uint64{math.MaxUint64}
			s.Within(row, 0, words[:], out[:64])
			out[64] += float32(popcount.OnesCount64(words[0]))
		}),
		theirs: inC(C.SKETCH, unsafe.Pointer(s), 0, mul, out),
	}
}

// points is the points of a row of 4-bit codes.
func points(dim int) kernel {
	dim = simd.CodeDims(dim)
	out := make([]float32, dim)
	return kernel{
		name: "points", rowBytes: dim / 2, perList: listLen, out: out, fill: headed(255, 0),
		ours:   each(func(_ int, row unsafe.Pointer) { simd.Points4(out, unsafe.Slice((*byte)(row), dim/2), mul) }),
		theirs: inC(C.POINTS, nil, dim, mul, out),
	}
}

// signs is the signs of a row, as many as stand beside a link.
func signs(dim int) kernel {
	dim = min(dim*4/5&^7, 256)
	rng := rand.New(rand.NewPCG(7, 8))
	point := make([]float32, dim)
	for d := range point {
		point[d] = rng.Float32() - 0.5
	}
	out := make([]float32, 8+2*listLen)
	marks := unsafe.Slice((*byte)(unsafe.Pointer(&out[0])), dim/8)
	return kernel{
		name: "signs", rowBytes: 4 * dim, perList: listLen, out: out,
		fill: func(rng *rand.Rand, row []byte) {
			for at := 0; at < len(row); at += 4 {
				binary.LittleEndian.PutUint32(row[at:], math.Float32bits(rng.Float32()-0.5))
			}
		},
		ours: each(func(i int, row unsafe.Pointer) {
			out[8+2*i], out[9+2*i] = simd.Signs(marks, unsafe.Slice((*float32)(row), dim), point)
		}),
		theirs: inC(C.SIGNS, unsafe.Pointer(&point[0]), dim, mul, out),
	}
}
