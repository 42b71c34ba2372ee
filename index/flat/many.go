package flat

import (
	"unsafe"

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
	// Read, when set, reads the rows from one slot on, which Step divides, and below
	// another, Step of them at most, valid until the next call. Rows that lie in a file
	// are compared so without being mapped in, which puts out what searches want. Where
	// it fails the mapped rows are compared. Rows of slots that are not in Accept may be
	// anything.
	Read func(from, to index.Slot) ([]byte, error)
	Step int
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
	p := &pass{askers: askers, stride: rows.Stride(), tile: tile, dists: s.dists[:]}
	step := index.Slot(block)
	if m.Read != nil {
		step = index.Slot(m.Step)
	}
	for to = min(to, index.Slot(rows.Len())); from < to; {
		next := min(to, (from/step+1)*step)
		ids := m.Accept.AppendRange(s.ids[:0], from, next)
		p.base, p.first = rows.Base(), 0
		if len(ids) > 0 && m.Read != nil && from%step == 0 {
			m.read(p, ids, from, next)
		}
		if !m.compare(p, ids) {
			break
		}
		from = next
	}
	rows.Keep()
	out := make([][]index.Hit, len(askers))
	for i := range askers {
		out[i] = askers[i].top.Append(nil)
	}
	return out
}

// pass is what the rows of a pass are compared with, and where they lie.
type pass struct {
	askers []asker
	base   unsafe.Pointer
	first  index.Slot // of the row at base
	stride int
	tile   int
	dists  []float32
}

// read has the pass compare rows that were read, by numbers from the first on.
func (m *Many) read(p *pass, ids []uint32, from, to index.Slot) {
	raw, err := m.Read(from, to)
	if err != nil || len(raw) < int(to-from)*p.stride {
		return
	}
	p.base, p.first = unsafe.Pointer(unsafe.SliceData(raw)), from
	for i := range ids {
		ids[i] -= uint32(from)
	}
}

// compare offers some rows to every query, a tile at a time; false: it was told
// to end.
func (m *Many) compare(p *pass, ids []uint32) bool {
	for since := batch; len(ids) > 0; {
		if since += p.tile; since >= batch {
			if since = 0; m.Goes != nil && !m.Goes() {
				return false
			}
		}
		part := ids[:min(p.tile, len(ids))]
		for i := range p.askers {
			a := &p.askers[i]
			a.query.Distances(p.base, p.stride, part, p.dists)
			for k, id := range part {
				a.top.Offer(p.first+index.Slot(id), p.dists[k])
			}
		}
		ids = ids[len(part):]
	}
	return true
}
