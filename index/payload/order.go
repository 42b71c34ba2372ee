package payload

import (
	"cmp"
	"encoding/binary"
	"math"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/tidwall/btree"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
)

// Slots is where one value occurs. It is an index's own: valid while the
// indexes hold still, and not to be changed.
type Slots struct{ bitmap *roaring.Bitmap }

// Len is the number of slots.
func (s Slots) Len() int { return int(s.bitmap.GetCardinality()) }

// CountIn is the number of slots that are in a set too.
func (s Slots) CountIn(set *index.Set) int {
	n := 0
	s.bitmap.Iterate(func(slot uint32) bool {
		if set.Contains(index.Slot(slot)) {
			n++
		}
		return true
	})
	return n
}

// All yields the slots, rising.
func (s Slots) All() func(yield func(index.Slot) bool) {
	return func(yield func(index.Slot) bool) {
		s.bitmap.Iterate(func(slot uint32) bool { return yield(index.Slot(slot)) })
	}
}

// Facet calls yield with each distinct value of a field and its slots, until
// yield returns false. The values are strings of keyword and uuid indexes, the
// integers of integer indexes, and bools. It is false where the field has no
// such index that is complete.
func (x *Indexes) Facet(name string, yield func(v filter.Value, slots Slots) bool) bool {
	f, ok := x.fields[name]
	if !ok || f.Kind == Float {
		return false
	}
	f.terms.Scan(func(term string, b *roaring.Bitmap) bool {
		v, ok := facetValue(term)
		return !ok || yield(v, Slots{b})
	})
	return true
}

func facetValue(term string) (filter.Value, bool) {
	switch term[0] {
	case tagString:
		return filter.Value{Kind: filter.StringValue, Str: term[1:]}, true
	case tagInt:
		return filter.Value{Kind: filter.IntValue, Int: int64(binary.BigEndian.Uint64([]byte(term[9:])))}, true
	case tagBool:
		return filter.Value{Kind: filter.BoolValue, Bool: term[1] == 1}, true
	}
	return filter.Value{}, false
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
	if !ok || f.Kind != Integer && f.Kind != Float {
		return false
	}
	ints, floats := newRun(f, tagInt, o), newRun(f, tagFloat, o)
	for ints.ok || floats.ok {
		next := &ints
		if !ints.ok || floats.ok && o.before(floats.key, ints.key) {
			next = &floats
		}
		for slot := range (Slots{next.it.Value()}).All() {
			if !yield(next.key, slot) {
				return true
			}
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

// run walks one tag's terms in the order asked for.
type run struct {
	it   btree.MapIter[string, *roaring.Bitmap]
	tag  byte
	down bool
	key  Key
	ok   bool
}

func newRun(f *field, tag byte, o Order) run {
	r := run{it: f.terms.Iter(), tag: tag, down: o.Down}
	from := []byte{tag}
	switch {
	case o.From != nil && o.Down: // to the first term beyond, and one back
		from = binary.BigEndian.AppendUint64(from, ordered(o.From.Float+0)+1)
	case o.From != nil:
		from = binary.BigEndian.AppendUint64(from, ordered(o.From.Float+0))
	case o.Down:
		from[0]++
	}
	switch found := r.it.Seek(string(from)); {
	case !o.Down:
		r.read(found)
	case found:
		r.read(r.it.Prev())
	default:
		r.read(r.it.Last())
	}
	for r.ok && o.From != nil && o.before(r.key, *o.From) {
		r.advance()
	}
	return r
}

func (r *run) advance() {
	if r.down {
		r.read(r.it.Prev())
		return
	}
	r.read(r.it.Next())
}

func (r *run) read(ok bool) {
	r.ok = ok && r.it.Key()[0] == r.tag
	if !r.ok {
		return
	}
	term := r.it.Key()
	if r.tag == tagInt {
		r.key = IntKey(int64(binary.BigEndian.Uint64([]byte(term[9:]))))
		return
	}
	r.key = FloatKey(unordered(binary.BigEndian.Uint64([]byte(term[1:9]))))
}
