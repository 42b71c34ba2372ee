package quant

import (
	"math"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// whole is a centred vector as its codes are made.
type whole struct {
	norm float32 // the product with itself
	step float32 // the distance between two codes; 0: it is nothing but zeros
}

// What is tried for a head in the codes, which move a little for it. So codes, step
// and the lowest bits of both numbers are chosen together: without that estimates of
// 128 dimensions are off by 1.29 times what they are with a head apart, of 768 by
// 1.40; so by 1.13 and 1.03.
const (
	// nearAdd and nearMul are how many neighbours of add and mul are tried on either
	// side, of the bfloat16 there are.
	nearAdd, nearMul = 1, 8
	// stepsTried steps are tried, around the best one, each so much of it apart.
	stepsTried, stepApart = 5, 0.02
	// across is the square of the part of a neighbour's vector that stands across
	// the vector, as a share of its length's: what codes err by counts for that part
	// alone.
	across = 0.3
	// unlike is by how much a neighbour's product with the vector is another than the
	// vector's own, squared: so much of mul's error add cannot make good. What is near
	// by dot products may be of any length.
	unlike, unlikeDot = 1. / 50, 1
)

// within writes a row whose head is in its codes. Under a metric other than Euclid,
// add is without what it shares with all rows: see shared. Where norm is beyond
// what a float32 holds, the row is of zeros.
func (a *Affine) within(row []byte, v []float32, s *Scratch, w whole) {
	clear(row)
	if w.step == 0 {
		return
	}
	add, share := w.norm, float32(-2)
	if a.metric != index.Euclid {
		add, share = -simd.Dot(a.mean, v)-a.shared(simd.InCodes), -1
	}
	if cap(s.trial) < len(row) {
		s.trial = make([]byte, len(row))
	}
	t := trial{add: add, mul: share * w.norm, norm: w.norm, unlike: unlike, least: float32(math.Inf(1))}
	if a.metric == index.Dot {
		t.unlike = unlikeDot
	}
	t.spread = share * share * across / float32(a.dim())
	x, codes := s.floats[:a.dim()], s.trial[:len(row)]
	for i := range stepsTried {
		l := a.by(w.step * (1 + stepApart*float32(i-stepsTried/2)))
		clear(codes)
		t.along = l.Put4(codes, x)
		_, t.size = l.Fit(x)
		s.parity.Weigh(l, codes, x)
		if head, better := t.best(&s.parity); better {
			copy(row, codes)
			s.parity.Put(row, head)
		}
	}
}

// trial is the search for the best row of a vector.
type trial struct {
	add, mul    float32 // add as it should be, and what mul times along should be
	norm        float32 // of the vector
	unlike      float32 // how much mul's error counts
	spread      float32 // what codes that are wholly off would add to the squared error
	along, size float32 // the products of the codes with the vector, and with themselves
	least       float32 // the error of the best so far
}

// best is the head that makes the best row of codes that were weighed; false: the
// best before was no worse.
func (t *trial) best(p *simd.Parities) (head uint32, better bool) {
	low, high := index.ToBfloat16(t.add)-nearAdd, index.ToBfloat16(t.mul/t.along)-nearMul
	var alongLow, sizeLow, off [2*nearAdd + 1]float32
	for i := range alongLow {
		add := low + uint16(i)
		alongLow[i], sizeLow[i] = p.Growth(uint32(add), math.MaxUint16)
		off[i] = index.FromBfloat16(add) - t.add
	}
	inverse := 1 / t.norm
	for j := range 2*nearMul + 1 {
		high := high + uint16(j)
		mul := index.FromBfloat16(high)
		more, size := p.Growth(uint32(high)<<16, math.MaxUint16<<16)
		more, size = more+t.along, size+t.size
		for i, add := range off {
			along := more + alongLow[i]
			wrong := (mul*along - t.mul) * inverse
			itself := add*inverse + wrong
			missed := 1 - along*along/(size+sizeLow[i])*inverse
			if e := itself*itself + t.unlike*wrong*wrong + t.spread*missed; e < t.least {
				t.least, better = e, true
				head = uint32(high)<<16 | uint32(low+uint16(i))
			}
		}
	}
	return head, better
}

// shared is what rows with a head at a place leave out of add, which all have alike:
// the square of the mean, of products. A bfloat16 of the rest is the more exact.
func (a *Affine) shared(head int) float32 {
	if head != simd.InCodes || a.metric == index.Euclid {
		return 0
	}
	return -a.square
}
