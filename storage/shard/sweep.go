package shard

import (
	"github.com/kithdb/kith/index"
)

// leastGarbage is how many dead rows a sweep is worth.
const leastGarbage = 1000

// sweepable counts dead slots whose rows could go.
func (s *Shard) sweepable() int {
	n := int(s.garbage.Load())
	if n < leastGarbage || n*5 < s.current.Load().live.Len() {
		return 0
	}
	return n
}

// sweep deletes the vector rows of dead slots that no graph walks through any
// more, in the store and in memory. It is local housekeeping: what it deletes
// cannot be seen, so it needs no entry in the log. build must be held.
func (s *Shard) sweep() (err error) {
	if s.sweepable() == 0 {
		return nil
	}
	s.o.Apply.Lock()
	defer s.o.Apply.Unlock()
	// A view older than the deletes may still read the rows. Views taken from
	// now on cannot, so one moment without others is enough; until it comes,
	// each write tries again.
	if !s.pins.sole() {
		return nil
	}
	st := s.current.Load()
	j := s.resume(Sweeping, "")
	defer func() {
		if j.Done == 0 && err == nil { // graphs hold all of them still
			s.cancel(j)
			return
		}
		s.finish(j, err)
	}()
	b := s.o.Store.NewBatch()
	defer b.Close()
	left := s.writer.garbage.Edit()
	swept := (*index.Set)(nil).Edit()
	for slot := range s.writer.garbage.All() {
		if st.inGraph(slot) {
			continue
		}
		for i := range st.fields {
			if err := b.DeleteVector(s.id, st.fields[i].number, slot); err != nil {
				return err
			}
		}
		left.Remove(slot)
		swept.Add(slot)
	}
	if err := b.Commit(s.o.Store.Applied()); err != nil {
		return err
	}
	s.writer.garbage = left.Done()
	s.garbage.Store(int64(s.writer.garbage.Len()))
	gone := swept.Done()
	s.progress(j, gone.Len(), 0)
	s.releaseRows(st, gone)
	return nil
}

func (st *state) inGraph(slot index.Slot) bool {
	for i := range st.fields {
		if g := st.fields[i].graph.Load(); g != nil && g.graph.Contains(slot) {
			return true
		}
	}
	return false
}

// releaseRows gives the memory of runs of dead slots back.
func (s *Shard) releaseRows(st *state, swept *index.Set) {
	const run = 64 // slots; shorter runs free no whole page worth the call
	from, last := index.NoSlot, index.NoSlot
	flush := func() {
		if from != index.NoSlot && last-from >= run {
			for i := range st.fields {
				st.fields[i].rows.Release(int(from), min(int(last)+1, st.fields[i].rows.Rows().Len()))
			}
			s.writer.ids.release(from, last+1)
		}
	}
	for slot := range swept.All() {
		if from == index.NoSlot || slot != last+1 {
			flush()
			from = slot
		}
		last = slot
	}
	flush()
}
