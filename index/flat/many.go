package flat

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/simd"
)

// Many is several queries that are answered in one pass over the rows, so that
// these come from memory once and not once for each. One goroutine.
type Many struct {
	Vectors [][]float32
	K       int        // hits for each
	Accept  *index.Set // of all of them; nil is empty, as in Range
	// Goes is asked between some hundred rows, and may wait; false ends the pass:
	// what was found so far is answered. nil: it goes on.
	Goes func() bool
}

// tileBytes is how many bytes of rows all queries compare before the next ones
// are read: a quarter of a second-level cache.
const tileBytes = 128 << 10

// asker is one of many queries.
type asker struct {
	query simd.Query
	top   TopK
	row   []byte
}

// Range answers for each vector what Range of this package would: the K nearest
// slots of Accept in [from, to), nearest first, equal distances by slot.
func (m *Many) Range(space index.Space, rows arena.Rows, from, to index.Slot) [][]index.Hit {
	askers := make([]asker, len(m.Vectors))
	for i := range askers {
		a := &askers[i]
		a.top.Reset(m.K)
		a.query, a.row = simd.Encoded(space, m.Vectors[i], nil)
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	tile := min(max(tileBytes/max(rows.Stride(), 1), 1), batch)
	for to = min(to, index.Slot(rows.Len())); from < to; {
		next := min(to, (from/block+1)*block)
		ids := m.Accept.AppendRange(s.ids[:0], from, next)
		if !m.compare(askers, rows, ids, tile, s.dists[:]) {
			break
		}
		from = next
	}
	out := make([][]index.Hit, len(askers))
	for i := range askers {
		out[i] = askers[i].top.Append(nil)
	}
	return out
}

// compare offers some rows to every query, a tile at a time; false: it was told
// to end.
func (m *Many) compare(askers []asker, rows arena.Rows, ids []uint32, tile int, dists []float32) bool {
	for since := batch; len(ids) > 0; {
		if since += tile; since >= batch {
			if since = 0; m.Goes != nil && !m.Goes() {
				return false
			}
		}
		part := ids[:min(tile, len(ids))]
		for i := range askers {
			a := &askers[i]
			a.query.Distances(rows.Base(), rows.Stride(), part, dists)
			for k, id := range part {
				a.top.Offer(index.Slot(id), dists[k])
			}
		}
		ids = ids[len(part):]
	}
	return true
}
