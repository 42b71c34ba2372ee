package shard

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
	"github.com/kithdb/kith/storage/bulk"
	"github.com/kithdb/kith/storage/schema"
)

// graphPath is where a field's graph is checkpointed. The number, not the name,
// names the file: names may hold anything.
func (s *Shard) graphPath(f *field) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d.graph", f.number))
}

// Checkpoint saves every graph that has grown since its last save. It waits for
// the background job under way.
func (s *Shard) Checkpoint() error {
	s.build.Lock()
	defer s.build.Unlock()
	v, err := s.view()
	if err != nil {
		return nil // dropped meanwhile
	}
	defer v.Release()
	var fault error
	for i := range v.st.fields {
		f := v.st.fields[i].field
		if g := f.graph.Load(); g != nil && g.unsaved() {
			fault = errors.Join(fault, s.saveGraph(f, g))
		}
		fault = errors.Join(fault, s.saveCurve(f))
		if wants, _, _ := v.st.fields[i].unsealed(); wants {
			fault = errors.Join(fault, s.seal(&v.st.fields[i]))
		}
	}
	return fault
}

// saveGraph writes a graph beside the old file and renames it into place. The
// store is flushed first: a checkpoint must never know slots that a crash could
// take from the store. build must be held.
func (s *Shard) saveGraph(f *field, g *indexed) (err error) {
	j := s.resume(Saving, f.conf.Name)
	defer func() { s.finish(j, err) }()
	high, began := index.Slot(g.high.Load()), time.Now()
	if err := s.writeGraph(s.graphPath(f), g, index.Meta{High: high, Effort: int(f.effort.Load())}); err != nil {
		return err
	}
	g.mended, g.changed = false, false
	g.saved, g.savedAt, g.saveTook = high, time.Now(), time.Since(began)
	return s.saveCurve(f)
}

// writeGraph makes an index's file. The store is flushed before. It takes memory, and
// may be all that a look at the shard finds to do: that is handed back behind it.
func (s *Shard) writeGraph(path string, g *indexed, m index.Meta) error {
	defer s.o.Optimizer.worked.Store(true)
	if err := s.o.Store.Flush(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	m.Applied, m.Coding = s.o.Store.Applied(), g.coding().String()
	if err := writeFile(path, func(w *os.File) error { return g.graph.Save(w, m) }); err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return nil
}

// unsaved says whether the index has changed since its last checkpoint.
func (g *indexed) unsaved() bool { return g.changed || index.Slot(g.high.Load()) != g.saved }

// writeFile makes a file appear whole or not at all, also after a crash.
func writeFile(path string, write func(*os.File) error) (err error) {
	w, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(w.Name())
		}
	}()
	if err = errors.Join(write(w), w.Sync(), w.Close()); err != nil {
		return err
	}
	if err = os.Rename(w.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openGraph opens a field's checkpoint; nil when there is none, or none that can
// be opened.
func (s *Shard) openGraph(f *fieldState) *graphFile {
	if f.kind.Type == schema.Flat && f.kind.PCA == 0 {
		return nil
	}
	path := s.graphPath(f.field)
	r, err := bulk.OpenStream(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn(unusable, "file", path, "error", err)
	}
	if err != nil {
		return nil
	}
	return &graphFile{r, path}
}

// graphFile is a checkpoint that is being read.
type graphFile struct {
	io.ReadCloser
	path string
}

const unusable = "index checkpoint not usable; the graph is rebuilt from the store"

// loadGraph takes over a checkpoint that fits the field, whose rows have their
// places but perhaps not their contents. One that is damaged, of another version
// or of another kind is left aside: the rows are in the store, and the graph is
// built again from them. A graph of other settings serves until one of the new is
// built.
func (s *Shard) loadGraph(f *fieldState, r *graphFile, next index.Slot) {
	err := s.adopt(f, r, next)
	switch {
	case errors.Is(err, block.ErrOtherKind):
		s.log.Info("index checkpoint is of another kind of index than the settings ask for now; theirs is built from the store", "file", r.path, "error", err)
	case err != nil:
		s.log.Warn(unusable, "file", r.path, "error", err)
	}
}

func (s *Shard) adopt(f *fieldState, r io.Reader, next index.Slot) error {
	graph, meta, err := f.load(r, true)
	if err != nil {
		return err
	}
	for slot := next; slot < meta.High; slot++ { // the shard may have been cut since
		if graph.Contains(slot) {
			return errors.Join(fmt.Errorf("it has slot %d, the store only those below %d", slot, next), graph.Close())
		}
	}
	meta.High = min(meta.High, next)
	g := &indexed{graph: graph, standing: standing{made: f.madeBy(graph), saved: meta.High, savedAt: time.Now(), loaded: meta.Coding}}
	g.high.Store(uint32(meta.High))
	f.graph.Store(g)
	f.effort.Store(int32(meta.Effort))
	s.loadCurve(f.field)
	return nil
}
