package shard

import (
	"errors"
	"fmt"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/bulk"
)

// An index of new settings is built beside the one that serves. It is saved now
// and then to a file of its own, which a start goes on from. Until it is whole the
// old one serves; after a start, too, where only the shape of a graph changed. No
// sweep leaves that file: what it walks through must be there.

// outdated says whether an index is to be built anew, with other settings or by what
// was learned since.
func (f *fieldState) outdated(g *indexed) bool {
	return f.kind.Wanted(f.settings) && (g.made != f.recipe() || stale(g.graph) && g.graph.Len() >= vainGrowth*g.vain)
}

// vainGrowth is how many times the vectors there must be before an index that was
// stale right after its training is trained again.
const vainGrowth = 2

// nextPath is where an index of new settings is saved until it serves.
func (s *Shard) nextPath(f *field) string { return s.graphPath(f) + ".next" }

// rebuild makes an index of new settings beside the one that serves.
func (s *Shard) rebuild(v *View, f *fieldState) (more bool, err error) {
	if err := s.mayBuild(v, f, f.has.Len()); err != nil { // half of it would serve nobody
		return false, err
	}
	g, err := s.begun(v, f)
	if err != nil {
		return false, err
	}
	if err := s.guide(f, g); err != nil {
		return false, errors.Join(err, g.graph.Close())
	}
	j := s.resume(Reindexing, f.conf.Name)
	if err := s.fill(v, f, g, j); err != nil {
		s.finish(j, err)
		return false, errors.Join(err, g.graph.Close())
	}
	g.mended, g.changed = true, true // the file of the old one is in its place
	if stale(g.graph) {
		g.vain = g.graph.Len()
		s.log.Warn("nothing could be learned of the vectors: their index stays as it is until there are twice as many", "vector", f.conf.Name, "vectors", g.vain)
	}
	if old := f.graph.Load(); old != nil && old.made.kind != g.made.kind {
		f.forget() // also where a checkpoint has a breadth and there is no curve
	}
	f.swapGraph(g)
	f.unlearn(g)
	s.finish(j, nil)
	if err := s.saveGraph(f.field, g); err != nil {
		return true, err
	}
	if err := s.forsake(f.field); err != nil {
		return true, err
	}
	if f.coding() == (coding{}) { // the old index may have gone by one
		return true, s.removeCode(f.field)
	}
	return true, nil
}

// fill has an index that does not serve yet take in all there is.
func (s *Shard) fill(v *View, f *fieldState, g *indexed, j *Job) error {
	for index.Slot(g.high.Load()) < v.st.next {
		if s.o.Optimizer.isClosed() {
			return errors.Join(index.ErrStopped, s.saveNext(f.field, g))
		}
		if err := s.room(v, f, blockSlots); err != nil {
			return errors.Join(err, s.forsake(f.field))
		}
		if err := s.insertBlock(v, f, g, j); err != nil {
			return errors.Join(err, s.forsake(f.field))
		}
		if time.Since(g.savedAt) > max(leastPause, savePause*g.saveTook) {
			if err := s.saveNext(f.field, g); err != nil { // a stop costs more then, and nothing else
				s.log.Warn("an index that is being built is not saved", "vector", f.conf.Name, "error", err)
				g.savedAt = time.Now()
			}
		}
	}
	return nil
}

// saveNext saves an index that does not serve yet.
func (s *Shard) saveNext(f *field, g *indexed) error {
	began := time.Now()
	high := index.Slot(g.high.Load())
	if err := s.writeGraph(s.nextPath(f), g, index.Meta{High: high}); err != nil {
		return err
	}
	g.saved, g.savedAt, g.saveTook = high, time.Now(), time.Since(began)
	return nil
}

// begun is the index that a build before a stop had got to, or else an empty one.
func (s *Shard) begun(v *View, f *fieldState) (*indexed, error) {
	r, err := bulk.OpenStream(s.nextPath(f.field))
	if err != nil {
		return s.newGraph(f)
	}
	defer r.Close()
	if err := s.pinRows(f); err != nil {
		return nil, err
	}
	g, meta, err := f.load(r, false)
	if next := v.st.next; err == nil && meta.High > next {
		err = errors.Join(fmt.Errorf("it has slots below %d, the store those below %d", meta.High, next), g.Close())
	}
	if err != nil {
		s.log.Warn("half of an index is not usable; it is built from the start", "file", s.nextPath(f.field), "error", err)
		if err := s.forsake(f.field); err != nil {
			return nil, err
		}
		return s.newGraph(f)
	}
	out := &indexed{graph: g, standing: standing{made: f.recipe(), saved: meta.High, savedAt: time.Now(), mended: true, loaded: meta.Coding}}
	out.high.Store(uint32(meta.High))
	if err := f.keepCode(out); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	var lacks []uint32 // slots that were taken anew since it had passed them
	for slot := range f.has.Range(0, meta.High) {
		if !g.Contains(slot) {
			lacks = append(lacks, uint32(slot))
		}
	}
	if err := s.insertAll(v, f, out, lacks); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	s.log.Info("an index of new settings goes on", "vector", f.conf.Name, "slots", meta.High, "of", v.st.next)
	return out, nil
}

// forsake deletes what was saved of an index that does not serve.
func (s *Shard) forsake(f *field) error { return s.removeDurably(s.nextPath(f)) }
