package lsh

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

const (
	// rounds of signs and Hadamard transforms make a rotation that is as good as
	// a random one.
	rounds = 3
	// maxDigits is the most hash functions that make one bucket's number.
	maxDigits = 8
)

// hasher tells the bucket of a vector in each table. It never changes.
//
// One random rotation gives as many hash functions as fit into its dimensions:
// a function looks at a stretch of 2^(b−1) rotated coordinates and answers, in b
// bits, which of them is the largest in size, and its sign. A bucket's number is
// a few such digits.
type hasher struct {
	frame
	tables int
	dim    int // dimensions of a vector
	size   int // of the rotations: a power of two
	turns  int // rotations
	signs  []float32
	digits []digit // of one table after the other
	each   int     // digits of one table
}

// digit is one hash function.
type digit struct {
	from  int // its first coordinate, over all rotations
	width int // coordinates, a power of two
	shift int // of its value within the bucket's number
}

// rotated is the size of rotations for vectors of so many dimensions and one more.
func rotated(dim int) int { return 1 << bits.Len(uint(dim)) }

// mostBits is the most bits of one digit.
func mostBits(dim int) int { return bits.Len(uint(rotated(dim))) }

func newHasher(o *Options, f frame) *hasher {
	h := &hasher{frame: f, tables: o.Tables, dim: o.Dim, size: rotated(o.Dim)}
	most := mostBits(o.Dim)
	h.each = (f.bits + most - 1) / most
	at := 0
	for range o.Tables {
		left := f.bits
		for i := range h.each {
			b := (left + h.each - i - 1) / (h.each - i)
			left -= b
			width := 1 << (b - 1)
			at = (at + width - 1) / width * width
			h.digits = append(h.digits, digit{from: at, width: width, shift: left})
			at += width
		}
	}
	h.turns = (at + h.size - 1) / h.size
	random := rand.New(rand.NewPCG(o.Seed, uint64(o.Dim)))
	h.signs = make([]float32, h.turns*rounds*h.size)
	keep := float32(1 / math.Sqrt(float64(h.size))) // a rotation keeps lengths
	for i := range h.signs {
		if h.signs[i] = keep; random.Uint64()&1 == 0 {
			h.signs[i] = -keep
		}
	}
	return h
}

// hashing is the memory of one vector's hashes. One goroutine.
type hashing struct {
	h      *hasher
	vector []float32
	base   []float32 // the vector's place on the sphere
	turned []float32 // its coordinates in all rotations

	scratch quant.Scratch
}

func (h *hasher) hashing() *hashing {
	return &hashing{h: h, vector: make([]float32, h.dim), base: make([]float32, h.size), turned: make([]float32, h.turns*h.size)}
}

// place lays a stored vector and rotates it.
func (w *hashing) place(v []float32) {
	w.h.lay(w.base, v)
	w.turn()
}

// turn computes all rotations of w.base.
func (w *hashing) turn() {
	size := w.h.size
	for t := range w.h.turns {
		out := w.turned[t*size : (t+1)*size]
		copy(out, w.base)
		for r := range rounds {
			signs := w.h.signs[(t*rounds+r)*size:][:size]
			for i, s := range signs {
				out[i] *= s
			}
			simd.Hadamard(out)
		}
	}
}

// bucket is the vector's bucket in a table.
func (w *hashing) bucket(table int) uint32 {
	b := uint32(0)
	for _, d := range w.h.of(table) {
		b |= largest(w.turned[d.from:d.from+d.width]) << d.shift
	}
	return b
}

func (h *hasher) of(table int) []digit { return h.digits[table*h.each : (table+1)*h.each] }

// largest is the vertex of the cross-polytope that is nearest to v: twice the
// coordinate, and 1 more where that is negative.
func largest(v []float32) uint32 {
	best, at := float32(-1), uint32(0)
	for i, x := range v {
		sign := uint32(0)
		if x < 0 {
			x, sign = -x, 1
		}
		if x > best {
			best, at = x, 2*uint32(i)+sign
		}
	}
	return at
}
