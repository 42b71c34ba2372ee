package quant

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// frame is where codes whose distance is a product look at vectors from: their
// mean is the origin, and they may be turned.
type frame struct {
	metric index.Metric // not Manhattan
	mean   []float32
	seed   uint64
	plain  bool // not turned
	turn   Rotation
	square float32 // the mean's product with itself
}

// Mean is the mean of vectors of dim values, one after the other.
func Mean(samples []float32, dim int) []float32 {
	sums := make([]float64, dim)
	for at := 0; at+dim <= len(samples); at += dim {
		for d, x := range samples[at : at+dim] {
			sums[d] += float64(x)
		}
	}
	mean := make([]float32, dim)
	for d, sum := range sums {
		mean[d] = float32(sum / float64(max(len(samples)/dim, 1)))
	}
	return mean
}

// ready makes what follows from the rest.
func (f *frame) ready() {
	f.square = simd.Dot(f.mean, f.mean)
	if !f.plain {
		f.turn = NewRotation(len(f.mean), f.seed)
	}
}

func (f *frame) dim() int { return len(f.mean) }

// centred puts the turned difference to the mean into out, and answers its
// squared length.
func (f *frame) centred(out, v []float32) (norm float32) {
	simd.Less(out, v, f.mean)
	norm = simd.Dot(out, out)
	f.turn.Apply(out)
	return norm
}

// head writes what a row begins with, the parts of the distance that are the
// vector's own: what is added, and the length of a step of the code. sizes are
// the centred vector's products with itself and with its code.
func (f *frame) head(row []byte, v []float32, sizes [2]float32) {
	norm, along := sizes[0], sizes[1]
	mul := float32(0)
	if along > 0 {
		mul = norm / along
	}
	add := norm
	if f.metric != index.Euclid {
		mul, add = -mul, -simd.Dot(f.mean, v)
	} else {
		mul *= -2
	}
	binary.LittleEndian.PutUint32(row, math.Float32bits(add))
	binary.LittleEndian.PutUint32(row[4:], math.Float32bits(mul))
}

// apart is the part of the distance that is the query's own; norm is its squared
// length, centred.
func (f *frame) apart(v []float32, norm float32) float32 {
	if f.metric == index.Euclid {
		return norm
	}
	return simd.Dot(f.mean, f.mean) - simd.Dot(f.mean, v)
}

// Rotation is a random orthogonal map that costs little: rounds of a random
// choice of signs and a Walsh-Hadamard transform, by turns over the first and
// the last 2ᵏ dimensions. The zero value turns nothing. It never changes.
type Rotation struct {
	size  int // 2ᵏ
	signs [][]float32
	scale float32
}

const turns = 4

// NewRotation is a rotation of so many dimensions; the same seed gives the same.
func NewRotation(dim int, seed uint64) Rotation {
	r := Rotation{size: 1}
	for 2*r.size <= dim {
		r.size *= 2
	}
	r.scale = float32(1 / math.Sqrt(float64(r.size)))
	random := rand.New(rand.NewPCG(seed, uint64(dim)))
	rounds := turns
	for range rounds {
		signs := make([]float32, r.size)
		for i := range signs {
			signs[i] = r.scale
			if random.Uint64()&1 == 0 {
				signs[i] = -r.scale
			}
		}
		r.signs = append(r.signs, signs)
	}
	return r
}

// Apply turns v in place.
func (r *Rotation) Apply(v []float32) {
	for round, signs := range r.signs {
		part := v[:r.size]
		if round%2 == 1 {
			part = v[len(v)-r.size:]
		}
		simd.Turn(part, signs)
	}
}
