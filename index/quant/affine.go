package quant

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Affine codes each dimension of a centred, rotated vector by a few bits, with a
// scale of the vector's own:
//
//	x ≈ mean + R⁻¹·scale·(code − middle)
//
// The scale is the one for which the code's product with the vector itself is
// exact, so that the estimate of a product with another vector has no bias
// (Gao et al., extended RaBitQ, arXiv 2409.09913).
type Affine struct {
	metric index.Metric
	dim    int
	bits   int // 4 or 8; of 8 only 7 are used, see simd.Code8Bytes
	mean   []float32
	turn   rotation
}

// AffineOptions shapes an Affine.
type AffineOptions struct {
	Metric index.Metric // not Manhattan: its distance is no product
	Dim    int
	Bits   int // 4 or 8
	Seed   uint64
}

// NewAffine makes the code of vectors whose mean is known.
func NewAffine(o AffineOptions, mean []float32) *Affine {
	a := &Affine{metric: o.Metric, dim: o.Dim, bits: o.Bits, mean: mean}
	a.turn = newRotation(o.Dim, o.Seed)
	return a
}

// levels is the greatest code.
func (a *Affine) levels() int {
	if a.bits == 4 {
		return 15
	}
	return 127
}

// RowBytes is the size of a code: two floats, and Bits for each dimension.
func (a *Affine) RowBytes() int {
	if a.bits == 4 {
		return simd.Code4Bytes(a.dim)
	}
	return simd.Code8Bytes(a.dim)
}

// centred puts the rotated difference to the mean into out, and answers its
// squared length.
func (a *Affine) centred(out, v []float32) (norm float32) {
	for i, x := range v {
		out[i] = x - a.mean[i]
	}
	norm = simd.Dot(out[:a.dim], out[:a.dim])
	a.turn.apply(out[:a.dim])
	return norm
}

// Encode implements Code.
func (a *Affine) Encode(row []byte, v []float32, s *Scratch) {
	x := s.take(a.dim)
	norm := a.centred(x, v)
	along := a.pick(row[simd.CodeHead:], x)
	mul := float32(0)
	if along > 0 {
		mul = norm / along
	}
	add := norm
	if a.metric != index.Euclid {
		mul, add = -mul, -simd.Dot(a.mean, v)
	} else {
		mul *= -2
	}
	binary.LittleEndian.PutUint32(row, math.Float32bits(add))
	binary.LittleEndian.PutUint32(row[4:], math.Float32bits(mul))
}

// pick writes the codes of x and answers the product of x with its code, both
// measured in steps from the middle.
func (a *Affine) pick(codes []byte, x []float32) (along float32) {
	var most float32
	for _, f := range x {
		most = max(most, f, -f)
	}
	clear(codes)
	if most == 0 {
		return 0
	}
	levels := float32(a.levels())
	middle := levels / 2
	inverse := 1 / a.step(x, most)
	for d, f := range x {
		c := f*inverse + middle
		c = min(max(float32(math.Floor(float64(c+0.5))), 0), levels)
		along += f * (c - middle)
		a.put(codes, d, byte(c))
	}
	return along
}

// step is the distance between two codes: for 4 bits the one, of several tried,
// whose code points most nearly in the vector's direction.
func (a *Affine) step(x []float32, most float32) float32 {
	levels := float32(a.levels())
	middle := levels / 2
	full := most / middle
	if a.bits != 4 {
		return full
	}
	best, at := float32(-1), full
	for _, share := range [...]float32{1, 0.9, 0.8, 0.7, 0.6, 0.5} {
		step := full * share
		inverse := 1 / step
		var along, norm float32
		for _, f := range x {
			c := min(max(float32(int32(f*inverse+middle+0.5)), 0), levels) - middle
			along += f * c
			norm += c * c
		}
		if fit := along * along / norm; fit > best {
			best, at = fit, step
		}
	}
	return at
}

func (a *Affine) put(codes []byte, d int, c byte) {
	if a.bits == 8 {
		codes[d] = c
		return
	}
	at, high := d/32*16+d%16, d%32 >= 16
	if high {
		c <<= 4
	}
	codes[at] |= c
}

// affineQuery is a vector in the form that affine codes are compared with.
type affineQuery struct {
	simd.Codes
	four bool
}

// Ask implements Code.
func (a *Affine) Ask(v []float32, q *Query) {
	x := q.scratch.take(a.dim)
	norm := a.centred(x, v)
	var most float32
	for _, f := range x {
		most = max(most, f, -f)
	}
	c := &q.affine
	c.four = a.bits == 4
	if n := simd.CodeDims(a.dim); cap(c.Query) < n {
		c.Query = make([]int8, n)
	} else {
		c.Query = c.Query[:n]
		clear(c.Query[a.dim:])
	}
	scale := most / 127
	inverse := float32(0)
	if most > 0 {
		inverse = 127 / most
	}
	sum := int32(0)
	for d, f := range x {
		r := f * inverse
		if r < 0 {
			r -= 0.5
		} else {
			r += 0.5
		}
		c.Query[d] = int8(int32(r))
		sum += int32(r)
	}
	c.Mul = scale
	c.Bias = -scale * float32(sum) * float32(a.levels()) / 2
	c.Add = 0
	if a.metric == index.Euclid {
		c.Add = norm
	} else {
		c.Add = simd.Dot(a.mean, a.mean) - simd.Dot(a.mean, v)
	}
	q.kind = c
}

func (c *affineQuery) distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	if c.four {
		c.Distances4(base, stride, ids, out)
		return
	}
	c.Distances8(base, stride, ids, out)
}

// rotation is a random orthogonal map that costs little: two rounds of a random
// choice of signs and a Walsh-Hadamard transform, over the first and then over
// the last 2ᵏ dimensions.
type rotation struct {
	size  int // 2ᵏ
	signs [][]float32
	scale float32
}

const turns = 4

func newRotation(dim int, seed uint64) rotation {
	r := rotation{size: 1}
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

func (r *rotation) apply(v []float32) {
	for round, signs := range r.signs {
		part := v[:r.size]
		if round%2 == 1 {
			part = v[len(v)-r.size:]
		}
		for i, s := range signs {
			part[i] *= s
		}
		simd.Hadamard(part)
	}
}
