package payload

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// Estimate bounds how many live slots match: Min ≤ truth ≤ Max.
type Estimate struct{ Min, Expected, Max int }

// Resolve finds the live slot of an id.
type Resolve func(point.ID) (index.Slot, bool)

// Exact is the live slots that match, when indexes decide every condition.
func (x *Indexes) Exact(f *filter.Filter, live *index.Set, ids Resolve) (*index.Set, bool) {
	e := evaluator{x: x, live: live, ids: ids}
	b, ok := e.filter(f)
	if !ok {
		return nil, false
	}
	return toSet(b).And(live), true
}

// Candidates is a superset of the live slots that match, from those required
// conditions that indexes decide; false when there is none.
func (x *Indexes) Candidates(f *filter.Filter, live *index.Set, ids Resolve) (*index.Set, bool) {
	e := evaluator{x: x, live: live, ids: ids}
	var out *roaring.Bitmap
	for i := range f.Must {
		b, ok := e.condition(&f.Must[i])
		if !ok {
			continue
		}
		if out == nil {
			out = b
		} else {
			out = roaring.And(out, b)
		}
	}
	if out == nil {
		return nil, false
	}
	return toSet(out).And(live), true
}

// Estimate bounds the matches by the required conditions that indexes decide.
func (x *Indexes) Estimate(f *filter.Filter, live int) Estimate {
	most := live
	e := evaluator{x: x}
	for i := range f.Must {
		if c := &f.Must[i]; c.HasID == nil && c.Filter == nil {
			if b, ok := e.condition(c); ok {
				most = min(most, int(b.GetCardinality()))
			}
		}
	}
	return Estimate{Max: most, Expected: (most + 1) / 2}
}

func toSet(b *roaring.Bitmap) *index.Set {
	e := (*index.Set)(nil).Edit()
	e.AddMany(b.ToArray())
	return e.Done()
}

// evaluator computes bitmaps; the bitmaps it answers are its own or an index's,
// and must not be changed.
type evaluator struct {
	x     *Indexes
	live  *index.Set
	ids   Resolve
	whole *roaring.Bitmap // live as a bitmap, made once
}

func (e *evaluator) all() *roaring.Bitmap {
	if e.whole == nil {
		e.whole = roaring.BitmapOf(e.live.AppendRange(nil, 0, index.NoSlot)...)
	}
	return e.whole
}

func (e *evaluator) filter(f *filter.Filter) (*roaring.Bitmap, bool) {
	if f.IsZero() {
		return e.all(), true
	}
	if f.MinShould != nil {
		return nil, false
	}
	var out *roaring.Bitmap
	for i := range f.Must {
		b, ok := e.condition(&f.Must[i])
		if !ok {
			return nil, false
		}
		if out == nil {
			out = b
		} else {
			out = roaring.And(out, b)
		}
	}
	if len(f.Should) > 0 {
		any, ok := e.union(f.Should)
		if !ok {
			return nil, false
		}
		if out == nil {
			out = any
		} else {
			out = roaring.And(out, any)
		}
	}
	if out == nil {
		out = e.all()
	}
	none, ok := e.union(f.MustNot)
	return roaring.AndNot(out, none), ok
}

func (e *evaluator) union(conditions []filter.Condition) (*roaring.Bitmap, bool) {
	out := roaring.New()
	for i := range conditions {
		b, ok := e.condition(&conditions[i])
		if !ok {
			return out, false
		}
		out.Or(b)
	}
	return out, true
}

func (e *evaluator) condition(c *filter.Condition) (*roaring.Bitmap, bool) {
	switch {
	case c.Match != nil:
		return e.match(c.Match)
	case c.Range != nil:
		return e.ranges(c.Range)
	case c.HasID != nil:
		out := roaring.New()
		for id := range c.HasID.IDs {
			if slot, ok := e.ids(id); ok {
				out.Add(uint32(slot))
			}
		}
		return out, true
	case c.Filter != nil:
		return e.filter(c.Filter)
	}
	return nil, false
}

func (e *evaluator) match(m *filter.Match) (*roaring.Bitmap, bool) {
	f, ok := e.x.fields[m.Key.String()]
	if !ok || m.Value == nil && m.Any == nil {
		return nil, false
	}
	if m.Value != nil {
		return f.value(m.Value)
	}
	out := roaring.New()
	for s := range m.Any.Strings {
		b, ok := f.value(&filter.Value{Kind: filter.StringValue, Str: s})
		if !ok {
			return nil, false
		}
		out.Or(b)
	}
	for n := range m.Any.Ints {
		b, ok := f.value(&filter.Value{Kind: filter.IntValue, Int: n})
		if !ok {
			return nil, false
		}
		out.Or(b)
	}
	return out, true
}

// value is the posting of one value; false when the kind does not hold its type.
func (f *field) value(v *filter.Value) (*roaring.Bitmap, bool) {
	var term []byte
	switch {
	case v.Kind == filter.StringValue && f.Kind == Keyword:
		term = append([]byte{tagString}, v.Str...)
	case v.Kind == filter.IntValue && (f.Kind == Integer || f.Kind == Float):
		term = intTerm(nil, v.Int)
	case v.Kind == filter.BoolValue && f.Kind == Bool:
		term = []byte{tagBool, 0}
		if v.Bool {
			term[1] = 1
		}
	default:
		return nil, false
	}
	if b, ok := f.terms.Get(string(term)); ok {
		return b, true
	}
	return roaring.New(), true
}

func (e *evaluator) ranges(r *filter.Range) (*roaring.Bitmap, bool) {
	f, ok := e.x.fields[r.Key.String()]
	if !ok || f.Kind != Integer && f.Kind != Float || f.huge > 0 {
		return nil, false
	}
	out := roaring.New()
	for _, tag := range []byte{tagInt, tagFloat} {
		f.span(tag, r, out)
	}
	return out, true
}

// span adds the postings of one tag's values within the range.
func (f *field) span(tag byte, r *filter.Range, out *roaring.Bitmap) {
	low := []byte{tag}
	for _, bound := range []*float64{r.GT, r.GTE} {
		if bound != nil {
			from := binary.BigEndian.AppendUint64([]byte{tag}, ordered(*bound+0))
			if string(from) > string(low) {
				low = from
			}
		}
	}
	f.terms.Ascend(string(low), func(term string, b *roaring.Bitmap) bool {
		if term[0] != tag {
			return false
		}
		v := unordered(binary.BigEndian.Uint64([]byte(term[1:9])))
		if r.LT != nil && v >= *r.LT || r.LTE != nil && v > *r.LTE {
			return false
		}
		if r.GT == nil || v > *r.GT {
			out.Or(b)
		}
		return true
	})
}

func sortedNames(m map[string]*field) []string { return slices.Sorted(maps.Keys(m)) }
