package lsh

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

// guide is the codes that searches compare first, a row for each slot.
type guide struct {
	code quant.Code
	rows *arena.Arena
	mu   sync.Mutex // guards growth of rows
}

// put writes a slot's code.
func (at *guide) put(slot uint32, v []float32, s *quant.Scratch) error {
	if int(slot) >= at.rows.Rows().Len() {
		at.mu.Lock()
		err := at.rows.Grow(int(slot) + 1)
		at.mu.Unlock()
		if err != nil {
			return err
		}
	}
	at.code.Encode(at.rows.Rows().Bytes(slot), v, s)
	return nil
}

// Guide has searches compare codes, a small part of the vectors' memory, and
// measure the best by their vectors at the end. It encodes every slot before the
// new code takes over from the old; nil takes the guide away. Not beside Insert;
// searches go on. On error, which index.ErrStopped is, nothing has changed.
func (x *Index) Guide(code quant.Code, p index.Pace) error {
	if code == nil {
		x.swapGuide(nil)
		return nil
	}
	fresh := &guide{code: code, rows: arena.New(arena.Options{RowBytes: code.RowBytes()})}
	slots := uint32(min(x.members.Rows().Len()*wordBits, x.vectors.Rows().Len()))
	if err := errors.Join(fresh.rows.Pin(), fresh.rows.Grow(int(slots))); err != nil {
		return errors.Join(err, fresh.rows.Close())
	}
	members := x.members.Rows()
	var next atomic.Uint32
	var stopped atomic.Bool
	p.Each(func(hand int) {
		v, s := make([]float32, x.o.Dim), new(quant.Scratch)
		const stretch = 1024
		for from := next.Add(stretch) - stretch; from < slots; from = next.Add(stretch) - stretch {
			if !p.Goes(hand) {
				stopped.Store(true)
				return
			}
			for slot := from; slot < min(from+stretch, slots); slot++ {
				if member(members, slot) {
					x.o.Datatype.Decode(v, x.vectors.Rows().Bytes(slot))
					code.Encode(fresh.rows.Rows().Bytes(slot), v, s)
				}
			}
		}
	})
	if stopped.Load() {
		return errors.Join(index.ErrStopped, fresh.rows.Close())
	}
	x.swapGuide(fresh)
	return nil
}

// Code is the code that searches compare, nil when they compare vectors.
func (x *Index) Code() quant.Code {
	if at := x.guide.Load(); at != nil {
		return at.code
	}
	return nil
}

func (x *Index) swapGuide(fresh *guide) {
	if old := x.guide.Swap(fresh); old != nil {
		old.rows.Abandon()
	}
}

// take borrows the guide, if the search goes by one.
func (s *searcher) take(q *index.Query) {
	for s.guide = nil; !q.NoCodes; {
		at := s.x.guide.Load()
		if at == nil {
			return
		}
		s.codes = at.rows.Rows()
		if s.x.guide.Load() == at { // else it may have been abandoned before
			s.guide = at
			return
		}
	}
}

// leastKept is how many of the nearest by code are kept at least, and keptShare
// how many for each that is wanted: among them are the nearest by all but the
// shortest codes.
const leastKept, keptShare = 64, 8

// kept is how many of the nearest a search keeps while it compares codes.
func kept(q *index.Query) int {
	switch {
	case q.Rescore < 0:
		return q.K
	case q.Rescore > 0:
		return max(q.Rescore, q.K)
	}
	return max(keptShare*q.K, leastKept)
}

// decide answers a search that has compared codes: the best by code, measured by
// their vectors.
func (s *searcher) decide(q *index.Query, dst []index.Hit) []index.Hit {
	from := len(dst)
	dst = s.top.Append(dst)
	best := quant.Decide(q, dst[from:], s.byVectors(q))
	return dst[:from+min(q.K, len(best))]
}

// byVectors measures hits by their vectors.
func (s *searcher) byVectors(q *index.Query) func([]index.Hit) []float32 {
	s.query, s.row = simd.Encoded(s.x.o.space(), q.Vector, s.row)
	rows := s.x.vectors.Rows()
	return func(hits []index.Hit) []float32 {
		s.bucket = s.bucket[:0]
		for _, h := range hits {
			s.bucket = append(s.bucket, uint32(h.Slot))
		}
		s.dist = slices.Grow(s.dist[:0], len(hits))[:max(len(hits), batch)]
		s.query.Distances(rows.Base(), rows.Stride(), s.bucket, s.dist)
		rows.Keep()
		s.work.Distances += len(hits)
		return s.dist
	}
}
