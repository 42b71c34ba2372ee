package ivfpq

import (
	"math"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

const (
	// words is the codewords of a sub-quantiser: 4 bits.
	words = 16
	// bookPoints is how many points a codebook is trained on.
	bookPoints = 8 << 10
)

// product is a product quantiser (Jégou, Douze and Schmid, PAMI 2011) of 4-bit
// sub-quantisers, over what is left of a vector once its centroid is taken away.
type product struct {
	dim, subs int
	// books has 16 values for each dimension: that of each codeword of the
	// sub-quantiser that the dimension belongs to.
	books []float32
	half  []float32 // of each codeword half of its squared length
}

// from is the first dimension of a sub-quantiser. Where there are more of them
// than dimensions, some have none.
func (p *product) from(sub int) int { return sub * p.dim / p.subs }

// values is a dimension's values.
func (p *product) values(d int) *[words]float32 { return (*[words]float32)(p.books[words*d:]) }

// learnProduct makes the codebooks from a sample of residuals.
func learnProduct(r matrix, subs int, seed uint64, w *index.Crew) *product {
	p := &product{dim: r.dim, subs: subs, books: make([]float32, words*r.dim)}
	r = thinned(r, bookPoints)
	w.Each(subs, func(sub int, w *index.Crew) {
		from, to := p.from(sub), p.from(sub+1)
		if from < to {
			p.book(r, from, to, seed+uint64(sub), w)
		}
	})
	p.finish()
	return p
}

// finish computes what follows from the books.
func (p *product) finish() {
	p.half = make([]float32, words*p.subs)
	for sub := range p.subs {
		for d := p.from(sub); d < p.from(sub+1); d++ {
			for k, x := range p.values(d) {
				p.half[words*sub+k] += x * x / 2
			}
		}
	}
}

// book places the codewords of dimensions [from, to) among the points.
func (p *product) book(r matrix, from, to int, seed uint64, w *index.Crew) {
	part := newMatrix(r.len(), to-from)
	for i := range r.len() {
		copy(part.row(i), r.row(i)[from:to])
	}
	book := quant.Book{Points: words, Columns: p.books[words*from : words*to]}
	book.Train(index.Euclid, part.v, seed, words, w)
}

// word is the codeword nearest to v, the dimensions from a first on.
func (p *product) word(v []float32, from int, half *[words]float32) int {
	score := *half
	for d, x := range v {
		for k, b := range p.values(from + d) {
			score[k] -= x * b
		}
	}
	return least(score[:])
}

// encode sets codes to those of a residual, and approximates it.
func (p *product) encode(r []float32, codes []uint8, approx []float32) {
	for sub := range codes {
		from, to := p.from(sub), p.from(sub+1)
		k := p.word(r[from:to], from, (*[words]float32)(p.half[words*sub:]))
		codes[sub] = uint8(k)
		for d := from; d < to; d++ {
			approx[d] = p.books[words*d+k]
		}
	}
}

// ask fills a scratch's tables with the products of v and the codewords.
func (p *product) ask(v []float32, s *scratch) {
	var widest, whole, bias float32
	for sub := range p.subs {
		var t [words]float32
		for d := p.from(sub); d < p.from(sub+1); d++ {
			x := v[d]
			for k, b := range p.values(d) {
				t[k] += x * b
			}
		}
		low, high := t[0], t[0]
		for _, x := range t {
			low, high = min(low, x), max(high, x)
		}
		*(*[words]float32)(s.products[words*sub:]) = t
		s.lows[sub] = low
		bias += low
		widest, whole = max(widest, high-low), whole+high-low
	}
	// No entry passes 255, and no sum of entries 65535 even if all are rounded up.
	step := max(widest/math.MaxUint8, whole/float32(math.MaxUint16-p.subs))
	p.quantise(s, step)
	s.sifter.Mul, s.sifter.Bias = step, bias
}

// quantise rounds the products to steps above their table's least.
func (p *product) quantise(s *scratch, step float32) {
	inverse := float32(0)
	if step > 0 {
		inverse = 1 / step
	}
	for sub := range p.subs {
		low := s.lows[sub]
		in, out := (*[words]float32)(s.products[words*sub:]), (*[words]uint8)(s.tables[words*sub:])
		for k, x := range in {
			out[k] = uint8((x-low)*inverse + 0.5)
		}
	}
}

// entry is what a list holds of a vector.
type entry struct {
	slot     uint32
	add, mul float32 // that bfloat16 can hold
	codes    []uint8
}

// model is what is learned before vectors are taken in.
type model struct {
	o      Options
	frame  *frame
	coarse *coarse // in the frame, as are codes and mean
	codes  *product
	mean   []float32 // of the sample
}

// encode is what a list holds of the vector that was read; spread is the squared
// distance to the list's centroid.
//
// With c the centroid, r the rest, r' its code's and s = r·r / r·r', which makes
// the estimate exact along r (Gao and Long, arXiv 2405.12497), distances are
//
//	|q−x|² ≈ |q−c|² + r·r + 2s·(c−mean)·r' − 2s·(q−mean)·r'
//	−q·x  ≈ −q·c − s·mean·r' − s·(q−mean)·r'
//
// where the first term is the same for a list, the next ones are the vector's
// add, and the last is looked up, by one set of tables for all lists. What vectors
// have across the frame's axes is taken to be unlike in any two of them: its square
// is part of add under Euclid, and nothing of a product.
func (m *model) encode(list int, s *scratch, e *entry) (spread float32) {
	v, c := s.vector, m.coarse.centroids.row(list)
	r, approx := s.residual[:len(v)], s.approx[:len(v)]
	for d, x := range v {
		r[d] = x - c[d]
	}
	m.codes.encode(r, e.codes, approx)
	spread = simd.Dot(r, r)
	scale := float32(1)
	if along := simd.Dot(r, approx); along > 0 {
		scale = min(spread/along, steepest)
	}
	along := simd.Dot(m.mean, approx)
	if m.o.Metric == index.Euclid {
		e.mul = -2 * scale
		e.add = s.across + spread + 2*scale*(simd.Dot(c, approx)-along)
	} else {
		e.mul = -scale
		e.add = -scale * along
	}
	e.add, e.mul = index.FromBfloat16(index.ToBfloat16(e.add)), index.FromBfloat16(index.ToBfloat16(e.mul))
	if !finite(e.add) || !finite(e.mul) {
		e.add, e.mul = 0, 0 // as far as its list is
	}
	return spread
}

// steepest bounds the scale of a vector whose code is nearly square to it.
const steepest = 4

func finite(x float32) bool { return x-x == 0 }
