package hnsw

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

// ladder is the rows of an inline on the higher levels, one for each level of a
// node, so that a descent measures the few neighbours that look nearest and not
// all. A nil one has none.
//
// Which rows are a slot's follows from its number, as its level does, and never
// changes: a slot that is used again finds its own.
type ladder struct {
	where *arena.Arena // by slot: its first row, and how many
	rows  *arena.Arena
}

func newLadder(rowBytes int) *ladder {
	return &ladder{
		where: arena.New(arena.Options{RowBytes: 4}),
		rows:  arena.New(arena.Options{RowBytes: rowBytes}),
	}
}

func (l *ladder) pin() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.where.Pin(), l.rows.Pin())
}

// grow gives the slots below n their rows.
func (l *ladder) grow(n int, g *Graph) error {
	if l == nil {
		return nil
	}
	from, next := l.where.Rows().Len(), l.end(l.where.Rows().Len())
	for s := from; s < n; s++ {
		next += uint32(g.level(index.Slot(s)))
	}
	if err := errors.Join(l.rows.Grow(int(next)), l.where.Grow(n)); err != nil {
		return err
	}
	where := l.where.Rows()
	for s, next := from, l.end(from); s < n; s++ {
		levels := g.level(index.Slot(s))
		atomic.StoreUint32(&where.Uint32s(uint32(s))[0], nodeWord(levels, next))
		next += uint32(levels)
	}
	return nil
}

// end is behind the rows of the slots below n.
func (l *ladder) end(n int) uint32 {
	if n == 0 {
		return 0
	}
	last := atomic.LoadUint32(&l.where.Rows().Uint32s(uint32(n - 1))[0])
	return firstOf(last) + uint32(levelsOf(last))
}

// steps is a ladder's rows as they are now. Who holds it may read them also when
// the ladder is taken away.
type steps struct{ where, rows arena.Rows }

// steps is empty for a nil ladder, and for one that was taken away.
func (l *ladder) steps() steps {
	if l == nil {
		return steps{}
	}
	return steps{l.where.Rows(), l.rows.Rows()}
}

// row is a node's on a level above 0, nil where there is none, or none yet.
func (x *steps) row(s uint32, level int) []byte {
	if int(s) >= x.where.Len() {
		return nil
	}
	word := atomic.LoadUint32(&x.where.Uint32s(s)[0])
	at := firstOf(word) + uint32(level) - 1
	if level > levelsOf(word) || int(at) >= x.rows.Len() {
		return nil
	}
	return x.rows.Bytes(at)
}

func (l *ladder) release(from, to index.Slot) {
	if l != nil {
		l.rows.Release(int(l.end(min(int(from), l.where.Rows().Len()))), int(l.end(min(int(to), l.where.Rows().Len()))))
	}
}

func (l *ladder) truncate(next index.Slot) {
	if l != nil && int(next) < l.where.Rows().Len() {
		l.rows.Truncate(int(l.end(int(next))))
		l.where.Truncate(int(next))
	}
}

func (l *ladder) bytes() int64 {
	if l == nil {
		return 0
	}
	return l.where.Resident() + l.rows.Resident()
}

func (l *ladder) abandon() {
	if l != nil {
		l.where.Abandon()
		l.rows.Abandon()
	}
}

func (l *ladder) close() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.where.Close(), l.rows.Close())
}

// stepped is how many neighbours a step of a descent measures at most.
const stepped = 4

// step puts into w.fresh the neighbours of a node on a level above 0 that a descent
// measures: of those that look nearer than the node, by the codes beside the links,
// and were not measured yet, the nearest; all where there are no such codes.
func (w *walker) step(from index.Hit, level int) {
	s := uint32(from.Slot)
	if w.sifting != nil {
		if row := w.stepRows.row(s, level); row != nil {
			w.stepBy(row, from.Dist)
			return
		}
	}
	w.fresh = w.seen(links(w.fresh[:0], w.g.list(s, level)))
}

func (w *walker) stepBy(row []byte, dist float32) {
	stride, at := w.sifting.stride, unsafe.Pointer(&row[0])
	w.few, w.fewAt = w.few[:0], w.fewAt[:0]
	for k, some := range w.look.Below(unsafe.Add(at, slotBytes), len(row)/stride, stride, dist, dist) {
		w.collect(unsafe.Add(at, k*stride), k, some)
	}
	w.fresh = w.nearest(w.fresh[:0], stepped)
}
