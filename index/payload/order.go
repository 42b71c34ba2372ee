package payload

import (
	"cmp"
	"math"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
)

// Slots is where one value occurs. It is an index's own: valid while the
// indexes hold still, and not to be changed.
type Slots struct {
	posting *posting
	few     []index.Slot // of a number, when posting is nil
}

// Len is the number of slots.
func (s Slots) Len() int {
	if s.posting == nil {
		return len(s.few)
	}
	return s.posting.len()
}

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

// All yields the slots, rising.
func (s Slots) All() func(yield func(index.Slot) bool) {
	return func(yield func(index.Slot) bool) {
		switch p := s.posting; {
		case p == nil:
			for _, slot := range s.few {
				if !yield(slot) {
					return
				}
			}
		case p.many != nil:
			p.many.Iterate(func(slot uint32) bool { return yield(index.Slot(slot)) })
		case p.one != index.NoSlot:
			yield(p.one)
		}
	}
}

// Facet calls yield with each distinct value of a field and its slots, until
// yield returns false. The values are strings of keyword and uuid indexes, the
// integers of integer indexes, and bools. It is false where the field has no
// such index that is complete.
func (x *Indexes) Facet(name string, yield func(v filter.Value, slots Slots) bool) bool {
	f, ok := x.fields[name]
	if !ok || !f.done || !f.lookup {
		return false
	}
	switch f.Kind {
	case Keyword, UUID:
		f.facet(tagString, func(term string) filter.Value { return filter.Value{Kind: filter.StringValue, Str: term} }, yield)
	case Bool:
		f.facet(tagBool, func(term string) filter.Value { return filter.Value{Kind: filter.BoolValue, Bool: term[0] == 1} }, yield)
	case Integer:
		f.facetInts(yield)
	default:
		return false
	}
	return true
}

func (f *field) facet(tag byte, value func(term string) filter.Value, yield func(filter.Value, Slots) bool) {
	f.terms.Ascend(string([]byte{tag}), func(term string, p *posting) bool {
		return term[0] == tag && yield(value(term[1:]), Slots{posting: p})
	})
}

func (f *field) facetInts(yield func(filter.Value, Slots) bool) {
	var slots []index.Slot
	last := uint64(0)
	give := func() bool {
		v := filter.Value{Kind: filter.IntValue, Int: unorderedInt(last)}
		return len(slots) == 0 || yield(v, Slots{few: slots})
	}
	w := f.numbers.ints.walk(nil, false)
	for n, ok := w.next(); ok; n, ok = w.next() {
		if n.key != last {
			if !give() {
				return
			}
			last, slots = n.key, slots[:0]
		}
		slots = append(slots, index.Slot(n.slot))
	}
	give()
}

// Key is what points are ordered by: an integer, a number of another kind, or a
// datetime as microseconds since 1970 (an integer).
type Key struct {
	Float float64 // the nearest number to Int, when IsInt
	Int   int64
	IsInt bool
}

// IntKey is the key of an integer or a datetime.
func IntKey(n int64) Key { return Key{Float: float64(n), Int: n, IsInt: true} }

// FloatKey is the key of any other number.
func FloatKey(f float64) Key { return Key{Float: f} }

// Compare orders keys by their number, exactly.
func (k Key) Compare(o Key) int {
	if c := cmp.Compare(k.Float, o.Float); c != 0 {
		return c
	}
	return cmp.Compare(k.whole(), o.whole())
}

// whole is the key as an integer, where its float may stand for several.
func (k Key) whole() int64 {
	switch {
	case k.IsInt:
		return k.Int
	case k.Float >= 1<<63:
		return math.MaxInt64
	case k.Float <= -(1 << 63):
		return math.MinInt64
	}
	return int64(k.Float)
}

// Order says in which order, and from which key on.
type Order struct {
	Down bool
	From *Key // the first key wanted; nil: from the end where the order begins
}

// Ordered calls yield with each key of a field and a slot that has it, in the
// order of the keys, until yield returns false. A slot with several values comes
// several times. It is false where the field has no complete index of numbers
// or datetimes with ranges.
func (x *Indexes) Ordered(name string, o Order, yield func(k Key, slot index.Slot) bool) bool {
	f, ok := x.fields[name]
	if !ok || !f.done || !f.ranges {
		return false
	}
	ints, floats := f.run(f.numbers.ints, o, intKey), f.run(f.numbers.floats, o, floatKey)
	for ints.ok || floats.ok {
		next := &ints
		if !ints.ok || floats.ok && o.before(floats.key, ints.key) {
			next = &floats
		}
		if !yield(next.key, next.slot) {
			return true
		}
		next.advance()
	}
	return true
}

func (o *Order) before(a, b Key) bool {
	if o.Down {
		a, b = b, a
	}
	return a.Compare(b) < 0
}

func intKey(key uint64) Key   { return IntKey(unorderedInt(key)) }
func floatKey(key uint64) Key { return FloatKey(unordered(key)) }

// run walks one column in the order asked for.
type run struct {
	w    *walker[number]
	read func(uint64) Key
	key  Key
	slot index.Slot
	ok   bool
}

func (f *field) run(c *column[number], o Order, read func(uint64) Key) run {
	r := run{read: read}
	var from *number
	if o.From != nil {
		from = startOf(c == f.numbers.ints, o)
	}
	r.w = c.walk(from, o.Down)
	for r.advance(); r.ok && o.From != nil && o.before(r.key, *o.From); r.advance() {
	}
	return r
}

// startOf is near the first entry wanted, never beyond it.
func startOf(ints bool, o Order) *number {
	n := number{}
	if o.Down {
		n.slot = math.MaxUint32
	}
	n.key = ordered(o.From.Float + 0)
	if ints {
		n.key = orderedInt(o.From.whole())
	}
	return &n
}

func (r *run) advance() {
	var n number
	if n, r.ok = r.w.next(); r.ok {
		r.key, r.slot = r.read(n.key), index.Slot(n.slot)
	}
}
