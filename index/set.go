package index

import (
	"math/bits"
	"slices"
)

const (
	// PageSlots is how many slots a page covers: 2 KiB, so that a small edit copies
	// little.
	PageSlots = 1 << 14
	pageWords = PageSlots / 64
)

type page [pageWords]uint64

// Set is a set of slots: a bitmap in pages, shared between versions.
//
// Concurrency: a Set never changes once it is made, so any number of goroutines
// may read it. A new version is made by Edit, which copies only the pages it
// touches. The nil *Set is the empty set.
type Set struct {
	pages []*page // nil pages are empty
	count int
}

// Contains reports whether s is in the set.
func (t *Set) Contains(s Slot) bool {
	if t == nil {
		return false
	}
	p := uint(s) / PageSlots
	if p >= uint(len(t.pages)) || t.pages[p] == nil {
		return false
	}
	i := uint(s) % PageSlots
	return t.pages[p][i/64]&(1<<(i%64)) != 0
}

// Len is the number of slots in the set.
func (t *Set) Len() int {
	if t == nil {
		return 0
	}
	return t.count
}

// Bytes is the memory of the set, as if it shared none.
func (t *Set) Bytes() (n int64) {
	if t == nil {
		return 0
	}
	for _, p := range t.pages {
		if p != nil {
			n += pageWords * 8
		}
	}
	return n
}

// Count is the number of slots of the set in [from, to).
func (t *Set) Count(from, to Slot) int {
	n := 0
	t.words(from, to, func(_ Slot, w uint64) bool {
		n += bits.OnesCount64(w)
		return true
	})
	return n
}

// All yields the slots of the set in rising order.
func (t *Set) All() func(yield func(Slot) bool) { return t.Range(0, NoSlot) }

// Range yields the slots of the set in [from, to) in rising order.
func (t *Set) Range(from, to Slot) func(yield func(Slot) bool) {
	return func(yield func(Slot) bool) {
		t.words(from, to, func(base Slot, w uint64) bool {
			for ; w != 0; w &= w - 1 {
				if !yield(base + Slot(bits.TrailingZeros64(w))) {
					return false
				}
			}
			return true
		})
	}
}

// AppendRange appends the slots of the set in [from, to) to dst as plain
// numbers, the form that the batch kernels take.
func (t *Set) AppendRange(dst []uint32, from, to Slot) []uint32 {
	t.words(from, to, func(base Slot, w uint64) bool {
		for ; w != 0; w &= w - 1 {
			dst = append(dst, uint32(base)+uint32(bits.TrailingZeros64(w)))
		}
		return true
	})
	return dst
}

// AppendWords appends a bit for each slot of [from, to), 64 to a word, the lowest
// first: 1 where the slot is in the set. from is a multiple of 64.
func (t *Set) AppendWords(dst []uint64, from, to Slot) []uint64 {
	if from >= to {
		return dst
	}
	at, n := len(dst), int(to-from+63)/64
	dst = slices.Grow(dst, n)[:at+n]
	clear(dst[at:])
	t.words(from, to, func(base Slot, w uint64) bool {
		dst[at+int(base-from)/64] = w
		return true
	})
	return dst
}

// At appends to dst the slots with these ranks, 0 being the lowest slot's. Ranks
// rise, and are below Len.
func (t *Set) At(ranks []int, dst []Slot) []Slot {
	before := 0 // slots below the word
	t.words(0, NoSlot, func(base Slot, w uint64) bool {
		here := bits.OnesCount64(w)
		for len(ranks) > 0 && ranks[0] < before+here {
			rest := w
			for range ranks[0] - before {
				rest &= rest - 1
			}
			dst = append(dst, base+Slot(bits.TrailingZeros64(rest)))
			ranks = ranks[1:]
		}
		before += here
		return len(ranks) > 0
	})
	return dst
}

// words visits the non-zero words that cover [from, to), bits outside masked.
func (t *Set) words(from, to Slot, visit func(base Slot, w uint64) bool) {
	if t == nil || from >= to {
		return
	}
	last := uint(to-1) / PageSlots
	for p := uint(from) / PageSlots; p < uint(len(t.pages)) && p <= last; p++ {
		if t.pages[p] == nil {
			continue
		}
		for i, w := range t.pages[p] {
			if w == 0 {
				continue
			}
			base := Slot(p*PageSlots + uint(i)*64)
			if base >= to {
				return
			}
			if uint64(base)+64 <= uint64(from) {
				continue
			}
			if base < from {
				w &= ^uint64(0) << (from - base)
			}
			if uint64(base)+64 > uint64(to) {
				w &= 1<<(to-base) - 1
			}
			if w != 0 && !visit(base, w) {
				return
			}
		}
	}
}

// And is the intersection of two sets. Pages that come out as one of them has them
// are shared.
func (t *Set) And(o *Set) *Set {
	if t == nil {
		return nil
	}
	out := &Set{pages: make([]*page, min(len(t.pages), o.ends()))}
	for i := range out.pages {
		if t.pages[i] == nil || o.pages[i] == nil {
			continue
		}
		var n int
		out.pages[i], n = both(t.pages[i], o.pages[i])
		out.count += n
	}
	return out
}

// both is the slots that two pages have, nil when there are none, and how many.
func both(a, b *page) (in *page, n int) {
	var onlyA, onlyB uint64
	for i, x := range a {
		y := b[i]
		onlyA |= x &^ y
		onlyB |= y &^ x
		n += bits.OnesCount64(x & y)
	}
	switch {
	case n == 0:
		return nil, 0
	case onlyA == 0:
		return a, n
	case onlyB == 0:
		return b, n
	}
	in = new(page)
	for i, x := range a {
		in[i] = x & b[i]
	}
	return in, n
}

// ends is the number of pages.
func (t *Set) ends() int {
	if t == nil {
		return 0
	}
	return len(t.pages)
}

// Union is the slots that are in any of some sets, which share no page when they
// were cut at multiples of PageSlots: then nothing is copied.
func Union(sets ...*Set) *Set {
	out := &Set{}
	for _, t := range sets {
		if t == nil {
			continue
		}
		if more := len(t.pages) - len(out.pages); more > 0 {
			out.pages = append(out.pages, make([]*page, more)...)
		}
		for i, p := range t.pages {
			if p == nil {
				continue
			}
			var n int
			out.pages[i], n = unite(out.pages[i], p)
			out.count += n
		}
	}
	return out
}

// unite is both pages in one, and how many slots b adds.
func unite(a, b *page) (both *page, added int) {
	if a == nil {
		for _, w := range b {
			added += bits.OnesCount64(w)
		}
		return b, added
	}
	both = new(page)
	for i := range a {
		both[i] = a[i] | b[i]
		added += bits.OnesCount64(b[i] &^ a[i])
	}
	return both, added
}

// AndNot is the slots of t that are not in o. Pages of t that o has nothing of are
// shared.
func (t *Set) AndNot(o *Set) *Set {
	if t == nil {
		return nil
	}
	out := &Set{pages: make([]*page, len(t.pages))}
	for i, a := range t.pages {
		if a == nil {
			continue
		}
		var b *page
		if i < o.ends() {
			b = o.pages[i]
		}
		var n int
		out.pages[i], n = without(a, b)
		out.count += n
	}
	return out
}

// without is the slots that a page has and another, or nil, has not: nil when there
// are none; and how many.
func without(a, b *page) (left *page, n int) {
	if b == nil {
		b = new(page)
	}
	var shared uint64
	for i, x := range a {
		shared |= x & b[i]
		n += bits.OnesCount64(x &^ b[i])
	}
	switch {
	case n == 0:
		return nil, 0
	case shared == 0:
		return a, n
	}
	left = new(page)
	for i, x := range a {
		left[i] = x &^ b[i]
	}
	return left, n
}

// Editor makes the next version of a Set. One goroutine.
type Editor struct {
	set   Set
	owned map[int]struct{} // pages this editor may write
}

// Edit starts a new version of the set; t itself stays as it is.
func (t *Set) Edit() *Editor {
	e := &Editor{owned: map[int]struct{}{}}
	if t != nil {
		e.set = Set{pages: append([]*page(nil), t.pages...), count: t.count}
	}
	return e
}

// Contains reports whether s is in the version being made.
func (e *Editor) Contains(s Slot) bool { return e.set.Contains(s) }

// Len is the number of slots in the version being made.
func (e *Editor) Len() int { return e.set.count }

// Add puts s in the set and reports whether it was absent.
func (e *Editor) Add(s Slot) bool {
	if e.set.Contains(s) {
		return false
	}
	i := uint(s) % PageSlots
	e.writable(int(uint(s) / PageSlots))[i/64] |= 1 << (i % 64)
	e.set.count++
	return true
}

// AddMany adds every slot of the list.
func (e *Editor) AddMany(slots []uint32) {
	for _, s := range slots {
		e.Add(Slot(s))
	}
}

// Remove takes s out of the set and reports whether it was there.
func (e *Editor) Remove(s Slot) bool {
	if !e.set.Contains(s) {
		return false
	}
	i := uint(s) % PageSlots
	e.writable(int(uint(s) / PageSlots))[i/64] &^= 1 << (i % 64)
	e.set.count--
	return true
}

func (e *Editor) writable(p int) *page {
	for p >= len(e.set.pages) {
		e.set.pages = append(e.set.pages, nil)
	}
	if _, mine := e.owned[p]; mine {
		return e.set.pages[p]
	}
	fresh := new(page)
	if old := e.set.pages[p]; old != nil {
		*fresh = *old
	}
	e.set.pages[p] = fresh
	e.owned[p] = struct{}{}
	return fresh
}

// Done hands over the new version. The editor must not be used afterwards.
func (e *Editor) Done() *Set {
	out := e.set
	e.owned = nil
	return &out
}
