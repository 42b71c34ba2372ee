package payload

import (
	"github.com/RoaringBitmap/roaring/v2"

	"github.com/kithdb/kith/index"
)

// posting is the slots of one term: most terms of most fields have one.
type posting struct {
	many *roaring.Bitmap // nil: one is all, or none
	one  index.Slot      // NoSlot: empty
}

func newPosting() *posting { return &posting{one: index.NoSlot} }

// add reports whether the slot is new.
func (p *posting) add(s index.Slot) bool {
	switch {
	case p.many != nil:
		return p.many.CheckedAdd(uint32(s))
	case p.one == s:
		return false
	case p.one == index.NoSlot:
		p.one = s
		return true
	}
	p.many = roaring.BitmapOf(uint32(p.one), uint32(s))
	p.one = index.NoSlot
	return true
}

// remove reports whether the slot was there.
func (p *posting) remove(s index.Slot) bool {
	if p.many != nil {
		return p.many.CheckedRemove(uint32(s))
	}
	had := p.one == s
	if had {
		p.one = index.NoSlot
	}
	return had
}

func (p *posting) len() int {
	switch {
	case p == nil:
		return 0
	case p.many != nil:
		return int(p.many.GetCardinality())
	case p.one == index.NoSlot:
		return 0
	}
	return 1
}

// into adds the slots to a set. Dense ones go word by word.
func (p *posting) into(to *index.Builder) {
	switch {
	case p == nil:
	case p.many == nil:
		if p.one != index.NoSlot {
			to.Add(p.one)
		}
	case p.many.GetCardinality() > uint64(p.many.Maximum())/64:
		to.AddWords(p.many.ToDense())
	default:
		p.many.Iterate(func(s uint32) bool {
			to.Add(index.Slot(s))
			return true
		})
	}
}

func (p *posting) set() *index.Set {
	var b index.Builder
	p.into(&b)
	return b.Done()
}

// bytes is about the memory that a posting takes beside its term.
func (p *posting) bytes() int64 {
	if p.many == nil {
		return 16
	}
	return 16 + int64(p.many.GetSizeInBytes())
}
