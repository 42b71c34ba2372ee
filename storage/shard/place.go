package shard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/storage/schema"
)

// moveStep is the bytes that are copied between two looks at whether to stop.
const moveStep = 64 << 20

// rowsFile is where a vector's rows are mapped from, as a pattern of
// os.CreateTemp; "" is memory. Two files of one vector may stand side by side
// while views read the older one.
func (s *Shard) rowsFile(v *schema.Vector, number uint16) string {
	if !v.Cold() {
		return ""
	}
	return filepath.Join(s.dir, fmt.Sprintf("%d.*.rows", number))
}

// removeRowsFiles deletes the mapped files that a crash has left and no field has
// taken over. What they hold may be of any moment: the store has the rows, and they
// are read from there.
func (s *Shard) removeRowsFiles(fields []*rowsLoad) error {
	left, err := filepath.Glob(filepath.Join(s.dir, "*.rows"))
	for _, path := range left {
		if !slices.ContainsFunc(fields, func(f *rowsLoad) bool { return f.state.rows.Rows().File() == path }) {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// misplaced says whether the rows lie elsewhere than the schema wants them.
func (f *fieldState) misplaced(c *schema.Collection) bool {
	v, ok := c.Vector(f.conf.Name)
	return ok && v.Cold() != f.rows.OnDisk()
}

// move brings a vector's rows to where the schema wants them. Readers and
// writers go on; only the last rows are copied while writers wait, and those of
// slots that were taken anew. build must be held, so that nobody sweeps, builds or
// settles what is late meanwhile.
func (s *Shard) move(v *View, f *fieldState) (more bool, err error) {
	if f.busy() {
		s.o.Optimizer.later(s, sweepRetry)
		return false, nil
	}
	if err := s.breakSeal(f.field); err != nil { // the file that it is of goes
		return false, err
	}
	conf, _ := v.st.schema.Vector(f.conf.Name)
	file := s.rowsFile(conf, f.number)
	s.o.Apply.Lock()
	placed := f.rows.Place(file)
	s.o.Apply.Unlock()
	if placed {
		return true, nil
	}
	m, err := f.rows.Move(file)
	if err != nil {
		return false, err
	}
	if err := s.carry(v, f, m); err != nil {
		return false, errors.Join(err, m.Abort())
	}
	s.log.Info("vectors moved", "vector", f.conf.Name, "on_disk", file != "")
	return true, nil
}

func (s *Shard) carry(v *View, f *fieldState, m *arena.Move) error {
	step := moveStep/f.conf.RowBytes() + 1
	for rows := step; rows-step < int(v.st.next); rows += step {
		if s.o.Optimizer.isClosed() {
			return errors.New("stopped while vectors were moved")
		}
		if err := m.Copy(min(rows, int(v.st.next))); err != nil {
			return err
		}
	}
	s.o.Apply.Lock()
	defer s.o.Apply.Unlock()
	for slot := range s.current.Load().late.All() { // taken anew, perhaps behind the copy's back
		m.Again(int(slot))
	}
	if err := m.Finish(); err != nil {
		return err
	}
	f.filed.sums.Truncate(0) // rows in memory have none
	s.repoint(f.field)
	return nil
}

// repoint has views from now on read a field's rows where they are now. Nothing
// else changes, so the store's snapshot stays the right one. Apply is held.
func (s *Shard) repoint(f *field) {
	next := *s.current.Load()
	next.fields = slices.Clone(next.fields)
	for i := range next.fields {
		if next.fields[i].field == f {
			next.fields[i].data = f.rows.Rows()
		}
	}
	s.current.Store(&next)
}
