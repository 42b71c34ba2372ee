package shard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/schema"
)

// update takes over new settings, and the vectors that came and went. A vector
// of another number under the same name is another vector: the old one goes,
// with all of its rows.
func (t *stager) update(o *op.Op) (op.Result, error) {
	st := t.s.current.Load()
	fields := make([]fieldState, len(o.Schema.Vectors))
	has := make([]*index.Editor, len(fields))
	for i := range o.Schema.Vectors {
		v := &o.Schema.Vectors[i]
		at := slices.IndexFunc(st.fields, func(f fieldState) bool { return f.conf.Name == v.Name && f.conf.Number == v.Number })
		if at < 0 {
			fields[i], has[i] = fieldState{field: t.s.newField(v, st.unused(v.Number))}, (*index.Set)(nil).Edit()
		} else {
			old := &st.fields[at].conf
			if old.Size != v.Size || old.Metric != v.Metric || old.Datatype != v.Datatype {
				return op.Result{Err: fmt.Errorf("vector %q: size, distance and datatype cannot change", v.Name)}, nil
			}
			fields[i], has[i] = st.fields[at], t.c.has[at]
		}
		fields[i].settle(o.Schema, v)
	}
	gone := st.without(fields)
	for _, f := range gone {
		if err := t.b.DeleteVectors(t.s.id, f.number, 0, index.NoSlot); err != nil {
			return op.Result{}, err
		}
	}
	t.c.schema, t.c.fields, t.c.has, t.c.gone = o.Schema, fields, has, gone
	return op.Result{}, nil
}

// unused is a number for a vector's keys: its own, unless a shard that came from
// a snapshot of another history has that in use.
func (st *state) unused(number uint16) uint16 {
	for slices.ContainsFunc(st.fields, func(f fieldState) bool { return f.number == number }) {
		number++
	}
	return number
}

// numbers gives the vectors of a new shard the numbers that stand for them in
// keys: those of the collection for what was added to it, and for the others
// their place among themselves, which is below.
func numbers(c *schema.Collection) []uint16 {
	out := make([]uint16, len(c.Vectors))
	first := uint16(0)
	for i := range c.Vectors {
		if out[i] = c.Vectors[i].Number; out[i] == 0 {
			out[i] = first
			first++
		}
	}
	return out
}

// without is the fields that are not in a list.
func (st *state) without(stay []fieldState) (gone []*field) {
	for i := range st.fields {
		f := st.fields[i].field
		if !slices.ContainsFunc(stay, func(s fieldState) bool { return s.field == f }) {
			gone = append(gone, f)
		}
	}
	return gone
}

// bury frees what removed vectors had: graph, file and rows. Views that are
// older read on: they pin the graph, and hold the rows that they read. build
// must be held, since a build may still be at work on a removed vector.
func (s *Shard) bury() error {
	s.graves.Lock()
	gone := s.graves.list
	s.graves.list = nil
	s.graves.Unlock()
	var fault error
	for _, f := range gone {
		s.abandon(f.conf.Name)
		f.filed.stop.Store(true)
		if g := f.graph.Swap(nil); g != nil {
			g.pins.close(func() {
				g.graph.Close()
				f.rows.Abandon()
			})
		} else {
			f.rows.Abandon()
		}
		f.filed.sums.Abandon()
		for _, path := range s.files(f) {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				fault = errors.Join(fault, err)
			}
		}
		fault = errors.Join(fault, s.removeCode(f))
		s.log.Info("vector removed", "vector", f.conf.Name)
	}
	return fault
}

func (s *Shard) entomb(gone []*field) {
	if len(gone) == 0 {
		return
	}
	s.graves.Lock()
	defer s.graves.Unlock()
	s.graves.list = append(s.graves.list, gone...)
}

func (s *Shard) buried() bool {
	s.graves.Lock()
	defer s.graves.Unlock()
	return len(s.graves.list) == 0
}

// abandon forgets the jobs of a vector that is gone.
func (s *Shard) abandon(vector string) {
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	s.jobs.running = slices.DeleteFunc(s.jobs.running, func(j *Job) bool {
		return j.Target == vector && j.Kind != Backfilling && j.Kind != Loading && j.Kind != Sweeping
	})
}

// removeGraphs deletes the checkpoints, codes and images of vectors that the shard
// does not have: a crash came between their removal and that of their files.
func (l *loader) removeGraphs() (err error) {
	var files []string
	for _, kind := range []string{"*.graph", "*.code", "*.recall", "*.image", "*.seal", "*.image.tmp", "*.next"} {
		found, fault := filepath.Glob(filepath.Join(l.s.dir, kind))
		files, err = append(files, found...), errors.Join(err, fault)
	}
	for _, path := range files {
		known := slices.ContainsFunc(l.st.fields, func(f fieldState) bool {
			return slices.Contains(l.s.files(f.field), path) || l.s.codePath(f.field) == path
		})
		if !known {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}
