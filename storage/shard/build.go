package shard

import (
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
)

const (
	// blockSlots is how many slots one step of a build covers: small enough to
	// take turns, large enough that workers seldom wait for each other.
	blockSlots = 1024
	// saveShare: a graph is saved when it has grown by this share since the last
	// save, so that a crash during a long build loses little of it.
	saveShare = 4
	// savePause is how many times as long as its last save a build goes on before
	// the next one: a twentieth of the time goes to saving.
	savePause  = 20
	leastPause = 30 * time.Second
	// leastSave is the growth below which only an empty tail starts a save.
	leastSave = 32 * blockSlots
)

// idle says whether there is surely nothing to do for the optimizer.
func (s *Shard) idle() bool {
	st := s.current.Load()
	for i := range st.fields {
		f := &st.fields[i]
		if f.graph.Load() != nil || f.wantsGraph(st.schema) || f.misplaced(st.schema) || f.large(s.upkeep()) && !f.image.there() || f.toKeep() {
			return false
		}
	}
	return s.sweepable() == 0 && !st.indexes.Wants() && s.buried()
}

// optimize runs one block of background work and says whether there is more.
func (s *Shard) optimize() (more bool, err error) {
	s.build.Lock()
	defer s.build.Unlock()
	if err := s.bury(); err != nil { // before the view: what it has must stand
		return false, err
	}
	v, err := s.view()
	if err != nil {
		return false, nil // dropped meanwhile
	}
	defer v.Release()
	if more, err = s.backfill(v); err != nil {
		return false, err
	}
	loaded, err := s.loadValues(v)
	if err != nil {
		return false, err
	}
	more = more || loaded // memory that loading took is handed back once nothing is left to do
	quiet := s.quiet()
	var paused error
	for i := range v.st.fields {
		m, err := s.optimizeField(v, &v.st.fields[i], quiet)
		if err != nil && !waits(err) {
			return false, err
		}
		paused = errors.Join(paused, err)
		more = more || m
	}
	s.pause(paused)
	s.checkAll(v)
	s.sealAll(v, quiet && !more)
	if more {
		return true, nil
	}
	if paused == nil {
		s.settleLate(v)
	}
	if err := s.sweep(quiet); err != nil {
		return false, err
	}
	if quiet && paused == nil {
		if more, err = s.compact(v); more || err != nil {
			return more, err
		}
		if more, err = s.pack(v); more || err != nil {
			return more, err
		}
		s.reclaim()
	}
	if paused == nil {
		s.imprint(v, quiet)
	}
	s.lookLater(v)
	return false, paused
}

// optimizeField does the next block of a field's work. What is short stops
// builds only: what gives memory back goes on.
func (s *Shard) optimizeField(v *View, f *fieldState, quiet bool) (more bool, err error) {
	if f.misplaced(v.st.schema) {
		return s.move(v, f)
	}
	g := f.graph.Load()
	switch {
	case g == nil && !f.wantsGraph(v.st.schema):
		return false, nil
	case !f.kind.Wanted(f.settings):
		return false, s.dropIndex(f.field)
	case g == nil:
		if err := s.mayBuild(v, f, blockSlots); err != nil {
			return false, err
		}
		if g, err = s.begun(v, f); err != nil {
			return false, err
		}
		f.swapGraph(g)
		if g.saved > 0 { // half of an index of another kind, which serves now
			if err := errors.Join(s.saveGraph(f.field, g), s.forsake(f.field)); err != nil {
				return false, err
			}
		}
	case f.outdated(g):
		return s.rebuild(v, f)
	}
	f.adjust(g.graph)
	paused := s.guide(f, g)
	if paused != nil && !waits(paused) {
		return false, paused
	}
	f.unlearn(g)
	if index.Slot(g.high.Load()) < v.st.next || v.st.late.Len() > 0 {
		more, err := s.advance(v, f, g)
		if more || err != nil && !waits(err) {
			return more, err
		}
		paused = errors.Join(paused, err)
	}
	if err := s.repair(v, f, g, quiet); err != nil {
		return false, err
	}
	if paused == nil && f.outdated(g) {
		return true, nil // by what has just joined
	}
	if paused == nil {
		more, err := s.tend(v, f, g, quiet)
		if more || err != nil && !waits(err) {
			return more, err
		}
		paused = err
	}
	if paused == nil {
		more, err := s.sketch(v, f, g)
		if !more && err == nil {
			more, err = s.inlay(v, f, g)
		}
		switch {
		case err != nil && !waits(err):
			return false, err
		case more:
			return true, s.saveSoon(f.field, g)
		}
		paused = err
		s.tune(f, g)
	}
	if err := s.saveSoon(f.field, g); err != nil {
		return false, err // not joined: a fault is no wait
	}
	return false, paused
}

// mayBuild says whether a build may take in so many vectors more now.
func (s *Shard) mayBuild(v *View, f *fieldState, vectors int) error {
	if n := v.st.schema.Optimizers.MaxOptimizationThreads; n != nil && *n == 0 {
		return errHeld
	}
	return s.room(v, f, vectors)
}

// advance moves the next block of the tail into the index, and saves that now
// and then.
func (s *Shard) advance(v *View, f *fieldState, g *indexed) (more bool, err error) {
	if err := s.mayBuild(v, f, min(blockSlots, f.tail(v.st))); err != nil {
		s.halt(Indexing, f.conf.Name, err)
		return false, err
	}
	late := f.lateOf(v.st, g)
	ahead := f.has.Count(index.Slot(g.high.Load()), v.st.next)
	if len(late)+ahead == 0 {
		g.high.Store(uint32(v.st.next))
		s.halt(Indexing, f.conf.Name, nil)
		return false, nil
	}
	j := s.resume(Indexing, f.conf.Name)
	if len(late) > 0 {
		n := min(len(late), blockSlots)
		if err := s.insertAll(v, f, g, late[:n]); err != nil {
			return false, err
		}
		g.changed = true
		s.progress(j, n, len(late)-n+ahead)
		return true, s.saveGrown(f.field, g)
	}
	if err := s.insertBlock(v, f, g, j); err != nil {
		return false, err
	}
	if index.Slot(g.high.Load()) < v.st.next {
		return true, s.saveGrown(f.field, g)
	}
	s.finish(j, nil)
	return false, nil
}

// newGraph makes an empty index over the field's rows, which stop moving.
func (s *Shard) newGraph(f *fieldState) (*indexed, error) {
	if err := s.pinRows(f); err != nil {
		return nil, err
	}
	graph, err := f.open(s.o.Optimizer.o.Workers)
	if err != nil {
		return nil, err
	}
	if t, ok := graph.(index.Trained); ok {
		j := s.resume(Training, f.conf.Name)
		err := t.Train(f.has, s.pace())
		if s.finish(j, err); err != nil {
			return nil, errors.Join(err, graph.Close())
		}
	}
	return &indexed{graph: graph, standing: standing{made: f.recipe(), savedAt: time.Now(), mended: true}}, nil
}

// pinRows has the field's rows stop moving.
func (s *Shard) pinRows(f *fieldState) error {
	s.o.Apply.Lock() // the writer may be growing them
	defer s.o.Apply.Unlock()
	return f.rows.Pin()
}

// stale reports whether an index should be trained anew.
func stale(g index.Dense) bool {
	t, ok := g.(index.Trained)
	return ok && t.Stale()
}

// insertBlock moves the next slots of the tail into the graph, for a job.
func (s *Shard) insertBlock(v *View, f *fieldState, g *indexed, j *Job) error {
	from := index.Slot(g.high.Load())
	to := v.st.next
	slots := f.has.AppendRange(nil, from, min(to, from+blockSlots))
	for end := from + blockSlots; len(slots) < blockSlots/2 && end < to; end += blockSlots {
		slots = f.has.AppendRange(slots, end, min(to, end+blockSlots)) // a region of dead slots
		from = end
	}
	to = min(to, from+blockSlots)
	if err := s.insertAll(v, f, g, slots); err != nil {
		return err
	}
	g.high.Store(uint32(to))
	s.progress(j, len(slots), f.has.Count(to, v.st.next))
	return nil
}

// insertAll spreads the slots over the workers. On error some of them may be in:
// they are offered again.
func (s *Shard) insertAll(v *View, f *fieldState, g *indexed, slots []uint32) error {
	return s.insertInto(v, f, slots, g.graph.Insert)
}

func (s *Shard) insertInto(v *View, f *fieldState, slots []uint32, insert func(index.Slot) error) error {
	var fault atomic.Pointer[error]
	workers := s.builders(f, v.st.schema.Optimizers.MaxOptimizationThreads)
	s.o.Optimizer.spread(workers, len(slots), func(i int) {
		if fault.Load() != nil {
			return
		}
		if err := insert(index.Slot(slots[i])); err != nil {
			fault.Store(&err)
		}
	})
	if err := fault.Load(); err != nil {
		return *err
	}
	return nil
}

// dropIndex takes away the index of a field that wants none any more.
func (s *Shard) dropIndex(f *field) error {
	f.swapGraph(nil)
	f.forget()
	if err := os.Remove(s.graphPath(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.removeCode(f)
}

// saveSoon saves an index that is whole, unless the last save was a short time
// ago for what it took: then a look later does.
func (s *Shard) saveSoon(f *field, g *indexed) error {
	if !g.unsaved() {
		return s.saveCurve(f)
	}
	if left := savePause*g.saveTook - time.Since(g.savedAt); left > 0 && !g.mended {
		s.o.Optimizer.later(s, left)
		return nil
	}
	return s.saveGraph(f, g)
}

// saveGrown saves during a long build: what a crash takes is at most the work of
// leastPause, or of so many times as long as a save takes.
func (s *Shard) saveGrown(f *field, g *indexed) error {
	grown := int(g.high.Load()) - int(g.saved)
	if !g.unsaved() {
		return nil
	}
	soon := time.Since(g.savedAt) < max(leastPause, savePause*g.saveTook)
	if soon && (grown < leastSave || grown < int(g.saved)/saveShare) {
		return nil
	}
	return s.saveGraph(f, g)
}

// repair relinks around dead nodes once enough of the graph is dead.
func (s *Shard) repair(v *View, f *fieldState, g *indexed, quiet bool) error {
	o := v.st.schema.Optimizers
	nodes := g.graph.Len()
	dead := f.dead(v.st, g)
	busy := nodes >= o.VacuumMinVectorNumber && float64(dead) >= o.DeletedThreshold*float64(nodes)
	if dead == 0 || !busy && !(quiet && s.tidy.above == 0 && s.upkeep().untidy(dead, nodes)) {
		return nil
	}
	j := s.resume(Repairing, f.conf.Name)
	removed, err := 0, error(nil)
	if graph, ok := g.graph.(*hnsw.Graph); ok { // trees first: what they have the graph has
		_, err = graph.KeepTrees(f.has, s.pace())
	}
	if err == nil {
		removed, err = g.graph.Repair(f.has, s.pace())
	}
	s.progress(j, removed, 0)
	s.finish(j, err)
	if errors.Is(err, index.ErrStopped) {
		g.changed = true // it is less to do after a restart
		return nil
	}
	if err != nil {
		return err
	}
	g.changed, g.mended = true, true // the saved file has the dead ones
	f.turnedOver(removed, nodes)
	s.log.Info("graph repaired", "vector", f.conf.Name, "nodes", nodes, "removed", removed)
	return s.saveGraph(f.field, g) // their rows may go once no file has them
}
