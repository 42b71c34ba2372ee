package index

import "math/bits"

// Builder makes a Set from nothing, slot by slot, faster than an Editor. One
// goroutine. The zero value is ready.
type Builder struct{ pages []*page }

// Add puts s in the set; once more is fine.
func (b *Builder) Add(s Slot) {
	p := uint(s) / PageSlots
	if p >= uint(len(b.pages)) || b.pages[p] == nil {
		b.room(p)
	}
	i := uint(s) % PageSlots
	b.pages[p][i/64] |= 1 << (i % 64)
}

// room makes page p.
func (b *Builder) room(p uint) {
	for p >= uint(len(b.pages)) {
		b.pages = append(b.pages, nil)
	}
	b.pages[p] = new(page)
}

// AddWords adds the slots whose bits are set: bit i of word w is slot 64·w + i.
func (b *Builder) AddWords(words []uint64) {
	for at := 0; at*pageWords < len(words); at++ {
		part := words[at*pageWords : min((at+1)*pageWords, len(words))]
		for at >= len(b.pages) {
			b.pages = append(b.pages, nil)
		}
		if b.pages[at] == nil {
			b.pages[at] = new(page)
		}
		for i, w := range part {
			b.pages[at][i] |= w
		}
	}
}

// Done hands over the set. The builder must not be used afterwards.
func (b *Builder) Done() *Set {
	out := &Set{pages: b.pages}
	for i, p := range out.pages {
		if p == nil {
			continue
		}
		n := 0
		for _, w := range p {
			n += bits.OnesCount64(w)
		}
		if out.count += n; n == 0 {
			out.pages[i] = nil
		}
	}
	return out
}

// Or is the union of two sets. Pages that one of them has alone are shared.
func (t *Set) Or(o *Set) *Set {
	switch {
	case t.Len() == 0:
		return o
	case o.Len() == 0:
		return t
	}
	long, short := t, o
	if len(long.pages) < len(short.pages) {
		long, short = short, long
	}
	out := &Set{pages: append([]*page(nil), long.pages...)}
	for i, b := range short.pages {
		a := out.pages[i]
		switch {
		case b == nil:
			continue
		case a == nil:
			out.pages[i] = b
			continue
		}
		p := *a
		for w := range p {
			p[w] |= b[w]
		}
		out.pages[i] = &p
	}
	for _, p := range out.pages {
		if p != nil {
			for _, w := range p {
				out.count += bits.OnesCount64(w)
			}
		}
	}
	return out
}
