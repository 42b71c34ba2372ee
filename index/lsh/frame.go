package lsh

import (
	"math"
	"math/bits"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/simd"
)

const (
	// sampleSize is how many vectors are looked at to learn where they lie.
	sampleSize = 1 << 14
	// fill is how many vectors a bucket should hold: a few, since looking into a
	// bucket costs about as much as comparing a vector.
	fill = 4
)

// frame is what is learned: it lays vectors onto a sphere, where the hash can
// tell directions. A vector is taken relative to the mean and gets one more
// dimension, the height at which it meets the sphere of the radius:
//
//	x ↦ (x − mean, √(radius² − |x − mean|²))
//
// For Euclid, and for Cosine, whose vectors have length 1, queries are laid onto
// the sphere alike: who is near stays near. For Dot the query is laid into the
// plane of height 0 instead, where the nearest in angle is the one of the largest
// product (Neyshabur and Srebro, arXiv 1410.5518).
type frame struct {
	mean   []float32
	radius float32
	bits   int
}

// learn looks at an even sample of the live rows.
func learn(o *Options, rows arena.Rows, live *index.Set) frame {
	f := frame{mean: make([]float32, o.Dim), bits: o.Bits}
	if f.bits == 0 {
		f.bits = bitsFor(live.Len())
	}
	f.bits = min(f.bits, maxDigits*mostBits(o.Dim))
	sample := spread(live)
	sum, v := make([]float64, o.Dim), make([]float32, o.Dim)
	for _, s := range sample {
		o.Datatype.Decode(v, rows.Bytes(uint32(s)))
		for d, a := range v {
			sum[d] += float64(a)
		}
	}
	for d := range sum {
		f.mean[d] = float32(sum[d] / float64(max(len(sample), 1)))
	}
	longest, total := 0.0, 0.0
	for _, s := range sample {
		o.Datatype.Decode(v, rows.Bytes(uint32(s)))
		square := float64(simd.L2(v, f.mean))
		longest, total = max(longest, square), total+square
	}
	square := total / float64(max(len(sample), 1))
	if o.Metric == index.Dot {
		square = longest // whoever is longer than the radius is found less often
	}
	f.radius = float32(math.Sqrt(square))
	if !(f.radius > 0) || math.IsInf(float64(f.radius), 0) {
		f.radius = 1
	}
	return f
}

// spread is an even sample of a set.
func spread(live *index.Set) []index.Slot {
	n := min(live.Len(), sampleSize)
	ranks := make([]int, n)
	for i := range ranks {
		ranks[i] = int(int64(i) * int64(live.Len()) / int64(n))
	}
	return live.At(ranks, nil)
}

// bitsFor is the bits of a bucket's number among so many vectors.
func bitsFor(vectors int) int {
	return min(max(bits.Len(uint(vectors/fill)), minBits), maxBits)
}

// lay writes a vector's place on the sphere into out, which is longer; the rest
// of out becomes 0.
func (f *frame) lay(out, v []float32) {
	square := float32(0)
	for d, a := range v {
		a -= f.mean[d]
		out[d] = a
		square += a * a
	}
	clear(out[len(v):])
	if rest := f.radius*f.radius - square; rest > 0 {
		out[len(v)] = float32(math.Sqrt(float64(rest)))
	}
}

// layQuery is lay for what is asked.
func (f *frame) layQuery(out, v []float32, m index.Metric) {
	if m != index.Dot {
		f.lay(out, v)
		return
	}
	clear(out[copy(out, v):])
}
