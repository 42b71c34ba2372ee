package shard

import (
	"bytes"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// View is a consistent cut of a shard: live set, ids, rows and payloads of one
// moment. Writers go on beside it. Release it exactly once.
type View struct {
	s    *Shard
	st   *state
	c    *cut
	held []*indexed // graphs that Vectors handed out
	read bool       // it is counted as a read
	at   int        // its epoch
}

// View takes a cut. The error is op.ErrNoShard when the shard was dropped.
func (s *Shard) View() (*View, error) {
	v, err := s.view()
	if err == nil {
		v.read = true
		s.o.Optimizer.reading.Add(1)
	}
	return v, err
}

// view is a View for background work, which nobody needs to make way for.
func (s *Shard) view() (*View, error) {
	if !s.pins.take() {
		return nil, op.ErrNoShard
	}
	s.o.Cuts.mu.RLock()
	defer s.o.Cuts.mu.RUnlock()
	c := s.o.Cuts.current
	if !c.pins.take() {
		s.pins.drop()
		return nil, op.ErrNoShard
	}
	at := s.epochs.enter() // before the state is looked at
	return &View{s: s, st: s.current.Load(), c: c, at: at}, nil
}

// Release ends the view; nothing it handed out may be used afterwards.
func (v *View) Release() {
	if v.read {
		o := v.s.o.Optimizer
		o.lastRead.Store(int64(time.Since(o.began)))
		o.reading.Add(-1)
	}
	for _, g := range v.held {
		g.pins.drop()
	}
	v.s.epochs.leave(v.at)
	v.c.pins.drop()
	v.s.pins.drop()
}

// Matches is what the payload indexes know of a filter at the view's moment.
type Matches struct {
	// Set holds every matching live slot, and only those when Exact.
	Set   *index.Set
	Exact bool
}

// Matching takes a cut together with what the indexes know of the filter.
func (s *Shard) Matching(f *filter.Filter) (*View, Matches, error) {
	if f.IsZero() {
		v, err := s.View()
		if err != nil {
			return nil, Matches{}, err
		}
		return v, Matches{Set: v.st.live, Exact: true}, nil
	}
	v, err := s.View()
	if err != nil {
		return nil, Matches{}, err
	}
	a, err := v.Indexes().Match(f, v.scope())
	if err != nil {
		v.Release()
		return nil, Matches{}, err
	}
	return v, Matches{Set: a.Set, Exact: a.Exact}, nil
}

// Indexes are the payload indexes at the view's moment. One goroutine.
func (v *View) Indexes() *payload.Reader {
	return v.st.indexes.At(payload.Rows{Scan: v.postings, Next: v.st.next})
}

func (v *View) postings(from, to []byte, down bool, yield func(key []byte) bool) error {
	return v.c.ScanPostings(v.s.id, from, to, down, yield)
}

// Schema is the collection's schema at the view's moment.
func (v *View) Schema() *schema.Collection { return v.st.schema }

// Live is the set of live slots.
func (v *View) Live() *index.Set { return v.st.live }

// Next is above every slot of the view.
func (v *View) Next() index.Slot { return v.st.next }

// ID is the external id of a live slot.
func (v *View) ID(s index.Slot) point.ID { return v.st.ids.id(s) }

// Slot finds the live slot of an id.
func (v *View) Slot(id point.ID) (index.Slot, bool) {
	row, ok, err := v.c.GetPoint(v.s.id, id)
	if err != nil || !ok {
		return index.NoSlot, false
	}
	return row.Slot, true
}

// Vectors is one named vector's data at the view's moment.
type Vectors struct {
	index.Space
	Settings schema.HNSW
	Has      *index.Set // live slots that have the vector
	Rows     arena.Rows
	Graph    index.Searcher // nil while there is none
	High     index.Slot     // every slot of Has below is in Graph, but Late ones
	Late     *index.Set     // slots below High that Graph may lack
	Building bool           // a graph is wanted and does not hold everything yet
	Effort   int            // ef that meets the recall goal; 0: not measured yet

	shard *Shard
	field *field
	state *fieldState
}

// Vectors finds a named vector.
func (v *View) Vectors(name string) (Vectors, bool) {
	f, ok := v.st.field(name)
	if !ok {
		return Vectors{}, false
	}
	out := Vectors{Space: f.conf.Space(), Settings: f.settings, Has: f.has, Rows: f.data, Effort: f.breadth(), shard: v.s, field: f.field, state: f}
	if g := f.serving(); g != nil {
		v.held = append(v.held, g)
		// High first: whatever joins later is then found twice rather than not at all.
		out.High = index.Slot(g.high.Load())
		out.Graph, out.Late = g.graph, v.st.late
	}
	out.Building = f.tail(v.st) > 0
	return out, true
}

// Payload is the stored payload of a live slot.
func (v *View) Payload(s index.Slot) ([]byte, error) {
	row, _, err := v.c.GetPoint(v.s.id, v.ID(s))
	return row.Payload, err
}

// Point reads one point; false when it does not exist.
func (v *View) Point(id point.ID, sel point.Selector) (point.Point, bool, error) {
	row, ok, err := v.c.GetPoint(v.s.id, id)
	if err != nil || !ok {
		return point.Point{}, false, err
	}
	p, err := v.record(id, row, sel)
	return p, true, err
}

// Found reads a point that a search found in a live slot. Without payload it
// touches no store.
func (v *View) Found(s index.Slot, sel point.Selector) (point.Point, bool, error) {
	version := atomic.LoadUint32(&v.st.ids.version.Uint32s(uint32(s))[0])
	if sel.Payload.Enable || version == longVersion {
		return v.Point(v.ID(s), sel)
	}
	return point.Point{ID: v.ID(s), Version: uint64(version), Vectors: v.vectors(s, sel.Vector)}, true, nil
}

func (v *View) record(id point.ID, row storage.PointRow, sel point.Selector) (point.Point, error) {
	p := point.Point{ID: id, Version: row.Version, Vectors: v.vectors(row.Slot, sel.Vector)}
	if !sel.Payload.Enable || row.Payload == nil {
		return p, nil
	}
	payload, err := filter.Project(row.Payload, sel.Payload)
	p.Payload = bytes.Clone(payload)
	return p, err
}

func (v *View) vectors(s index.Slot, sel point.VectorSelector) []point.Vector {
	if !sel.Enable {
		return nil
	}
	var out []point.Vector
	for i := range v.st.fields {
		f := &v.st.fields[i]
		if sel.Wants(f.conf.Name) && f.has.Contains(s) {
			out = append(out, point.Vector{Name: f.conf.Name, Values: f.vector(s)})
		}
	}
	return out
}

// Entry is one stored point during a scan: valid until the scan goes on.
type Entry struct {
	v   *View
	ID  point.ID
	row storage.PointRow
}

// Slot is the entry's live slot.
func (e *Entry) Slot() index.Slot { return e.row.Slot }

// Payload is the entry's payload.
func (e *Entry) Payload() []byte { return e.row.Payload }

// Point copies what the selector asks for.
func (e *Entry) Point(sel point.Selector) (point.Point, error) { return e.v.record(e.ID, e.row, sel) }

// Scan yields the shard's points in id order, from an id on, until yield
// returns false.
func (v *View) Scan(from point.ID, yield func(*Entry) bool) error {
	e := Entry{v: v}
	return v.c.ScanPoints(v.s.id, from, func(id point.ID, row storage.PointRow) bool {
		e.ID, e.row = id, row
		return yield(&e)
	})
}
