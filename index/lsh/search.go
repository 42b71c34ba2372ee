package lsh

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

const (
	// DefaultEf is the breadth of a search that gives none.
	DefaultEf = 128
	// perEf is how many vectors a search compares for each of its ef: so that the
	// breadths which serve a graph serve here.
	perEf = 32
	// batch is how many vectors are compared in one call.
	batch = 256
	// patience is how many buckets are looked into between two looks at the end.
	patience = 64
)

// searcher is what one search needs, taken from a pool.
type searcher struct {
	*hashing
	probes
	x      *Index
	guide  *guide     // nil: vectors are compared
	codes  arena.Rows // of the guide, as it was when the search began
	asked  quant.Query
	query  simd.Query
	row    []byte  // memory for the query's stored form
	stamp  []uint8 // by slot: the last search that saw it
	epoch  uint8
	fresh  []uint32
	bucket []uint32
	dist   []float32
	top    flat.TopK
	work   index.Work
}

func (x *Index) searcher(h *hasher) *searcher {
	s, ok := x.searchers.Get().(*searcher)
	if !ok {
		s = &searcher{hashing: h.hashing(), x: x, dist: make([]float32, batch)}
	}
	if n := x.members.Rows().Len() * wordBits; len(s.stamp) < n {
		s.stamp, s.epoch = make([]uint8, n+n/8), 0
	}
	if s.epoch++; s.epoch == 0 {
		clear(s.stamp)
		s.epoch = 1
	}
	s.work, s.fresh = index.Work{}, s.fresh[:0]
	return s
}

// Search implements index.Searcher. It compares 32·Ef accepted vectors, those of
// the likeliest buckets; where no more are accepted, all of them, and is exact.
func (x *Index) Search(q index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	h := x.hash.Load()
	if h == nil || x.Len() == 0 {
		return dst, index.Work{}
	}
	s := x.searcher(h)
	defer x.release(s)
	if s.take(&q); s.guide == nil {
		s.query, s.row = simd.Encoded(x.o.space(), q.Vector, s.row)
		s.top.Reset(q.K)
	} else {
		s.guide.code.Ask(q.Vector, &s.asked)
		s.top.Reset(kept(&q))
	}
	if budget := budgetOf(&q); q.Accept != nil && q.Accept.Len() <= budget {
		s.all(&q)
	} else {
		s.probe(&q, budget)
	}
	if s.guide != nil {
		dst = s.decide(&q, dst)
	} else {
		dst = s.top.Append(dst)
	}
	return dst, s.work
}

// release forgets what was borrowed.
func (x *Index) release(s *searcher) {
	s.query, s.guide, s.codes = simd.Query{}, nil, arena.Rows{}
	x.searchers.Put(s)
}

func budgetOf(q *index.Query) int {
	ef := q.Ef
	if ef == 0 {
		ef = DefaultEf
	}
	return perEf * max(ef, q.K)
}

// all compares every accepted slot of the index.
func (s *searcher) all(q *index.Query) {
	rows := s.x.members.Rows()
	for slot := range q.Accept.All() {
		if member(rows, uint32(slot)) && s.visit(uint32(slot)) {
			s.consider(q, uint32(slot))
		}
		if len(s.fresh) == batch {
			if s.compare(); q.Ended() {
				return
			}
		}
	}
	s.compare()
}

// probe looks into buckets until so many vectors were compared.
func (s *searcher) probe(q *index.Query, budget int) {
	s.hashing.h.layQuery(s.base, q.Vector, s.x.o.Metric)
	s.turn()
	s.begin(s.hashing.h, s.turned)
	for s.work.Distances+len(s.fresh) < budget {
		bucket, more := s.next()
		if s.work.Hops++; !more || s.work.Hops%patience == 0 && q.Ended() {
			break
		}
		s.bucket = s.x.tables.slots(s.bucket[:0], bucket)
		for _, slot := range s.bucket {
			if s.visit(slot) {
				s.consider(q, slot)
			}
			if len(s.fresh) == batch {
				s.compare()
			}
		}
	}
	s.compare()
}

// visit says whether a slot is new. Slots that joined meanwhile are passed over.
func (s *searcher) visit(slot uint32) bool {
	if int(slot) >= len(s.stamp) || s.stamp[slot] == s.epoch || s.guide != nil && int(slot) >= s.codes.Len() {
		return false
	}
	s.stamp[slot] = s.epoch
	return true
}

// consider keeps a slot that may be returned, to be compared.
func (s *searcher) consider(q *index.Query, slot uint32) {
	if q.Accept != nil && !q.Accept.Contains(index.Slot(slot)) || q.Check != nil && !q.Check(index.Slot(slot)) {
		return
	}
	s.fresh = append(s.fresh, slot)
}

// compare measures the vectors that were kept, or their codes.
func (s *searcher) compare() {
	if s.guide != nil {
		s.asked.Distances(s.codes.Base(), s.codes.Stride(), s.fresh, s.dist)
	} else {
		rows := s.x.vectors.Rows()
		s.query.Distances(rows.Base(), rows.Stride(), s.fresh, s.dist)
		rows.Keep()
	}
	for i, slot := range s.fresh {
		s.top.Offer(index.Slot(slot), s.dist[i])
	}
	s.work.Distances += len(s.fresh)
	s.fresh = s.fresh[:0]
}

const (
	// nearFactor is how many rows a sequential scan compares while a search
	// compares one that lies anywhere.
	nearFactor = 3
	// seenFactor is the same for a slot that is seen and not accepted.
	seenFactor = 0.2
)

// Cost implements index.Searcher.
func (x *Index) Cost(ef int, share float64) float64 {
	budget := float64(perEf * ef)
	seen := min(budget/max(share, 1e-4), float64(x.Len()*x.o.Tables))
	return nearFactor*budget + seenFactor*seen
}
