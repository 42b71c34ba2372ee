package arena

import (
	"errors"
	"runtime"
)

// Place says where the rows of an arena in the heap stage will lie once they
// are mapped: in a file (see Options.File), or "" for memory. It reports false,
// and does nothing, when they are mapped already: then Move. Writer only.
func (a *Arena) Place(file string) bool {
	if a.mapped != nil {
		return false
	}
	a.o.File = file
	a.onDisk.Store(file != "")
	return true
}

// Move is the mapped rows of an arena on their way to another place. Begin with
// Arena.Move, Copy as often as wanted, then Finish or Abort.
//
// Concurrency: Copy may run beside the writer; Again and Finish are the writer's.
type Move struct {
	a    *Arena
	to   *mapping
	file string
	done int // rows that were copied
}

// Move begins to move the rows into a file (see Options.File), or with "" into
// memory. Until Finish nothing changes for anyone.
func (a *Arena) Move(file string) (*Move, error) {
	if !a.Pinned() {
		return nil, errors.New("bug: rows on the heap are placed, not moved")
	}
	to, err := a.reserve(file)
	if err != nil {
		return nil, err
	}
	return &Move{a: a, to: to, file: file}, nil
}

// Copy copies the rows below a number, but those that were. A row that is written
// after its copy goes with Again; none may be released meanwhile.
func (m *Move) Copy(below int) error {
	from := m.a.Rows()
	below = min(below, from.n)
	if below <= m.done {
		return nil
	}
	if err := m.to.commit(m.a.bytes(below)); err != nil {
		return err
	}
	copyRange(m.to.base(), from, m.done, below)
	m.done = below
	return nil
}

// Again copies a row once more, if it was copied, since it has been written
// meanwhile. The writer's, before Finish.
func (m *Move) Again(row int) {
	if row < m.done {
		copyRange(m.to.base(), m.a.Rows(), row, row+1)
	}
}

// Finish copies what is left and has the arena use the new place. Rows that were
// handed out stay readable, and blind to later writes, while they are held; the
// old memory goes when the last of them was collected. On error nothing has
// changed but the move, which is to be aborted.
func (m *Move) Finish() error {
	a := m.a
	if err := m.Copy(a.Rows().n); err != nil {
		return err
	}
	old := a.Rows()
	left := a.mapped
	a.mapped, a.o.File = m.to, m.file
	a.onDisk.Store(m.file != "")
	a.rows.Store(&Rows{base: m.to.base(), stride: old.stride, n: old.n, hold: &hold{m.to}})
	_ = left.unlink()                                                            // a name that stays costs disk until the next start
	runtime.AddCleanup(old.hold, func(left *mapping) { _ = left.close() }, left) // nobody is there to hear
	return nil
}

// Abort gives the new place back.
func (m *Move) Abort() error { return m.to.close() }

// Abandon empties the arena like Close, beside readers: rows that were handed
// out stay readable while they are held, and the memory goes when the last of
// them was collected. Writer only; nothing is written afterwards.
func (a *Arena) Abandon() {
	old, left := a.Rows(), a.mapped
	a.rows.Store(&Rows{stride: a.o.RowBytes})
	a.mapped, a.heapRows = nil, 0
	if left == nil {
		return
	}
	_ = left.unlink() // a name that stays costs disk until the next start
	runtime.AddCleanup(old.hold, func(left *mapping) { _ = left.close() }, left)
}
