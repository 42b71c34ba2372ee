package lsh

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/quant"
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
// searches go on. On error nothing has changed.
func (x *Index) Guide(code quant.Code, workers int) error {
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
	var wg sync.WaitGroup
	for range max(workers, 1) {
		wg.Go(func() {
			v, s := make([]float32, x.o.Dim), new(quant.Scratch)
			const stretch = 1024
			for from := next.Add(stretch) - stretch; from < slots; from = next.Add(stretch) - stretch {
				for slot := from; slot < min(from+stretch, slots); slot++ {
					if member(members, slot) {
						x.o.Datatype.Decode(v, x.vectors.Rows().Bytes(slot))
						code.Encode(fresh.rows.Rows().Bytes(slot), v, s)
					}
				}
			}
		})
	}
	wg.Wait()
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

// leastRescored is enough for the ten nearest to be among the best by code.
const leastRescored = 64

// kept is how many of the nearest a search keeps while it compares codes, and
// how many of them are measured by their vectors.
func kept(q *index.Query) (by, measured int) {
	switch {
	case q.Rescore < 0:
		return q.K, 0
	case q.Rescore == 0:
		n := max(4*q.K, leastRescored)
		return n, n
	}
	n := max(q.Rescore, q.K)
	return n, n
}

// decide answers a search that has compared codes: the best by code, measured by
// their vectors.
func (s *searcher) decide(q *index.Query, measured int, dst []index.Hit) []index.Hit {
	if measured == 0 {
		return s.top.Append(dst)
	}
	s.bucket = s.bucket[:0]
	for _, h := range s.top.Hits() {
		s.bucket = append(s.bucket, uint32(h.Slot))
	}
	dst, work := flat.Search(index.Query{Vector: q.Vector, K: q.K}, s.x.o.space(), s.x.vectors.Rows(), s.bucket, dst)
	s.work = s.work.Add(work)
	return dst
}
