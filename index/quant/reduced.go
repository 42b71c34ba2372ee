package quant

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Reduced codes a vector by its coordinates along a few axes, those of the
// largest variance (principal component analysis), in float16. What lies across
// the axes is taken to be unlike in any two vectors:
//
//	q·x ≈ q·mean + (Uᵀq)·y           y = Uᵀ(x − mean)
//	|q − x|² ≈ |y − Uᵀ(q − mean)|² + what each of them has across the axes
type Reduced struct {
	metric index.Metric // not Manhattan
	mean   []float32
	axes   []float32 // one of len(mean) after the other, at right angles, of length 1
	unit   float32   // what 1 in float16 stands for
}

// ReducedOptions shapes a Reduced.
type ReducedOptions struct {
	Metric index.Metric // not Manhattan: no axes keep its distances
	Dim    int
	Axes   int // 1 to Dim
	Seed   uint64
}

// MaxReducedSamples is how many samples a Reduced makes use of.
const MaxReducedSamples = 1 << 13

// NewReduced finds the axes of samples, vectors of Dim values as they are
// stored, one after the other; there must be one at least. What a crew that stopped
// found is of no use.
func NewReduced(o ReducedOptions, samples []float32, w *index.Crew) (*Reduced, error) {
	switch {
	case o.Metric == index.Manhattan || !o.Metric.Valid():
		return nil, fmt.Errorf("no axes keep the distances of %v", o.Metric)
	case o.Dim < 1 || o.Axes < 1 || o.Axes > o.Dim:
		return nil, fmt.Errorf("%d axes of %d dimensions", o.Axes, o.Dim)
	case len(samples) < o.Dim:
		return nil, errors.New("no vectors to find axes of")
	}
	rows := min(len(samples)/o.Dim, MaxReducedSamples)
	samples = samples[:rows*o.Dim]
	c := &Reduced{metric: o.Metric, mean: centre(samples, o.Dim)}
	cov := covariance(samples, c.mean, w)
	c.axes = principal(cov, o, w)
	c.unit = c.widest(cov)
	return c, nil
}

// widest is the root of the largest variance along the axes, 1 where there is
// none.
func (c *Reduced) widest(cov []float32) float32 {
	dim := len(c.mean)
	most := 0.0
	for at := 0; at < len(c.axes); at += dim {
		axis := c.axes[at : at+dim]
		sum := 0.0
		for d := range dim {
			sum += float64(axis[d]) * float64(simd.Dot(axis, cov[d*dim:(d+1)*dim]))
		}
		most = max(most, sum)
	}
	unit := float32(math.Sqrt(most))
	if !(unit > 0) || math.IsInf(float64(unit), 0) {
		return 1
	}
	return unit
}

// Dim is the dimensions of its vectors.
func (c *Reduced) Dim() int { return len(c.mean) }

// Metric is the metric of its distances.
func (c *Reduced) Metric() index.Metric { return c.metric }

func (c *Reduced) count() int { return len(c.axes) / len(c.mean) }

// across is the bytes of what a row has beside its coordinates: under Euclid the
// squared length across the axes, a float32.
func (c *Reduced) across() int {
	if c.metric == index.Euclid {
		return 4
	}
	return 0
}

// RowBytes implements Code.
func (c *Reduced) RowBytes() int { return c.across() + 2*c.count() }

// Encode implements Code.
func (c *Reduced) Encode(row []byte, v []float32, s *Scratch) {
	dim := len(c.mean)
	room := s.take(dim + c.count())
	x, y := room[:dim], room[dim:]
	for d, a := range v[:dim] {
		x[d] = a - c.mean[d]
	}
	c.along(y, x)
	if c.metric == index.Euclid {
		rest := max(simd.Dot(x, x)-simd.Dot(y, y), 0)
		binary.LittleEndian.PutUint32(row, math.Float32bits(rest))
	}
	c.halves(row[c.across():], y, 1/c.unit)
}

// along is x's coordinates along the axes.
func (c *Reduced) along(y, x []float32) {
	Project(y, x, c.axes)
}

// halves writes scaled coordinates, held within what a float16 can be.
func (c *Reduced) halves(row []byte, y []float32, scale float32) {
	for i, a := range y {
		a = max(min(a*scale, index.MaxFloat16), -index.MaxFloat16)
		binary.LittleEndian.PutUint16(row[2*i:], index.ToFloat16(a))
	}
}

// reducedQuery is a vector made ready for a Reduced.
type reducedQuery struct {
	euclid bool
	rows   simd.Query
	row    []byte
	mul    float32 // of what the kernel answers
	add    float32
}

// Ask implements Code.
func (c *Reduced) Ask(v []float32, q *Query) {
	dim, r := len(c.mean), &q.reduced
	room := q.scratch.take(dim + c.count())
	x, y := room[:dim], room[dim:]
	copy(x, v)
	r.euclid = c.metric == index.Euclid
	scale, space := 1/c.unit, index.Space{Metric: index.Dot, Datatype: index.Float16}
	if r.euclid {
		for d := range x {
			x[d] -= c.mean[d]
		}
		space.Metric = index.Euclid
	}
	c.along(y, x)
	if r.euclid {
		r.mul, r.add = c.unit*c.unit, max(simd.Dot(x, x)-simd.Dot(y, y), 0)
	} else {
		scale = inverse(y) // a query may be of any length
		r.mul, r.add = c.unit/scale, -simd.Dot(v[:dim], c.mean)
	}
	if n := 2 * len(y); cap(r.row) < n {
		r.row = make([]byte, n)
	}
	r.row = r.row[:2*len(y)]
	c.halves(r.row, y, scale)
	r.rows = simd.Row(space, r.row)
	q.kind = r
}

// inverse is the factor that makes the largest of the values 1 in size.
func inverse(y []float32) float32 {
	most := float32(0)
	for _, a := range y {
		most = max(most, a, -a)
	}
	if !(most > 0) || most > math.MaxFloat32 {
		return 1
	}
	return 1 / most
}

func (r *reducedQuery) distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	if !r.euclid {
		r.rows.Distances(base, stride, ids, out)
		for i := range ids {
			out[i] = out[i]*r.mul + r.add
		}
		return
	}
	r.rows.Distances(unsafe.Add(base, 4), stride, ids, out)
	for i, id := range ids {
		rest := unsafe.Slice((*byte)(unsafe.Add(base, int(id)*stride)), 4)
		out[i] = out[i]*r.mul + r.add + math.Float32frombits(binary.LittleEndian.Uint32(rest))
	}
}

// AppendBinary implements Code.
func (c *Reduced) AppendBinary(dst []byte) []byte {
	dst = append(appendHead(dst, kindReduced), byte(c.metric))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(c.mean)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(c.count()))
	dst = appendFloats(dst, []float32{c.unit})
	dst = appendFloats(dst, c.mean)
	return appendFloats(dst, c.axes)
}

func (r *reader) reduced() *Reduced {
	c := &Reduced{metric: r.metric()}
	if c.metric == index.Manhattan {
		r.fail("axes under Manhattan")
	}
	dim := r.uint32("dimensions", 1, maxDim)
	axes := r.uint32("axes", 1, dim)
	if unit := r.floats(1); len(unit) == 1 && unit[0] > 0 {
		c.unit = unit[0]
	} else {
		r.fail("unit %v", unit)
	}
	c.mean = r.floats(int(dim))
	c.axes = r.floats(int(dim) * int(axes))
	return c
}
