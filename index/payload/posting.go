package payload

import (
	"github.com/RoaringBitmap/roaring/v2"

	"github.com/kithdb/kith/index"
)

// posting is the slots of one term: most terms of most fields have one. The zero
// posting is empty.
type posting struct {
	many *roaring.Bitmap // nil: one is all, or none
	one  uint32          // a slot plus one; 0: none
}

func single(s index.Slot) posting { return posting{one: uint32(s) + 1} }

// bitmapOf is a bitmap that later versions share until they change it.
func bitmapOf(slots ...uint32) *roaring.Bitmap {
	b := roaring.New()
	b.SetCopyOnWrite(true)
	b.AddMany(slots)
	return b
}

func (p posting) contains(s index.Slot) bool {
	if p.many != nil {
		return p.many.Contains(uint32(s))
	}
	return p.one == uint32(s)+1
}

func (p posting) len() int {
	switch {
	case p.many != nil:
		return int(p.many.GetCardinality())
	case p.one == 0:
		return 0
	}
	return 1
}

// Set is the slots as a set of the caller's own.
func (s Slots) Set() *index.Set {
	var b index.Builder
	s.into(&b)
	return b.Done()
}

// into adds the slots to a set. Dense ones go word by word.
func (p posting) into(to *index.Builder) {
	switch {
	case p.many == nil:
		if p.one != 0 {
			to.Add(index.Slot(p.one - 1))
		}
	case p.many.IsEmpty():
	case p.many.GetCardinality() > uint64(p.many.Maximum())/64:
		to.AddWords(p.many.ToDense())
	default:
		p.many.Iterate(func(s uint32) bool {
			to.Add(index.Slot(s))
			return true
		})
	}
}

// bytes is about the memory that a posting takes beside its term.
func (p posting) bytes() int64 {
	if p.many == nil {
		return 0
	}
	return 64 + int64(p.many.GetSizeInBytes())
}

// Slots is where one value occurs. It is an index's own: valid until the call
// that it was given to returns, and not to be changed.
type Slots struct {
	posting posting
	few     []index.Slot // of a number, or of a stored term; then posting is empty
}

// Len is the number of slots.
func (s Slots) Len() int { return s.posting.len() + len(s.few) }

// CountIn is the number of slots that are in a set too.
func (s Slots) CountIn(set *index.Set) int {
	n := 0
	for slot := range s.All() {
		if set.Contains(slot) {
			n++
		}
	}
	return n
}

// into adds the slots to a set.
func (s Slots) into(to *index.Builder) {
	s.posting.into(to)
	for _, slot := range s.few {
		to.Add(slot)
	}
}

// All yields the slots, rising.
func (s Slots) All() func(yield func(index.Slot) bool) {
	return func(yield func(index.Slot) bool) {
		switch p := s.posting; {
		case p.many != nil:
			p.many.Iterate(func(slot uint32) bool { return yield(index.Slot(slot)) })
			return
		case p.one != 0:
			yield(index.Slot(p.one - 1))
			return
		}
		for _, slot := range s.few {
			if !yield(slot) {
				return
			}
		}
	}
}
