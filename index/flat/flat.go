// Package flat finds nearest neighbours by computing every distance: exact, and
// the fastest way where few slots are accepted.
//
// Who calls: query for tails and rare matches, storage/shard to measure recall.
// It calls index/simd and reads index/arena. It builds nothing, keeps nothing
// between searches and never reads the row of a slot that was not accepted.
package flat

import (
	"sync"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/simd"
)

const (
	// block is how many slot numbers are looked through at once. A set's page is
	// searched from its start for every block, so a block is not much smaller.
	block = 4096
	// batch is how many distances one kernel call makes: the call is paid for
	// long before, and the distances stay in the first-level cache.
	batch = 256
)

// scratch is what one scan needs; none of it outlives the scan.
type scratch struct {
	ids   [block]uint32
	dists [batch]float32
	top   TopK
	query simd.Query
	row   []byte // the query's stored form, where it needs one
}

// scratches is a cache of memory, not of state: any scan may take any of them.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Range appends to dst the q.K nearest slots of q.Accept in [from, to) that
// pass q.Check, nearest first, equal distances by slot. dst's own hits are left
// alone: callers merge. A nil q.Accept is an empty set here, since a scan cannot
// know which slots are live.
//
// Every accepted slot must be below rows.Len(), and q.Vector have as many
// dimensions as a row.
// Concurrency: any number of goroutines. Nothing is allocated but dst's growth.
func Range(q index.Query, space index.Space, rows arena.Rows, from, to index.Slot, dst []index.Hit) ([]index.Hit, index.Work) {
	s := scratches.Get().(*scratch)
	defer s.done()
	s.begin(&q, space)
	to = min(to, index.Slot(rows.Len()))
	work := index.Work{}
	for from < to && !q.Ended() {
		next := min(to, (from/block+1)*block)
		ids := passing(q.Check, q.Accept.AppendRange(s.ids[:0], from, next))
		work.Distances += s.offer(rows, ids)
		from = next
	}
	return s.top.Append(dst), work
}

// Search appends to dst the q.K nearest of the listed slots that are in
// q.Accept (nil: all are) and pass q.Check, nearest first, equal distances by
// slot. A slot listed twice is found twice. Otherwise it is as Range.
func Search(q index.Query, space index.Space, rows arena.Rows, slots []uint32, dst []index.Hit) ([]index.Hit, index.Work) {
	s := scratches.Get().(*scratch)
	defer s.done()
	s.begin(&q, space)
	work := index.Work{}
	for len(slots) > 0 && !q.Ended() {
		n := min(len(slots), block)
		ids := passing(q.Check, accepted(q.Accept, s.ids[:0], slots[:n]))
		work.Distances += s.offer(rows, ids)
		slots = slots[n:]
	}
	return s.top.Append(dst), work
}

func (s *scratch) begin(q *index.Query, space index.Space) {
	s.top.Reset(q.K)
	s.query, s.row = simd.Encoded(space, q.Vector, s.row)
}

// done forgets the borrowed query.
func (s *scratch) done() {
	s.query = simd.Query{}
	scratches.Put(s)
}

// offer computes the distances of the slots and offers them; it counts them.
func (s *scratch) offer(rows arena.Rows, ids []uint32) int {
	for done := 0; done < len(ids); done += batch {
		part := ids[done:min(done+batch, len(ids))]
		s.query.Distances(rows.Base(), rows.Stride(), part, s.dists[:])
		for i, id := range part {
			s.top.Offer(index.Slot(id), s.dists[i])
		}
	}
	return len(ids)
}

// accepted appends the slots that are in the set to dst.
func accepted(set *index.Set, dst, slots []uint32) []uint32 {
	if set == nil {
		return append(dst, slots...)
	}
	for _, id := range slots {
		if set.Contains(index.Slot(id)) {
			dst = append(dst, id)
		}
	}
	return dst
}

// passing keeps the slots that pass the check, in place.
func passing(check func(index.Slot) bool, ids []uint32) []uint32 {
	if check == nil {
		return ids
	}
	kept := ids[:0]
	for _, id := range ids {
		if check(index.Slot(id)) {
			kept = append(kept, id)
		}
	}
	return kept
}
