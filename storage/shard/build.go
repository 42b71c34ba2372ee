package shard

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/schema"
)

const (
	// blockSlots is how many slots one step of a build covers: small enough to
	// take turns, large enough that workers seldom wait for each other.
	blockSlots = 1024
	// saveShare: a graph is saved when it has grown by this share since the last
	// save, so that a crash during a long build loses little of it.
	saveShare = 4
	// leastSave is the growth below which only an empty tail starts a save.
	leastSave = 32 * blockSlots
)

// idle says whether there is surely nothing to do for the optimizer.
func (s *Shard) idle() bool {
	st := s.current.Load()
	for i := range st.fields {
		f := &st.fields[i]
		if f.graph.Load() != nil || f.wantsGraph(st.schema) || f.misplaced(st.schema) {
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
	v, err := s.View()
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
	for i := range v.st.fields {
		m, err := s.optimizeField(v, &v.st.fields[i])
		if err != nil {
			return false, err
		}
		more = more || m
	}
	if more {
		return true, nil
	}
	return false, s.sweep()
}

func (s *Shard) optimizeField(v *View, f *fieldState) (more bool, err error) {
	if f.misplaced(v.st.schema) {
		return true, s.move(v, f)
	}
	g := f.graph.Load()
	switch {
	case g == nil && !f.wantsGraph(v.st.schema):
		return false, nil
	case f.kind.Type == schema.Flat:
		return false, s.dropIndex(f.field)
	case g == nil:
		if g, err = s.newGraph(f); err != nil {
			return false, err
		}
		f.swapGraph(g)
	case f.kind.Wanted(f.settings) && (g.made != f.recipe() || stale(g.graph)):
		return s.rebuild(v, f)
	}
	f.adjust(g.graph)
	if err := s.guide(f, g); err != nil {
		return false, err
	}
	if index.Slot(g.high.Load()) < v.st.next {
		j := s.resume(Indexing, f.conf.Name)
		s.insertBlock(v, f, g, j)
		if index.Slot(g.high.Load()) < v.st.next {
			return true, s.saveGrown(f.field, g)
		}
		s.finish(j, nil)
	}
	if err := s.repair(v, f, g); err != nil {
		return false, err
	}
	s.tune(f, g)
	if index.Slot(g.high.Load()) == g.saved {
		return false, s.saveCurve(f.field)
	}
	return false, s.saveGraph(f.field, g)
}

// newGraph makes an empty index over the field's rows, which stop moving.
func (s *Shard) newGraph(f *fieldState) (*indexed, error) {
	s.o.Apply.Lock() // the writer may be growing the rows
	err := f.rows.Pin()
	s.o.Apply.Unlock()
	if err != nil {
		return nil, err
	}
	graph, err := f.open(s.o.Optimizer.workers)
	if err != nil {
		return nil, err
	}
	if t, ok := graph.(index.Trained); ok {
		j := s.resume(Training, f.conf.Name)
		err := t.Train(f.has)
		if s.finish(j, err); err != nil {
			return nil, errors.Join(err, graph.Close())
		}
	}
	return &indexed{graph: graph, made: f.recipe()}, nil
}

// stale reports whether an index should be trained anew.
func stale(g index.Dense) bool {
	t, ok := g.(index.Trained)
	return ok && t.Stale()
}

// insertBlock moves the next slots of the tail into the graph, for a job.
func (s *Shard) insertBlock(v *View, f *fieldState, g *indexed, j *Job) {
	from := index.Slot(g.high.Load())
	to := v.st.next
	slots := f.has.AppendRange(nil, from, min(to, from+blockSlots))
	for end := from + blockSlots; len(slots) < blockSlots/2 && end < to; end += blockSlots {
		slots = f.has.AppendRange(slots, end, min(to, end+blockSlots)) // a region of dead slots
		from = end
	}
	to = min(to, from+blockSlots)
	s.insertAll(f, g, slots)
	g.high.Store(uint32(to))
	s.progress(j, len(slots), f.has.Count(to, v.st.next))
}

// insertAll spreads the slots over the workers. While writes come in, all but
// one core are left to them.
func (s *Shard) insertAll(f *fieldState, g *indexed, slots []uint32) {
	workers := s.o.Optimizer.workers
	if n := f.settings.MaxIndexingThreads; n > 0 {
		workers = min(workers, n)
	}
	if seen := s.o.Optimizer.writes.Load(); seen != s.o.Optimizer.lastSeen {
		s.o.Optimizer.lastSeen = seen
		workers = max(workers-1, 1)
	}
	var at atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, len(slots)) {
		wg.Go(func() {
			for i := at.Add(1) - 1; i < int64(len(slots)); i = at.Add(1) - 1 {
				if err := g.graph.Insert(index.Slot(slots[i])); err != nil {
					text := err.Error()
					s.fault.Store(&text)
				}
			}
		})
	}
	wg.Wait()
}

// rebuild makes a graph of new settings beside the one that serves.
func (s *Shard) rebuild(v *View, f *fieldState) (more bool, err error) {
	g, err := s.newGraph(f)
	if err != nil {
		return false, err
	}
	if err := s.guide(f, g); err != nil {
		return false, errors.Join(err, g.graph.Close())
	}
	j := s.resume(Reindexing, f.conf.Name)
	for index.Slot(g.high.Load()) < v.st.next {
		if s.o.Optimizer.isClosed() {
			return false, errors.Join(errors.New("stopped while re-indexing"), g.graph.Close())
		}
		s.insertBlock(v, f, g, j)
	}
	if old := f.graph.Load(); old != nil && old.made.kind != g.made.kind {
		f.effort.Store(0) // measured on another kind of index
	}
	f.swapGraph(g)
	s.finish(j, nil)
	if f.coding() == (coding{}) { // the old index may have gone by one
		return true, s.removeCode(f.field)
	}
	return true, nil
}

// dropIndex takes away the index of a field that wants none any more.
func (s *Shard) dropIndex(f *field) error {
	f.swapGraph(nil)
	f.effort.Store(0)
	if err := os.Remove(s.graphPath(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.removeCode(f)
}

// saveGrown saves during a long build.
func (s *Shard) saveGrown(f *field, g *indexed) error {
	grown := int(g.high.Load()) - int(g.saved)
	if grown < leastSave || grown < int(g.saved)/saveShare {
		return nil
	}
	return s.saveGraph(f, g)
}

// repair relinks around dead nodes once enough of the graph is dead.
func (s *Shard) repair(v *View, f *fieldState, g *indexed) error {
	o := v.st.schema.Optimizers
	nodes := g.graph.Len()
	dead := nodes - f.has.Count(0, index.Slot(g.high.Load()))
	if nodes < o.VacuumMinVectorNumber || float64(dead) < o.DeletedThreshold*float64(nodes) || dead == 0 {
		return nil
	}
	j := s.resume(Repairing, f.conf.Name)
	removed, err := g.graph.Repair(f.has, s.o.Optimizer.workers)
	s.progress(j, removed, 0)
	s.finish(j, err)
	if err != nil {
		return err
	}
	g.saved = 0 // the saved file has the dead ones
	f.again.Store(true)
	s.log.Info("graph repaired", "vector", f.conf.Name, "nodes", nodes, "removed", removed)
	return nil
}
