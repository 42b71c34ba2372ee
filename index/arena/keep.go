package arena

import (
	"errors"
	"fmt"
)

// Adopt has an arena that is new, and whose rows are to lie in a file, take over
// the file that another has left (Leave, or the end of its process): what that has
// in its first rows is what the arena's rows are. The caller answers for their
// contents: rows that nobody wrote need not be zero. On error nothing has changed;
// a file that is too short is one.
func (a *Arena) Adopt(path string, rows int) error {
	now := a.Rows()
	if a.mapped != nil || now.n > 0 || !a.OnDisk() || rows < 0 {
		return fmt.Errorf("bug: %d rows of %s for an arena of %d rows", rows, path, now.n)
	}
	m, err := adoptFile(a.o.Reserve, path, a.bytes(rows))
	if err != nil {
		return err
	}
	a.mapped, a.heapRows = m, 0
	a.rows.Store(&Rows{base: m.base(), stride: a.o.RowBytes, n: rows, hold: &hold{m}})
	return nil
}

// Leave is Close, but that the file that the rows are mapped from stays, for
// Adopt.
func (a *Arena) Leave() error {
	m := a.mapped
	if m == nil {
		return a.Close()
	}
	a.mapped = nil
	return errors.Join(a.Close(), m.leave())
}

// File is the path of the file that the rows are mapped from, "" when there is
// none. What the arena has left since (Move, Abandon) has no name any more.
func (r Rows) File() string {
	if r.hold == nil {
		return ""
	}
	return r.hold.m.name()
}

// Sync makes the rows that were written before durable in their file. Any
// goroutine, and beside the writer, before Close.
func (r Rows) Sync() error {
	if r.hold == nil {
		return nil
	}
	return r.hold.m.sync()
}

// Want asks the system for some rows that lie in a file, all at once, so that who
// reads them one after the other does not wait for the disk as often. It waits for
// nothing, and does nothing for rows in memory.
func (r Rows) Want(rows []uint32) {
	if r.hold == nil {
		return
	}
	for _, i := range rows {
		r.WantRange(i, i+1)
	}
}

// WantRange is Want of rows [from, to), whose pages come in long reads: one by one
// each page that is touched is a read of its own, since rows are read in any order.
func (r Rows) WantRange(from, to uint32) {
	first, end := int64(from), min(int64(to), int64(r.n))
	if r.hold != nil && first < end {
		r.hold.m.want(first*int64(r.stride), end*int64(r.stride))
	}
}
