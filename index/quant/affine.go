package quant

import (
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Affine codes each dimension of a centred vector, most often rotated, by a few
// bits, with a scale of the vector's own:
//
//	x ≈ mean + R⁻¹·scale·(code − middle)
//
// The scale is the one for which the code's product with the vector itself is
// exact, so that the estimate of a product with another vector has no bias
// (Gao et al., extended RaBitQ, arXiv 2409.09913).
type Affine struct {
	frame
	bits   int     // 4 or 8; of 8 only 7 are used, see simd.Code8Bytes
	common float32 // distance between two codes; 0: each vector has its own
}

// AffineOptions shapes an Affine.
type AffineOptions struct {
	Metric index.Metric // not Manhattan: its distance is no product
	Dim    int
	Bits   int // 4 or 8
	Seed   uint64
	// Plain leaves vectors as they are turned.
	Plain bool
	// Step is one distance between two codes for all vectors; what lies beyond the
	// last code is cut off. 0: each vector has its own.
	Step float32
}

// NewAffine makes the code of vectors whose mean is known.
func NewAffine(o AffineOptions, mean []float32) *Affine {
	a := &Affine{frame: frame{metric: o.Metric, mean: mean, seed: o.Seed, plain: o.Plain}, bits: o.Bits, common: o.Step}
	a.frame.ready()
	return a
}

// Dim is the dimensions of the vectors.
func (a *Affine) Dim() int { return a.dim() }

// Metric is how the vectors are compared.
func (a *Affine) Metric() index.Metric { return a.metric }

// Turned reports whether the code turns vectors before it cuts them.
func (a *Affine) Turned() bool { return !a.plain }

// levels is the greatest code.
func (a *Affine) levels() int {
	if a.bits == 4 {
		return 15
	}
	return 127
}

// RowBytes is the size of a code: Bits for each dimension, and two floats, which may
// be in the codes (simd.Code4Head).
func (a *Affine) RowBytes() int {
	if a.bits == 4 {
		return simd.Code4Bytes(a.dim())
	}
	return simd.Code8Bytes(a.dim())
}

// Encode implements Code.
func (a *Affine) Encode(row []byte, v []float32, s *Scratch) {
	x := s.take(a.dim())
	norm := a.centred(x, v)
	step := a.pick(x)
	if a.headAt() == simd.InCodes {
		a.within(row, v, s, whole{norm: norm, step: step})
		return
	}
	along := a.put(row, x, step)
	a.head(row[a.headAt():], v, [2]float32{norm, along})
}

// headAt is where in a row its floats are.
func (a *Affine) headAt() int {
	if a.bits == 4 {
		return simd.Code4Head(a.dim())
	}
	return simd.Code8Head(a.dim())
}

// pick is the distance between two codes of x; 0: x is nothing but zeros.
func (a *Affine) pick(x []float32) float32 {
	if most := simd.Largest(x); most > 0 {
		return a.step(x, most)
	}
	return 0
}

// put writes the codes of x, so far from each other, and answers the product of x
// with its code, both measured in steps from the middle.
func (a *Affine) put(codes []byte, x []float32, step float32) (along float32) {
	clear(codes)
	if step == 0 {
		return 0
	}
	if a.bits == 4 {
		return a.by(step).Put4(codes, x)
	}
	return a.by(step).Put8(codes, x)
}

// by is the levels that are so far from each other.
func (a *Affine) by(step float32) simd.Levels {
	return simd.Levels{Inverse: 1 / step, Most: float32(a.levels())}
}

// step is the distance between two codes: for 4 bits the one, of several tried,
// whose code points most nearly in the vector's direction.
func (a *Affine) step(x []float32, most float32) float32 {
	levels := float32(a.levels())
	full := most / (levels / 2)
	switch {
	case a.common > 0:
		return a.common
	case a.bits != 4:
		return full
	}
	best, at := float32(-1), full
	for _, share := range [...]float32{1, 0.9, 0.8, 0.7, 0.6, 0.5} {
		step := full * share
		along, norm := simd.Levels{Inverse: 1 / step, Most: levels}.Fit(x)
		if fit := along * along / norm; fit > best {
			best, at = fit, step
		}
	}
	return at
}

// affineQuery is a vector in the form that affine codes are compared with.
type affineQuery struct {
	simd.Codes
	four bool
}

// Ask implements Code.
func (a *Affine) Ask(v []float32, q *Query) {
	x := q.scratch.take(a.dim())
	norm := a.centred(x, v)
	c := &q.affine
	c.four = a.bits == 4
	a.aim(&c.Codes, x)
	c.Add = a.apart(v, norm) + a.shared(c.Head)
	q.kind = c
}

// aim makes c the question for products with a vector that is centred and turned.
func (a *Affine) aim(c *simd.Codes, x []float32) {
	most := simd.Largest(x)
	if n := simd.CodeDims(a.dim()); cap(c.Query) < n {
		c.Query = make([]int8, n)
	} else {
		c.Query = c.Query[:n]
		clear(c.Query[a.dim():])
	}
	scale := most / 127
	inverse := float32(0)
	if most > 0 {
		inverse = 127 / most
	}
	sum := simd.Narrow(c.Query, x, inverse)
	c.Mul, c.Head = scale, a.headAt()
	c.Bias = -scale * float32(sum) * float32(a.levels()) / 2
}

func (c *affineQuery) distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	if c.four {
		c.Distances4(base, stride, ids, out)
		return
	}
	c.Distances8(base, stride, ids, out)
}
