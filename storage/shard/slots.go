package shard

import (
	"slices"

	"github.com/kithdb/kith/index"
)

// Slots go round: a dead slot is garbage while a graph walks through it or a
// view may read it; swept, it is free, and the next point takes the lowest free
// one. A slot that was taken anew is late until every graph that should has it:
// the graphs' high marks say nothing of it.

// freeSlots are the slots that may be taken anew, the lowest last.
type freeSlots []index.Slot

// at is the n-th to be taken, NoSlot when there are no more.
func (f freeSlots) at(n int) index.Slot {
	if n >= len(f) {
		return index.NoSlot
	}
	return f[len(f)-1-n]
}

// with merges swept slots in.
func (f freeSlots) with(swept *index.Set) freeSlots {
	out := make(freeSlots, 0, len(f)+swept.Len())
	rest := slices.Clone(f)
	slices.Reverse(rest)
	for slot := range swept.All() {
		for len(rest) > 0 && rest[0] < slot {
			out, rest = append(out, rest[0]), rest[1:]
		}
		out = append(out, slot)
	}
	out = append(out, rest...)
	slices.Reverse(out)
	return out
}

// below drops the slots from a number on.
func (f freeSlots) below(next index.Slot) freeSlots {
	at, _ := slices.BinarySearchFunc(f, next, func(s, next index.Slot) int {
		if s >= next {
			return -1
		}
		return 1
	})
	return slices.Clone(f[at:])
}

// runs yields the stretches of slots that are free, and those beyond all.
func (f freeSlots) runs(yield func(from, to index.Slot)) {
	const least = 64 // slots; shorter runs free no whole page worth the call
	from, to := index.NoSlot, index.NoSlot
	for i := len(f) - 1; i >= 0; i-- {
		if f[i] == to && from != index.NoSlot {
			to++
			continue
		}
		if from != index.NoSlot && to-from >= least {
			yield(from, to)
		}
		from, to = f[i], f[i]+1
	}
	if from != index.NoSlot && to-from >= least {
		yield(from, to)
	}
}

// nextSlot is the slot that the next point takes, and whether it was in use
// before. Writer only.
func (t *stager) nextSlot() (slot index.Slot, again bool) {
	if slot := t.s.writer.free.at(t.c.reused); slot != index.NoSlot {
		return slot, true
	}
	return t.c.next, false
}

// lateOf lists the field's late slots that its graph does not have.
func (f *fieldState) lateOf(st *state, g *indexed) (out []uint32) {
	high := index.Slot(g.high.Load())
	for slot := range st.late.Range(0, high) {
		if f.has.Contains(slot) && !g.graph.Contains(slot) {
			out = append(out, uint32(slot))
		}
	}
	return out
}

// settleLate forgets the late slots of a view, which all graphs have now.
func (s *Shard) settleLate(v *View) {
	if v.st.late.Len() == 0 {
		return
	}
	s.o.Apply.Lock()
	defer s.o.Apply.Unlock()
	next := *s.current.Load()
	next.late = next.late.AndNot(v.st.late)
	s.o.Cuts.mu.Lock()
	defer s.o.Cuts.mu.Unlock()
	s.current.Store(&next)
}

// collect sorts out the dead slots at an open: those that a graph has are
// garbage, those without any row are free. Every live slot below a graph's mark
// that the graph lacks is late.
func (l *loader) collect() {
	late, graves := (*index.Set)(nil).Edit(), []index.Slot(nil)
	var free freeSlots
	for slot := range l.st.next {
		switch {
		case l.st.live.Contains(slot):
			if l.st.lacking(slot) {
				late.Add(slot)
			}
		case l.st.inGraph(slot):
			graves = append(graves, slot)
		case !l.s.writer.garbage.Contains(slot):
			free = append(free, slot)
		}
	}
	l.s.keepGarbage(graves)
	slices.Reverse(free)
	l.s.writer.free = free
	l.st.late = late.Done()
}

// lacking says whether a graph that reaches beyond a live slot lacks it.
func (st *state) lacking(slot index.Slot) bool {
	for i := range st.fields {
		f := &st.fields[i]
		if g := f.graph.Load(); g != nil && slot < index.Slot(g.high.Load()) && f.has.Contains(slot) && !g.graph.Contains(slot) {
			return true
		}
	}
	return false
}
