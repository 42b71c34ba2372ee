package payload

import (
	"slices"
	"unsafe"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/tidwall/btree"
)

// column is a sorted list of entries that is changed now and then: most of it
// lies in one array, changes gather in a small tree and in a set of positions
// that are gone, and the two are packed anew when changes have become many
// (Version.Pack). So a million numbers take little more than their bytes, and a
// range of them is one run of memory.
//
// Concurrency: one writer. Others read what publish gave them.
type column[E any] struct {
	compare func(a, b E) int
	base    []E             // never changed, but appended to
	gone    *roaring.Bitmap // positions in base
	mine    bool            // no published version has gone
	delta   *btree.BTreeG[E]
}

func newColumn[E any](compare func(a, b E) int) *column[E] {
	return &column[E]{compare: compare, gone: bitmapOf(), delta: emptyDelta(compare)}
}

// publish is the column as it is now, for readers. Writer only.
func (c *column[E]) publish() *column[E] {
	c.mine = false
	out := *c
	out.delta = c.delta.Copy()
	return &out
}

// own makes gone a set that the writer may change.
func (c *column[E]) own() *roaring.Bitmap {
	if !c.mine {
		c.gone, c.mine = c.gone.Clone(), true
	}
	return c.gone
}

func emptyDelta[E any](compare func(a, b E) int) *btree.BTreeG[E] {
	less := func(a, b E) bool { return compare(a, b) < 0 }
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

func (c *column[E]) len() int { return len(c.base) - int(c.gone.GetCardinality()) + c.delta.Len() }

// put adds an entry; false when it is there. Entries that come in order, as from
// a load, go straight to the end.
func (c *column[E]) put(e E) bool {
	if n := len(c.base); c.delta.Len() == 0 && (n == 0 || c.compare(c.base[n-1], e) < 0) {
		c.base = append(c.base, e)
		return true
	}
	if i, found := slices.BinarySearchFunc(c.base, e, c.compare); found {
		return c.own().CheckedRemove(uint32(i))
	}
	_, twice := c.delta.Set(e)
	return !twice
}

// remove takes an entry out; false when it is not there.
func (c *column[E]) remove(e E) bool {
	if _, found := c.delta.Delete(e); found {
		return true
	}
	i, found := slices.BinarySearchFunc(c.base, e, c.compare)
	return found && c.own().CheckedAdd(uint32(i))
}

// fewChanges are not worth packing anew; beyond, a quarter of what is packed is.
const fewChanges = 1024

// overgrown tells whether it is time to pack anew.
func (c *column[E]) overgrown() bool {
	return c.delta.Len()+int(c.gone.GetCardinality()) > fewChanges+len(c.base)/4
}

// pack is the same column without changes aside, in an array that fits.
func (c *column[E]) pack() *column[E] {
	out := newColumn(c.compare)
	out.base = make([]E, 0, c.len())
	w := c.walk(nil, false)
	for e, ok := w.next(); ok; e, ok = w.next() {
		out.base = append(out.base, e)
	}
	return out
}

// bytes is about the memory of the column; an entry in the tree, which is filled
// by two thirds, takes half as much again.
func (c *column[E]) bytes() int64 {
	var e E
	return int64(unsafe.Sizeof(e)) * int64(cap(c.base)+c.delta.Len()*3/2)
}

// runs passes what is there of base from position i to before j, as far as nothing
// between is gone at a time.
func (c *column[E]) runs(i, j int, do func(run []E)) {
	gone := c.gone.Iterator()
	for gone.AdvanceIfNeeded(uint32(i)); gone.HasNext() && i < j; {
		at := int(gone.Next())
		if at >= j {
			break
		}
		do(c.base[i:at])
		i = at + 1
	}
	if i < j {
		do(c.base[i:j])
	}
}

// walker goes through a column in order.
type walker[E any] struct {
	c     *column[E]
	down  bool
	at    int // in base
	it    btree.IterG[E]
	have  bool // the tree has an entry to offer
	whole bool // nothing of base is gone
}

// walk starts at the first entry not before from (not after, going down); nil
// starts at the end.
func (c *column[E]) walk(from *E, down bool) *walker[E] {
	w := &walker[E]{c: c, down: down, it: c.delta.Iter(), whole: c.gone.IsEmpty()}
	switch {
	case from == nil && !down:
		w.have = w.it.First()
	case from == nil:
		w.at, w.have = len(c.base)-1, w.it.Last()
	default:
		w.seek(*from)
	}
	return w
}

func (w *walker[E]) seek(from E) {
	i, found := slices.BinarySearchFunc(w.c.base, from, w.c.compare)
	w.at, w.have = i, w.it.Seek(from)
	if !w.down {
		return
	}
	if !found {
		w.at--
	}
	switch {
	case !w.have:
		w.have = w.it.Last()
	case w.c.compare(w.it.Item(), from) > 0:
		w.have = w.it.Prev()
	}
}

func (w *walker[E]) next() (e E, ok bool) {
	step := 1
	if w.down {
		step = -1
	}
	for !w.whole && w.inBase() && w.c.gone.ContainsInt(w.at) {
		w.at += step
	}
	if !w.inBase() {
		return w.fromDelta()
	}
	if w.have {
		if c := w.c.compare(w.it.Item(), w.c.base[w.at]); c < 0 != w.down {
			return w.fromDelta()
		}
	}
	e = w.c.base[w.at]
	w.at += step
	return e, true
}

// close ends a walk in memory: there is nothing to let go of.
func (w *walker[E]) close() {}

func (w *walker[E]) inBase() bool { return w.at >= 0 && w.at < len(w.c.base) }

func (w *walker[E]) fromDelta() (e E, ok bool) {
	if !w.have {
		return e, false
	}
	e = w.it.Item()
	if w.down {
		w.have = w.it.Prev()
	} else {
		w.have = w.it.Next()
	}
	return e, true
}
