package quant

import (
	"encoding/binary"
	"math"
	"math/bits"
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
// A query has a few bits a dimension, too, and is cut into planes: the sum of
// products is a sum of population counts.
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

// words is the length of the plane of signs. Halves of it share sizes, so that
// it is even with half a bit.
func (b *Bits) words() int {
	n := (b.dim() + 63) / 64
	if b.depth == OneAndHalf {
		n += n % 2
	}
	return n
}

// sizes is the length of the plane of sizes.
func (b *Bits) sizes() int {
	switch b.depth {
	case OneAndHalf:
		return b.words() / 2
	case Two:
		return b.words()
	}
	return 0
}

// RowBytes implements Code.
func (b *Bits) RowBytes() int { return simd.CodeHead + 8*(b.words()+b.sizes()) }

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

// bitsQuery is a vector in whole steps. With half a bit it is cut into planes,
// those of one word side by side; else a kernel compares rows, the sizes of which
// are to it as more dimensions, for which the query has its steps again.
type bitsQuery struct {
	half     bool
	count    int // planes, of two's complement
	words    int // of a row's plane of signs
	planes   []uint64
	add, mul float32
	whole    int // the sum over the dimensions, in steps
	steps    []int16
	rows     simd.Bits
}

// Ask implements Code.
func (b *Bits) Ask(v []float32, q *Query) {
	x := q.scratch.take(b.dim())
	norm := b.centred(x, v)
	c := &q.bits
	c.half, c.words, c.count = b.depth == OneAndHalf, b.words(), max(b.query, 2)
	if n := c.words * 64; cap(c.steps) < 2*n {
		c.steps = make([]int16, 2*n)
	}
	c.steps = c.steps[:len(x)]
	c.add = b.apart(v, norm)
	if b.query == 1 {
		c.signs(x)
	} else {
		c.round(x)
	}
	c.whole = 0
	for _, n := range c.steps {
		c.whole += int(n)
	}
	if q.kind = c; c.half {
		c.cut()
		return
	}
	c.kernel(b.depth)
}

// signs keeps of a query what a code of one bit does: each dimension is −1 or 1
// in steps.
func (c *bitsQuery) signs(x []float32) {
	var norm, along float32
	for d, f := range x {
		norm += f * f
		along += max(f, -f)
		if c.steps[d] = -1; f > 0 {
			c.steps[d] = 1
		}
	}
	if c.mul = 0; along > 0 {
		c.mul = norm / along
	}
}

// round rounds a query to whole steps that its planes hold.
func (c *bitsQuery) round(x []float32) {
	most := simd.Largest(x)
	top := float32(int(1)<<(c.count-1) - 1)
	inverse := float32(0)
	if most > 0 {
		inverse = top / most
	}
	c.mul = most / top
	for d, f := range x {
		c.steps[d] = int16(math.Floor(float64(f*inverse) + 0.5))
	}
}

// kernel makes the query that rows are compared with. Signs count double, since
// −1 and 1 are 2·sign − 1; of two bits −3, −1, 1 and 3 are 4·sign + 2·size − 3.
func (c *bitsQuery) kernel(depth Depth) {
	planes := c.count
	c.rows.Add, c.rows.Mul, c.rows.Bias = c.add, 2*c.mul, -c.mul*float32(c.whole)
	if depth == Two {
		n, dims := c.words*64, len(c.steps)
		c.steps = c.steps[:n+dims]
		clear(c.steps[dims:n])
		copy(c.steps[n:], c.steps[:dims])
		for d := range dims {
			c.steps[d] *= 2
		}
		c.rows.Bias *= 3
		planes++
	}
	c.rows.SetQuery(c.steps, planes)
}

// cut cuts the steps into planes, the last of which counts negatively.
func (c *bitsQuery) cut() {
	if n := c.words * c.count; cap(c.planes) < n {
		c.planes = make([]uint64, n)
	} else {
		c.planes = c.planes[:n]
		clear(c.planes)
	}
	for d, n := range c.steps {
		planes := c.planes[d/64*c.count:]
		for at := range c.count {
			planes[at] |= uint64(uint16(n)>>at&1) << (d % 64)
		}
	}
}

func (c *bitsQuery) distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	if !c.half {
		c.rows.Distances1(base, stride, ids, out)
		return
	}
	size := simd.CodeHead + 8*(c.words+c.words/2)
	simd.PrefetchRows(base, stride, size, ids)
	for i, id := range ids {
		row := unsafe.Slice((*byte)(unsafe.Add(base, int(id)*stride)), size)
		add := math.Float32frombits(binary.LittleEndian.Uint32(row))
		mul := math.Float32frombits(binary.LittleEndian.Uint32(row[4:]))
		out[i] = c.add + add + mul*c.mul*float32(c.product(row[simd.CodeHead:]))
	}
}

// product is the product with a row's code, in the query's steps: ±1, and twice
// that where the size says so.
func (c *bitsQuery) product(row []byte) int {
	signs, sizes := row[:8*c.words], row[8*c.words:]
	sum := 0
	for w := range c.words {
		sign, large := word(signs, w), word(sizes, w%(c.words/2))
		sum += 2*c.weigh(w, sign) + 2*c.weigh(w, sign&large) - c.weigh(w, large)
	}
	return sum - c.whole
}

func word(plane []byte, w int) uint64 { return binary.LittleEndian.Uint64(plane[8*w:]) }

// weigh is the sum of a query over the dimensions of word w that are set.
func (c *bitsQuery) weigh(w int, set uint64) (sum int) {
	switch p := c.planes[w*c.count:][:c.count]; len(p) {
	case 2:
		return bits.OnesCount64(p[0]&set) - 2*bits.OnesCount64(p[1]&set)
	case 4:
		return bits.OnesCount64(p[0]&set) + 2*bits.OnesCount64(p[1]&set) + 4*bits.OnesCount64(p[2]&set) - 8*bits.OnesCount64(p[3]&set)
	default:
		for at, plane := range p[:7] {
			sum += bits.OnesCount64(plane&set) << at
		}
		return sum - bits.OnesCount64(p[7]&set)<<7
	}
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
