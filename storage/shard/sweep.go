package shard

import (
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
)

const (
	// sweepShare: so many times the garbage are live at most.
	sweepShare = 5
	// sweepRetry is after how long a sweep that waits for older views looks again.
	sweepRetry = 50 * time.Millisecond
)

// sweepable counts dead slots whose rows could go.
func (s *Shard) sweepable() int {
	n := int(s.garbage.Load())
	if n < s.upkeep().Garbage || n*sweepShare < s.current.Load().live.Len() {
		return 0
	}
	return n
}

// sweep deletes the vector rows of dead slots that no graph walks through any
// more, in the store and in memory, and has the slots taken anew. It is local
// housekeeping: what it deletes cannot be seen, so it needs no entry in the
// log. First the slots are condemned; they go at a later call, once every view
// that may still read them has ended. build must be held.
func (s *Shard) sweep(quiet bool) error {
	if s.condemned == nil {
		if s.sweepable() == 0 && !(quiet && s.tidy.above == 0 && int(s.garbage.Load()) >= s.upkeep().Tidy) {
			return nil
		}
		s.condemn()
	}
	if s.condemned == nil {
		return nil
	}
	if !s.epochs.drained() {
		s.o.Optimizer.later(s, sweepRetry)
		return nil
	}
	gone := s.condemned
	s.condemned = nil
	return s.execute(gone)
}

// condemn chooses the dead slots that no graph has, in memory or in the file
// that a restart would load, and begins a new epoch.
func (s *Shard) condemn() {
	s.o.Apply.Lock()
	defer s.o.Apply.Unlock()
	st := s.current.Load()
	for i := range st.fields {
		if g := st.fields[i].graph.Load(); g != nil && g.mended {
			return // the file may have them yet
		}
	}
	gone := (*index.Set)(nil).Edit()
	for slot := range s.writer.garbage.All() {
		if !st.inGraph(slot) {
			gone.Add(slot)
		}
	}
	if gone.Len() > 0 && s.epochs.flip() {
		s.condemned = gone.Done()
	}
}

// execute deletes what was condemned.
func (s *Shard) execute(gone *index.Set) (err error) {
	j := s.resume(Sweeping, "")
	defer func() { s.finish(j, err) }()
	if err := s.spoil(s.current.Load(), gone); err != nil { // writers need not wait for the disk
		return err
	}
	s.o.Apply.Lock()
	defer s.o.Apply.Unlock()
	st := s.current.Load()
	b := s.o.Store.NewBatch()
	defer b.Close()
	for slot := range gone.All() {
		for i := range st.fields {
			if err := b.DeleteVector(s.id, st.fields[i].number, slot); err != nil {
				return err
			}
		}
	}
	if err := b.Commit(s.o.Store.Applied()); err != nil {
		return err
	}
	s.writer.garbage = s.writer.garbage.AndNot(gone)
	s.garbage.Store(int64(s.writer.garbage.Len()))
	s.writer.free = s.writer.free.with(gone)
	s.progress(j, gone.Len(), 0)
	s.tidy.swept += gone.Len()
	s.writer.free.runs(func(from, to index.Slot) { s.releaseRows(st, from, to) })
	return nil
}

func (st *state) inGraph(slot index.Slot) bool {
	for i := range st.fields {
		if g := st.fields[i].graph.Load(); g != nil && g.holds(slot) {
			return true
		}
	}
	return false
}

// holds reports whether an index, or a tree of a tenant, has a slot.
func (g *indexed) holds(slot index.Slot) bool {
	if graph, ok := g.graph.(*hnsw.Graph); ok {
		return graph.Holds(slot)
	}
	return g.graph.Contains(slot)
}

// releaseRows gives the memory of a run of free slots back.
func (s *Shard) releaseRows(st *state, from, to index.Slot) {
	for i := range st.fields {
		f := st.fields[i].field
		f.rows.Release(int(from), int(to))
		if g := f.graph.Load(); g != nil {
			if graph, ok := g.graph.(*hnsw.Graph); ok {
				graph.Release(from, to)
			}
		}
	}
	s.writer.ids.release(from, to)
}
