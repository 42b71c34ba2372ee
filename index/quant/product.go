package quant

import (
	"math"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Product codes runs of dimensions by the nearest of 256 points, a byte a run
// (Jégou et al., Product quantization for nearest neighbor search, PAMI 2011). A
// query measures itself against all points once; the distance to a code is then
// a sum of what it looks up. That works for every metric.
type Product struct {
	metric index.Metric
	dim    int
	run    int // dimensions a byte; the last run may be shorter
	// points are the runs' points, one after the other, 256 times dim values.
	points []float32
	ids    []uint32 // 0 to 255
}

// centres is how many points a run has.
const centres = 256

func newProduct(m index.Metric, dim, run int) *Product {
	p := &Product{metric: m, dim: dim, run: run, points: make([]float32, centres*dim), ids: make([]uint32, centres)}
	for i := range p.ids {
		p.ids[i] = uint32(i)
	}
	return p
}

// runs is the number of runs.
func (p *Product) runs() int { return (p.dim + p.run - 1) / p.run }

// span is where run i begins and ends.
func (p *Product) span(i int) (from, to int) { return i * p.run, min((i+1)*p.run, p.dim) }

// of is the points of a run, one after the other.
func (p *Product) of(i int) []float32 {
	from, to := p.span(i)
	return p.points[centres*from : centres*to]
}

// RowBytes implements Code: a byte a run.
func (p *Product) RowBytes() int { return p.runs() }

// Encode implements Code.
func (p *Product) Encode(row []byte, v []float32, s *Scratch) {
	out := s.take(centres)
	near := p.nearness()
	for i := range p.runs() {
		from, to := p.span(i)
		p.measure(near, i, v[from:to], out)
		row[i] = byte(least(out))
	}
}

// nearness is the metric by which a point stands for a run of dimensions: it is
// to be like it, whatever the distance between vectors is.
func (p *Product) nearness() index.Metric {
	if p.metric == index.Manhattan {
		return index.Manhattan
	}
	return index.Euclid
}

// measure fills out with the distances from a part of a vector to a run's points.
func (p *Product) measure(m index.Metric, run int, part, out []float32) {
	simd.Distances(m, part, unsafe.Pointer(unsafe.SliceData(p.of(run))), 4*len(part), p.ids, out)
}

// least is where the smallest value is.
func least(v []float32) (at int) {
	best := float32(math.Inf(1))
	for i, x := range v {
		if x < best {
			best, at = x, i
		}
	}
	return at
}

// productQuery is a vector's distances to the points of every run.
type productQuery struct {
	tables   [][centres]float32
	add, mul float32 // what makes a distance of a sum
}

// Ask implements Code. Under Cosine, whose vectors are of length 1, the product
// is taken from the squared distance: what a point lacks of a vector then counts
// by how far the query is from it, and not by how long the query is.
func (p *Product) Ask(v []float32, q *Query) {
	c := &q.product
	if n := p.runs(); cap(c.tables) < n {
		c.tables = make([][centres]float32, n)
	} else {
		c.tables = c.tables[:n]
	}
	measure := p.metric
	if c.add, c.mul = 0, 1; p.metric == index.Cosine {
		measure, c.add, c.mul = index.Euclid, -(1+simd.Dot(v, v))/2, 0.5
	}
	for i := range c.tables {
		from, to := p.span(i)
		p.measure(measure, i, v[from:to], c.tables[i][:])
	}
	q.kind = c
}

func (c *productQuery) distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	tables := c.tables
	for i, id := range ids {
		codes := unsafe.Slice((*byte)(unsafe.Add(base, int(id)*stride)), len(tables))
		var a, b float32
		at := 0
		for ; at+1 < len(tables); at += 2 {
			a += tables[at][codes[at]]
			b += tables[at+1][codes[at+1]]
		}
		if at < len(tables) {
			a += tables[at][codes[at]]
		}
		out[i] = c.add + c.mul*(a+b)
	}
}

// AppendBinary implements Code.
func (p *Product) AppendBinary(dst []byte) []byte {
	dst = append(appendHead(dst, kindProduct), byte(p.metric))
	dst = appendCount(appendCount(dst, p.run), p.dim)
	return appendFloats(dst, p.points)
}

func (r *reader) product() *Product {
	m := r.metric()
	run, dim := r.dim(), r.dim()
	if centres*4*dim != len(r.left) {
		r.fail("%d bytes of points for %d dimensions", len(r.left), dim)
		return nil
	}
	p := newProduct(m, dim, run)
	p.points = r.floats(centres * dim)
	return p
}
