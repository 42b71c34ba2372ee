package shard

import (
	"github.com/kithdb/kith/index"
)

// Prepare readies the staged change for its batch's snapshot: it applies the
// postings, and returns the function that makes the new state current, to be
// called inside Cuts.Swap. Call Published after it. Writer only; the batch must
// be in.
func (s *Shard) Prepare() (swap func()) {
	c := s.writer.change
	s.writer.change = nil
	old := s.current.Load()
	next := &state{schema: old.schema, live: c.live.Done(), late: c.late.Done(), next: c.next, number: old.number + 1, payload: old.payload + c.payload, analyzers: old.analyzers}
	next.fields = append([]fieldState(nil), old.fields...)
	if c.schema != nil {
		next.schema = c.schema
		next.fields = c.fields
	}
	for i := range next.fields {
		next.fields[i].has = c.has[i].Done()
		next.fields[i].data = next.fields[i].rows.Rows()
	}
	next.ids = s.writer.ids.publish()
	s.writer.free = s.writer.free[:len(s.writer.free)-c.reused]
	s.keepGarbage(c.garbage)
	s.entomb(c.gone)

	indexes := s.writer.payload
	for _, field := range c.drops {
		indexes.Drop(field)
	}
	for _, ix := range c.adds {
		indexes.Add(ix)
	}
	for _, ix := range c.places {
		indexes.Place(ix)
	}
	for _, p := range c.posts {
		if p.add {
			indexes.Put(p.row, p.slot)
		} else {
			indexes.Remove(p.row, p.slot)
		}
	}
	next.indexes = indexes.Publish()
	if len(c.drops)+len(c.adds)+len(c.places) > 0 {
		next.analyzers = analyzers(next.indexes)
	}
	return func() { s.current.Store(next) }
}

// Published tells the optimizer of a state that is current: after Open, and at
// the end of what Prepare began, after the swap.
func (s *Shard) Published() {
	s.tidy.changes.Add(1)
	s.o.Optimizer.Notify(s)
}

// Staged reports whether operations wait for Prepare.
func (s *Shard) Staged() bool { return s.writer.change != nil }

func (s *Shard) keepGarbage(slots []index.Slot) {
	if len(slots) == 0 {
		return
	}
	e := s.writer.garbage.Edit()
	for _, slot := range slots {
		e.Add(slot)
	}
	s.writer.garbage = e.Done()
	s.garbage.Store(int64(s.writer.garbage.Len()))
}
