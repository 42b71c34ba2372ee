package quant

import (
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
	// columns are the values that the points have of each dimension, 256 times dim.
	columns []float32
}

// centres is how many points a run has.
const centres = 256

func newProduct(m index.Metric, dim, run int) *Product {
	return &Product{metric: m, dim: dim, run: run, columns: make([]float32, centres*dim)}
}

// runs is the number of runs.
func (p *Product) runs() int { return (p.dim + p.run - 1) / p.run }

// span is where run i begins and ends.
func (p *Product) span(i int) (from, to int) { return i * p.run, min((i+1)*p.run, p.dim) }

// book is the points of run i.
func (p *Product) book(i int) Book {
	from, to := p.span(i)
	return Book{Points: centres, Columns: p.columns[centres*from : centres*to]}
}

// RowBytes implements Code: a byte a run.
func (p *Product) RowBytes() int { return p.runs() }

// Encode implements Code.
func (p *Product) Encode(row []byte, v []float32, s *Scratch) {
	out := s.take(centres)
	near := p.nearness()
	for i := range p.runs() {
		from, to := p.span(i)
		row[i] = byte(p.book(i).Nearest(near, v[from:to], out))
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
		p.book(i).Measure(measure, v[from:to], c.tables[i][:])
	}
	q.kind = c
}

// ahead is how many rows memory is asked for before they are read, together one
// kernel's worth of calls to it.
const ahead = 16

func (c *productQuery) distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	bytes := len(c.tables)
	simd.PrefetchRows(base, stride, bytes, ids[:min(ahead, len(ids))])
	for len(ids) > 0 {
		n := min(ahead, len(ids))
		simd.PrefetchRows(base, stride, bytes, ids[n:min(n+ahead, len(ids))])
		few, at := ids[:n], 0
		for ; at+4 <= n; at += 4 {
			c.four(base, stride, few[at:at+4], out[at:at+4])
		}
		for ; at < n; at++ {
			out[at] = c.add + c.mul*c.one(base, stride, few[at])
		}
		ids, out = ids[n:], out[n:]
	}
}

// one is the sum that a row looks up.
func (c *productQuery) one(base unsafe.Pointer, stride int, id uint32) (sum float32) {
	codes := unsafe.Slice((*byte)(unsafe.Add(base, int(id)*stride)), len(c.tables))
	for i, code := range codes {
		sum += c.tables[i][code]
	}
	return sum
}

// four measures four rows side by side: the sum of one waits for itself alone.
func (c *productQuery) four(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	tables := c.tables
	row := func(id uint32) []byte { return unsafe.Slice((*byte)(unsafe.Add(base, int(id)*stride)), len(tables)) }
	a, b, x, y := row(ids[0]), row(ids[1]), row(ids[2]), row(ids[3])
	var sumA, sumB, sumX, sumY float32
	for i := range tables {
		t := &tables[i]
		sumA += t[a[i]]
		sumB += t[b[i]]
		sumX += t[x[i]]
		sumY += t[y[i]]
	}
	out[0], out[1], out[2], out[3] = c.add+c.mul*sumA, c.add+c.mul*sumB, c.add+c.mul*sumX, c.add+c.mul*sumY
}

// AppendBinary implements Code.
func (p *Product) AppendBinary(dst []byte) []byte {
	dst = append(appendHead(dst, kindProduct), byte(p.metric))
	dst = appendCount(appendCount(dst, p.run), p.dim)
	for i := range p.runs() {
		dst = appendFloats(dst, turned(p.book(i).Columns, centres))
	}
	return dst
}

// turned is a matrix whose rows of so many values have become its columns.
func turned(m []float32, columns int) []float32 {
	out, rows := make([]float32, len(m)), len(m)/columns
	for i := range rows {
		for j := range columns {
			out[j*rows+i] = m[i*columns+j]
		}
	}
	return out
}

func (r *reader) product() *Product {
	m := r.metric()
	run, dim := r.dim(), r.dim()
	if centres*4*dim != len(r.left) {
		r.fail("%d bytes of points for %d dimensions", len(r.left), dim)
		return nil
	}
	p := newProduct(m, dim, run)
	points := r.floats(centres * dim)
	if points == nil {
		return nil
	}
	for i := range p.runs() {
		from, to := p.span(i)
		copy(p.book(i).Columns, turned(points[centres*from:centres*to], to-from))
	}
	return p
}
