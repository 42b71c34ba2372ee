package quant

import (
	"math"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Bits codes each dimension of a centred, turned vector by its sign, and by
// nothing, half a bit or a bit of its size, with a scale of the vector's own; as
// with Affine, the scale makes the estimate of a product unbiased (Gao and Long,
// RaBitQ, arXiv 2405.12497).
//
// A row is what every row of products begins with, and then planes of 64
// dimensions a word: the signs, then the sizes. With half a bit, dimensions of
// the first and second half of the words share the bit of their size.
//
// A query has a few bits a dimension, too. How rows of such planes are compared
// with it is simd.Bits.
type Bits struct {
	frame
	depth Depth // One, OneAndHalf or Two
	query int   // bits of a query's dimension: 1, 4 or 8
}

// Depth is the bits of a dimension.
type Depth uint8

// The depths of the contract's codes. The numbers are on disk: never renumber.
const (
	One Depth = iota + 1
	OneAndHalf
	Two
	Four
	Eight
)

// BitsOptions shapes a Bits.
type BitsOptions struct {
	Metric index.Metric // not Manhattan
	Depth  Depth        // One, OneAndHalf or Two
	Query  int          // bits of a query's dimension: 1, 4 or 8
	Seed   uint64
}

// NewBits makes the code of vectors whose mean is known.
func NewBits(o BitsOptions, mean []float32) *Bits {
	b := &Bits{frame: frame{metric: o.Metric, mean: mean, seed: o.Seed}, depth: o.Depth, query: o.Query}
	b.frame.ready()
	return b
}

// form is what the planes of a row are.
func (b *Bits) form() simd.BitForm {
	switch b.depth {
	case OneAndHalf:
		return simd.Shared
	case Two:
		return simd.Paired
	}
	return simd.Alone
}

// words is the length of the plane of signs.
func (b *Bits) words() int { return b.form().Words(b.dim()) }

// RowBytes implements Code.
func (b *Bits) RowBytes() int { return b.form().RowBytes(b.dim()) }

// Encode implements Code.
func (b *Bits) Encode(row []byte, v []float32, s *Scratch) {
	x := s.take(b.dim())
	norm := b.centred(x, v)
	planes := row[simd.CodeHead:b.RowBytes()]
	clear(planes)
	signs, sizes := planes[:8*b.words()], planes[8*b.words():]
	var along float32
	for d, f := range x {
		if f > 0 {
			set(signs, d)
		}
		along += max(f, -f)
	}
	switch b.depth {
	case OneAndHalf:
		along += b.shareSizes(sizes, x, norm)
	case Two:
		along += b.putSizes(sizes, signs, x)
	}
	b.head(row, v, [2]float32{norm, along})
}

func set(plane []byte, d int) { plane[d/8] |= 1 << (d % 8) }

// The steps by which large and small are parted, as shares of the mean square:
// those that fit a normal distribution best, and what a turned vector's
// dimensions are like. Large values count twice as much as small ones where two
// dimensions share a bit, and three times where each has its own.
const (
	sharedStep = 0.6
	ownStep    = 0.9957 / 2
)

// shareSizes marks pairs of dimensions that are large together, and answers what
// that adds to the product of the vector with its code.
func (b *Bits) shareSizes(sizes []byte, x []float32, norm float32) (more float32) {
	bound := 3 * sharedStep * float32(math.Sqrt(float64(norm)/float64(len(x))))
	half := 64 * b.words() / 2
	for d := range min(half, len(x)) {
		both := max(x[d], -x[d])
		if d+half < len(x) {
			both += max(x[d+half], -x[d+half])
		} else {
			both *= 2 // alone: whether it is large itself
		}
		if both > bound {
			set(sizes, d)
			if more += both; d+half >= len(x) {
				more -= both / 2
			}
		}
	}
	return more
}

// putSizes marks dimensions that are large. The code is −3, −1, 1 or 3: the
// plane holds whether it is the outer or, of negative ones, the inner.
func (b *Bits) putSizes(sizes, signs []byte, x []float32) (more float32) {
	var square float32
	for _, f := range x {
		square += f * f
	}
	bound := 2 * ownStep * float32(math.Sqrt(float64(square)/float64(len(x))))
	for d, f := range x {
		large := max(f, -f) > bound
		if large {
			more += 2 * max(f, -f)
		}
		if large == (f > 0) {
			set(sizes, d)
		}
	}
	return more
}

// bitsQuery is a vector in whole steps, which a kernel compares rows with.
type bitsQuery struct {
	mul   float32 // a step
	whole int     // the sum over the dimensions, in steps
	steps []int8  // of the dimensions
	rows  simd.Bits
}

// Ask implements Code.
func (b *Bits) Ask(v []float32, q *Query) {
	x := q.scratch.take(b.dim())
	norm := b.centred(x, v)
	c := &q.bits
	if cap(c.steps) < len(x) {
		c.steps = make([]int8, len(x))
	}
	c.steps = c.steps[:len(x)]
	planes := max(b.query, 2)
	if b.query == 1 {
		c.signs(x)
	} else {
		c.round(x, planes)
	}
	c.rows.Add = b.apart(v, norm)
	c.aim(b.depth)
	c.rows.SetQuery(b.form(), c.steps, planes)
	q.kind = c
}

// signs keeps of a query what a code of one bit does: each dimension is −1 or 1
// in steps.
func (c *bitsQuery) signs(x []float32) {
	whole := len(x) &^ 3
	_, along := simd.Fours(x[:whole])
	for _, f := range x[whole:] {
		along += max(f, -f)
	}
	above := 0
	for d, f := range x {
		sign := math.Float32bits(f) >> 31 // no jump: which it has cannot be foreseen
		c.steps[d] = 1 - int8(2*sign)
		above += int(1 - sign)
	}
	c.whole = 2*above - len(x)
	if c.mul = 0; along > 0 {
		c.mul = simd.Dot(x, x) / along
	}
}

// round rounds a query to whole steps of so many bits.
func (c *bitsQuery) round(x []float32, bits int) {
	most := simd.Largest(x)
	top := float32(int(1)<<(bits-1) - 1)
	inverse := float32(0)
	if most > 0 {
		inverse = top / most
	}
	c.mul = most / top
	c.whole = int(simd.Narrow(c.steps, x, inverse))
}

// aim says what codes stand for: −1 and 1 are 2·sign − 1. With sizes, a sign counts
// more, and then whether the code is the upper of its two: of two bits −3, −1, 1 and
// 3 are 4·sign + 2·upper − 3, of half a bit −2, −1, 1 and 2 are 3·sign + upper − 2.
func (c *bitsQuery) aim(depth Depth) {
	step, below := float32(2), float32(1)
	switch depth {
	case OneAndHalf:
		step, below = 1, 2
	case Two:
		below = 3
	}
	c.rows.Mul, c.rows.Bias = step*c.mul, -below*c.mul*float32(c.whole)
}

func (c *bitsQuery) distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	c.rows.Distances1(base, stride, ids, out)
}

// AppendBinary implements Code.
func (b *Bits) AppendBinary(dst []byte) []byte {
	return b.frame.append(append(appendHead(dst, kindBits), byte(b.depth), byte(b.query)))
}

func (r *reader) bits() *Bits {
	b := &Bits{depth: Depth(r.byte("depth", byte(One), byte(Two))), query: int(r.byte("bits of a query", 1, 8))}
	if b.query != 1 && b.query != 4 && b.query != 8 {
		r.fail("queries of %d bits", b.query)
	}
	b.frame = r.frame()
	return b
}
