package shard

import (
	"errors"
	"fmt"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bulk"
)

// checkRest is how many times as long as a piece took the check of rows rests
// behind it: the disk is the searches'.
const checkRest = 3

// checkAll has the rows that a start took over compared with their checksums,
// behind. build must be held.
func (s *Shard) checkAll(v *View) {
	for i := range v.st.fields {
		f := v.st.fields[i].field
		if !f.filed.checking.Load() || f.filed.begun.Swap(true) {
			continue
		}
		if !s.pins.take() {
			return
		}
		path := v.st.fields[i].data.File()
		s.o.Optimizer.done.Go(func() {
			defer s.pins.drop()
			s.check(f, path)
		})
	}
}

// check reads a field's file of rows once, past the page cache. What is not what
// was written is read from the store: rows of live points, since no other is ever
// shown to anyone.
func (s *Shard) check(f *field, path string) {
	j, began := s.resume(Checking, f.conf.Name), time.Now()
	c := &checker{s: s, f: f, path: path}
	err := c.run()
	if errors.Is(err, index.ErrStopped) {
		s.cancel(j)
		return
	}
	f.filed.checking.Store(false)
	f.filed.mended.Store(c.mended > 0)
	s.finish(j, err)
	switch {
	case err != nil:
		s.log.Error("rows on disk could not be checked", "vector", f.conf.Name, "file", path, "error", err)
	case c.mended > 0:
		s.log.Warn("rows on disk were damaged; they were read from the store", "vector", f.conf.Name, "file", path, "rows", c.mended)
	default:
		s.log.Info("rows on disk checked", "vector", f.conf.Name, "rows", c.seen, "took", time.Since(began).Round(time.Millisecond))
	}
	s.o.Optimizer.enqueue(s) // a move may have waited, or codes are to be made anew
}

// checker is one pass over a file of rows.
type checker struct {
	s            *Shard
	f            *field
	path         string
	rows         *bulk.Rows
	seen, mended int
}

func (c *checker) run() (err error) {
	if c.rows, err = bulk.OpenRows(c.path, c.f.conf.RowBytes()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.rows.Close()) }()
	pace := c.s.pace()
	for from, more := index.Slot(0), true; more; from += index.Slot(c.rows.Step()) {
		if c.f.filed.stop.Load() || !pace.Goes(pace.Hands()-1) {
			return index.ErrStopped
		}
		began := time.Now()
		if more, err = c.piece(from); err != nil {
			return err
		}
		if !c.f.filed.hurry.Load() {
			c.rest(checkRest * time.Since(began))
		}
	}
	return nil
}

// rest waits, or until the node stops.
func (c *checker) rest(d time.Duration) {
	select {
	case <-c.s.o.Optimizer.stop:
	case <-time.After(d):
	}
}

// piece compares the rows from a slot on, as many as are read at once, and says
// whether there are more behind. The view keeps its slots from being taken anew.
func (c *checker) piece(from index.Slot) (more bool, err error) {
	v, f := c.s.viewOf(c.f)
	if v == nil {
		return false, index.ErrStopped
	}
	defer v.Release()
	if f.data.File() != c.path {
		return false, index.ErrStopped
	}
	to := min(from+index.Slot(c.rows.Step()), index.Slot(f.data.Len()))
	if to <= from {
		return false, nil
	}
	if f.has.Count(from, to) == 0 {
		return true, nil
	}
	raw, err := c.rows.Read(from, to)
	if err != nil {
		return false, err
	}
	size := f.conf.RowBytes()
	for slot := range f.has.Range(from, to) {
		at := int(slot-from) * size
		if c.seen++; f.sound(slot, raw[at:at+size]) || f.sound(slot, f.data.Bytes(uint32(slot))) {
			continue
		}
		if err := c.mend(f, slot); err != nil {
			return false, err
		}
	}
	return true, nil
}

// mend writes a row anew as the store has it. Whoever reads it meanwhile finds the
// one, the other, or some of both.
func (c *checker) mend(f *fieldState, slot index.Slot) error {
	raw, ok, err := c.s.o.Store.GetVector(c.s.id, f.number, slot, nil)
	if err != nil {
		return err
	}
	if !ok || len(raw) != f.conf.RowBytes() {
		return fmt.Errorf("%w: vector %q of slot %d has %d bytes", storage.ErrCorrupt, f.conf.Name, slot, len(raw))
	}
	copy(f.data.Bytes(uint32(slot)), raw)
	f.noteSum(slot, raw)
	c.mended++
	return nil
}
