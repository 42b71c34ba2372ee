package payload

import (
	"cmp"
	"math"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
)

// Facet calls yield with each distinct value of a field and its slots, until
// yield returns false. The values are strings of keyword and uuid indexes, the
// integers of integer indexes, and bools. It is false where the field has no
// such index that is complete; the error is of reading the store's rows.
func (r *Reader) Facet(name string, yield func(v filter.Value, slots Slots) bool) (bool, error) {
	f, ok := r.v.field(name)
	if !ok || !f.done || !f.lookup {
		return false, nil
	}
	s := r.source(f)
	switch f.Kind {
	case Keyword, UUID:
		s.ascend(string(tagString), func(term string, slots Slots) bool {
			return yield(filter.Value{Kind: filter.StringValue, Str: term[1:]}, slots)
		})
	case Bool:
		s.ascend(string(tagBool), func(term string, slots Slots) bool {
			return yield(filter.Value{Kind: filter.BoolValue, Bool: term[1] == 1}, slots)
		})
	case Integer:
		facetInts(s, yield)
	default:
		return false, nil
	}
	return true, r.taken()
}

func facetInts(s source, yield func(filter.Value, Slots) bool) {
	var slots []index.Slot
	last := uint64(0)
	give := func() bool {
		v := filter.Value{Kind: filter.IntValue, Int: unorderedInt(last)}
		return len(slots) == 0 || yield(v, Slots{few: slots})
	}
	w := s.walk(false, nil, false)
	defer w.close()
	for n, ok := w.next(); ok; n, ok = w.next() {
		if n.key() != last {
			if !give() {
				return
			}
			last, slots = n.key(), slots[:0]
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
// or datetimes with ranges; the error is of reading the store's rows.
func (r *Reader) Ordered(name string, o Order, yield func(k Key, slot index.Slot) bool) (bool, error) {
	f, ok := r.v.field(name)
	if !ok || !f.done || !f.ranges {
		return false, nil
	}
	s := r.source(f)
	ints, floats := newRun(s, false, o), newRun(s, true, o)
	defer ints.w.close()
	defer floats.w.close()
	for ints.ok || floats.ok {
		next := &ints
		if !ints.ok || floats.ok && o.before(floats.key, ints.key) {
			next = &floats
		}
		if !yield(next.key, next.slot) {
			break
		}
		next.advance()
	}
	return true, r.taken()
}

func (o *Order) before(a, b Key) bool {
	if o.Down {
		a, b = b, a
	}
	return a.Compare(b) < 0
}

func intKey(key uint64) Key   { return IntKey(unorderedInt(key)) }
func floatKey(key uint64) Key { return FloatKey(unordered(key)) }

// run walks the integers, or the other numbers, in the order asked for.
type run struct {
	w    cursor
	read func(uint64) Key
	key  Key
	slot index.Slot
	ok   bool
}

func newRun(s source, floats bool, o Order) run {
	r := run{read: intKey}
	if floats {
		r.read = floatKey
	}
	var from *number
	if o.From != nil {
		from = startOf(!floats, o)
	}
	r.w = s.walk(floats, from, o.Down)
	for r.advance(); r.ok && o.From != nil && o.before(r.key, *o.From); r.advance() {
	}
	return r
}

// startOf is near the first entry wanted, never beyond it.
func startOf(ints bool, o Order) *number {
	slot := uint32(0)
	if o.Down {
		slot = math.MaxUint32
	}
	key := ordered(o.From.Float + 0)
	if ints {
		key = orderedInt(o.From.whole())
	}
	n := newNumber(key, slot)
	return &n
}

func (r *run) advance() {
	var n number
	if n, r.ok = r.w.next(); r.ok {
		r.key, r.slot = r.read(n.key()), index.Slot(n.slot)
	}
}
