package quant

import (
	"math"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// levels codes each dimension by one of 256 levels, the same distance apart in
// all dimensions, so that the sum of absolute differences of codes is that of
// the vectors but for the distance. It is the scalar code of Manhattan.
type levels struct {
	least []float32 // level 0 of each dimension
	step  float32   // above 0
}

const topLevel = math.MaxUint8

// newLevels puts the middle level of each dimension on its mean.
func newLevels(mean []float32, reach float32) *levels {
	l := &levels{least: make([]float32, len(mean)), step: 2 * reach / topLevel}
	if l.step == 0 {
		l.step = 1 // all vectors are alike
	}
	for d, m := range mean {
		l.least[d] = m - l.step*topLevel/2
	}
	return l
}

// RowBytes implements Code: a byte a dimension.
func (l *levels) RowBytes() int { return len(l.least) }

// Encode implements Code.
func (l *levels) Encode(row []byte, v []float32, _ *Scratch) { l.put(row, v) }

// put writes the nearest levels, and answers how far v lies beyond the outermost
// ones, summed over the dimensions.
func (l *levels) put(row []byte, v []float32) (beyond float32) {
	inverse := 1 / l.step
	for d, x := range v[:len(l.least)] {
		at := (x - l.least[d]) * inverse
		switch {
		case !(at > 0):
			row[d] = 0
			beyond -= at
		case at >= topLevel:
			row[d] = topLevel
			beyond += at - topLevel
		default:
			row[d] = byte(at + 0.5)
		}
	}
	return beyond * l.step
}

// levelsQuery is a vector in levels.
type levelsQuery struct {
	row          []byte
	rows         simd.Query
	step, beyond float32
}

// Ask implements Code. What the query lies beyond the outermost levels is
// farther from every vector within them.
func (l *levels) Ask(v []float32, q *Query) {
	c := &q.levels
	if cap(c.row) < len(l.least) {
		c.row = make([]byte, len(l.least))
	}
	c.row = c.row[:len(l.least)]
	c.beyond, c.step = l.put(c.row, v), l.step
	c.rows = simd.Row(index.Space{Metric: index.Manhattan, Datatype: index.Uint8}, c.row)
	q.kind = c
}

func (c *levelsQuery) distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	c.rows.Distances(base, stride, ids, out)
	for i := range ids {
		out[i] = out[i]*c.step + c.beyond
	}
}

// AppendBinary implements Code.
func (l *levels) AppendBinary(dst []byte) []byte {
	dst = appendFloats(appendHead(dst, kindLevels), []float32{l.step})
	return appendFloats(appendCount(dst, len(l.least)), l.least)
}

func (r *reader) levels() *levels {
	l := &levels{step: r.positive()}
	l.least = r.floats(r.dim())
	return l
}
