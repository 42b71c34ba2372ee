package payload

import (
	"slices"
	"sort"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/tidwall/btree"

	"github.com/kithdb/kith/index"
)

// terms is the postings of a field's terms, in their order: most of them lie
// packed, changes gather in a small tree that goes before, and the two are packed
// anew when changes have become many (Version.Pack).
//
// Concurrency: one writer. Others read what publish gave them.
type terms struct {
	base  *packed
	delta *btree.Map[string, posting] // whole postings; an empty one: the term is gone
	// mine are bitmaps that no published version has: the writer may change them
	// where they are.
	mine map[*roaring.Bitmap]struct{}
}

func newTerms() terms {
	return terms{base: &packed{}, delta: new(btree.Map[string, posting]), mine: map[*roaring.Bitmap]struct{}{}}
}

// publish is the terms as they are now, for readers. Writer only.
func (t *terms) publish() terms {
	clear(t.mine)
	return terms{base: t.base, delta: t.delta.Copy()}
}

// get is the posting of a term, empty where there is none.
func (t *terms) get(term string) posting {
	if p, ok := t.delta.Get(term); ok {
		return p
	}
	if i, found := t.base.find(term); found {
		return t.base.posting(i)
	}
	return posting{}
}

// change adds a slot to a term, or removes it; once more is fine.
func (t *terms) change(term string, s index.Slot, add bool) {
	p := t.get(term)
	if p.contains(s) == add {
		return
	}
	if had := p.many; had != nil {
		p.many = t.own(p.many)
		if add {
			p.many.Add(uint32(s))
		} else {
			p.many.Remove(uint32(s))
		}
		if p.many == had && !had.IsEmpty() {
			return // it is in the tree
		}
	} else {
		p = t.few(p, s, add)
	}
	t.put(term, p)
}

// few is a posting of one slot at most after a change.
func (t *terms) few(p posting, s index.Slot, add bool) posting {
	switch {
	case !add:
		return posting{}
	case p.one == 0:
		return single(s)
	}
	b := bitmapOf(p.one-1, uint32(s))
	t.mine[b] = struct{}{}
	return posting{many: b}
}

// own is a bitmap that the writer may change.
func (t *terms) own(b *roaring.Bitmap) *roaring.Bitmap {
	if _, mine := t.mine[b]; mine {
		return b
	}
	b = b.Clone() // shares its parts until they are written
	t.mine[b] = struct{}{}
	return b
}

func (t *terms) put(term string, p posting) {
	if p.len() > 0 {
		t.delta.Set(term, p)
		return
	}
	if _, packed := t.base.find(term); packed {
		t.delta.Set(term, posting{})
		return
	}
	t.delta.Delete(term)
}

// ascend visits the terms that begin so, in order, until visit returns false.
func (t *terms) ascend(prefix string, visit func(term string, p posting) bool) {
	i, _ := t.base.find(prefix)
	it := t.delta.Iter()
	have := it.Seek(prefix)
	for i < t.base.len() || have {
		term, p := "", posting{}
		if i < t.base.len() {
			term = t.base.term(i)
		}
		if have && (i == t.base.len() || it.Key() <= term) {
			if i < t.base.len() && it.Key() == term {
				i++
			}
			term, p = it.Key(), it.Value()
			have = it.Next()
		} else {
			p = t.base.posting(i)
			i++
		}
		if !strings.HasPrefix(term, prefix) || p.len() > 0 && !visit(term, p) {
			return
		}
	}
}

// overgrown tells whether it is time to pack anew.
func (t *terms) overgrown() bool { return t.delta.Len() > fewChanges+t.base.len()/4 }

// changedTerm is about the memory of a term in the tree, which is filled by two
// thirds, beside its own bytes.
const changedTerm = 72

func (t *terms) bytes() int64 { return t.base.bytes + changedTerm*int64(t.delta.Len()) }

// packed is terms and their postings in as few bytes as they need: no pointers
// but those to bitmaps. It never changes.
type packed struct {
	text   string   // the terms, one after another
	starts []uint64 // where each block of terms begins in text
	ends   []uint32 // where each term ends, from its block's start
	slots  []uint32 // of a term with one slot; otherwise its number in many
	wide   []uint64 // bits of the terms that are in many
	many   []*roaring.Bitmap
	bytes  int64 // about, of all
}

// blockTerms is how many terms a block has: so few that they are below 4 GiB.
const blockTerms = 64

func (k *packed) len() int { return len(k.ends) }

func (k *packed) term(i int) string {
	base := k.starts[i/blockTerms]
	from := base
	if i%blockTerms > 0 {
		from += uint64(k.ends[i-1])
	}
	return k.text[from : base+uint64(k.ends[i])]
}

func (k *packed) posting(i int) posting {
	if k.wide[i/64]>>(i%64)&1 != 0 {
		return posting{many: k.many[k.slots[i]]}
	}
	return single(index.Slot(k.slots[i]))
}

// find is where a term is, or would be.
func (k *packed) find(term string) (at int, found bool) {
	return sort.Find(k.len(), func(i int) int { return strings.Compare(term, k.term(i)) })
}

// packer makes a packed of terms that come in their order.
type packer struct {
	k    packed
	text []byte
}

// add takes the next term, which has a slot at least.
func (p *packer) add(term string, o posting) {
	k, i := &p.k, p.k.len()
	if i%blockTerms == 0 {
		k.starts = append(k.starts, uint64(len(p.text)))
	}
	if i%64 == 0 {
		k.wide = append(k.wide, 0)
	}
	p.text = append(p.text, term...)
	k.ends = append(k.ends, uint32(uint64(len(p.text))-k.starts[i/blockTerms]))
	if o.many == nil {
		k.slots = append(k.slots, o.one-1)
		return
	}
	k.wide[i/64] |= 1 << (i % 64)
	k.slots = append(k.slots, uint32(len(k.many)))
	k.many = append(k.many, o.many)
}

// done hands over what was packed, in arrays that fit.
func (p *packer) done() *packed {
	k := &p.k
	k.text, p.text = string(p.text), nil
	k.starts, k.ends, k.slots, k.wide = slices.Clone(k.starts), slices.Clone(k.ends), slices.Clone(k.slots), slices.Clone(k.wide)
	k.bytes = int64(len(k.text)) + 8*int64(len(k.starts)+len(k.wide)+len(k.many)) + 4*int64(len(k.ends)+len(k.slots))
	for _, b := range k.many {
		k.bytes += posting{many: b}.bytes()
	}
	return k
}

// pack is the same terms without changes aside.
func (t *terms) pack() *packed {
	p := &packer{}
	t.ascend("", func(term string, o posting) bool {
		if o.many != nil && o.many.GetCardinality() == 1 {
			o = single(index.Slot(o.many.Minimum()))
		}
		p.add(term, o)
		return true
	})
	return p.done()
}

// count is the number of terms, about: changes may replace some.
func (t *terms) count() int { return t.base.len() + t.delta.Len() }
