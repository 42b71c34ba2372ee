package shard

import (
	"errors"
	"fmt"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/point"
)

const (
	// sparseShare: where so many percent of the slots in use hold nothing, the
	// highest points move down.
	sparseShare = 8
	// strayGain: free stretches take no memory, but numbers are not endless either:
	// the highest points move when each of them that does gives up so many slots.
	strayGain = 2
	// moveBlock is how many points move while writers wait.
	moveBlock = 256
)

// spread is how many slots the stretches cover that have a live one.
func (st *state) spread(stretch int) (n int) {
	for from := index.Slot(0); from < st.next; from += index.Slot(stretch) {
		if to := min(from+index.Slot(stretch), st.next); st.live.Count(from, to) > 0 {
			n += int(to - from)
		}
	}
	return n
}

// sparse says whether the live slots lie so wide apart that moving them pays:
// they waste memory, or a few keep many slots below them from being given up.
// Only points above all that is kept move, so without any nothing does: what is
// free above them is cut.
func (s *Shard) sparse(st *state) bool {
	kept := st.live.Len() + int(s.garbage.Load())
	strays := st.live.Count(index.Slot(kept), max(st.next, index.Slot(kept)))
	if strays == 0 {
		return false
	}
	if s.wide(st.spread(s.upkeep().Stretch), kept) {
		return true
	}
	return s.wide(int(st.next), kept) && strays*strayGain <= int(st.next)-kept
}

// wide says whether so many slots are too many for what they keep.
func (s *Shard) wide(slots, kept int) bool {
	empty := slots - kept
	return empty >= s.upkeep().Tidy && empty*100 >= slots*sparseShare
}

// compact moves the points of the highest slots into free ones below, a block at
// a time, and gives up the slots above when nothing is left in them. Points
// move as an update of all of their vectors would have them, but for their
// version: nobody can tell, so there is no entry in the log. What it leaves is
// repaired and swept once, at the end. build must be held.
func (s *Shard) compact(v *View) (more bool, err error) {
	if s.condemned != nil || s.tidy.above == 0 && s.upkeep().untidy(int(s.garbage.Load()), v.st.live.Len()) {
		return false, nil // what is dead goes first
	}
	s.o.Apply.Lock()
	defer s.o.Apply.Unlock()
	st := s.current.Load()
	begins := s.tidy.above == 0
	if begins {
		if !s.sparse(st) {
			return false, s.cut()
		}
		s.tidy.above = index.Slot(st.live.Len() + int(s.garbage.Load()))
	}
	slots := st.live.AppendRange(nil, s.tidy.above, st.next)
	slots = slots[:min(len(slots), moveBlock)]
	moved, err := s.moveDown(slots)
	if moved == 0 {
		s.tidy.above = 0
	}
	return err == nil && (moved > 0 || !begins), err
}

// moveDown gives the points of some slots lower ones, as far as there are any.
// Apply is held.
func (s *Shard) moveDown(slots []uint32) (moved int, err error) {
	b := s.o.Store.NewBatch()
	defer b.Close()
	t := &stager{s: s, b: b, c: s.begin(), applied: s.o.Store.Applied()}
	for _, slot := range slots {
		if s.writer.free.at(t.c.reused) >= index.Slot(slot) {
			break
		}
		if err := t.relocate(index.Slot(slot)); err != nil {
			return 0, errors.Join(err, s.Discard())
		}
		moved++
	}
	if moved == 0 {
		return 0, s.Discard()
	}
	return moved, s.publishOwn(b)
}

// publishOwn commits a change that is not the log's, and makes it current.
func (s *Shard) publishOwn(b *storage.Batch) error {
	if err := s.Seal(b); err != nil {
		return errors.Join(err, s.Discard())
	}
	if err := b.Commit(s.o.Store.Applied()); err != nil {
		return errors.Join(err, s.Discard())
	}
	s.o.Cuts.Swap(s.o.Store.NewSnapshot(), s.Prepare())
	return nil
}

// relocate gives a live slot's point the lowest free slot.
func (t *stager) relocate(from index.Slot) error {
	id := t.s.current.Load().ids.id(from)
	row, ok, err := t.b.GetPoint(t.s.id, id)
	if err != nil {
		return err
	}
	if !ok || row.Slot != from {
		return fmt.Errorf("%w: slot %d and its point %s do not name each other", storage.ErrCorrupt, from, id)
	}
	row.Payload = append([]byte(nil), row.Payload...)
	t.c.touched[id] = struct{}{}
	stay := t.staying(from, nil, nil)
	if err := t.forget(row); err != nil {
		return err
	}
	to, err := t.takeAs(&point.Point{ID: id}, row.Version)
	if err != nil {
		return err
	}
	for _, at := range stay {
		if err := t.carry(at, from, to); err != nil {
			return err
		}
	}
	if err := t.repost(to, nil, row.Payload); err != nil {
		return err
	}
	row.Slot = to
	return t.b.PutPoint(t.s.id, id, row)
}

// end is the slot from which on all are free. Apply is held.
func (s *Shard) end(st *state) index.Slot {
	next := st.next
	for next > 0 && !st.live.Contains(next-1) && !s.writer.garbage.Contains(next-1) && !st.inGraph(next-1) {
		next--
	}
	return next
}

// loose says whether so many of the highest slots are free that they are worth
// giving up.
func (s *Shard) loose() bool {
	s.o.Apply.Lock()
	defer s.o.Apply.Unlock()
	st := s.current.Load()
	return int(st.next-s.end(st)) >= s.upkeep().Tidy
}

// cut gives up the highest slots where all of them are free. Apply is held.
func (s *Shard) cut() error {
	st := s.current.Load()
	next := s.end(st)
	if int(st.next-next) < s.upkeep().Tidy {
		return nil
	}
	b := s.o.Store.NewBatch()
	defer b.Close()
	c := s.begin()
	c.next = next
	if err := s.publishOwn(b); err != nil {
		return err
	}
	s.writer.free = s.writer.free.below(next)
	for i := range st.fields {
		f := st.fields[i].field
		f.rows.Truncate(int(next))
		if g := f.graph.Load(); g != nil {
			g.high.Store(min(g.high.Load(), uint32(next)))
			g.saved = min(g.saved, next)
			g.changed = true // a start refuses a file that has more slots than the shard
			if graph, ok := g.graph.(*hnsw.Graph); ok {
				graph.Truncate(next)
			}
		}
	}
	s.writer.ids.truncate(next)
	return nil
}
