package payload

import (
	"strings"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// Scope is the moment in which a filter is evaluated.
type Scope struct {
	Live    *index.Set
	Slot    func(point.ID) (index.Slot, bool)    // the live slot of an id
	ID      func(index.Slot) point.ID            // of a live slot
	Vectors func(name string) (*index.Set, bool) // live slots with a vector; false: no such vector
}

// Answer is what indexes know of a filter or condition.
type Answer struct {
	// Set holds every live slot that matches. It is meaningless unless Known.
	Set   *index.Set
	Known bool // the indexes narrow it down
	Exact bool // Set holds matches only
}

func exactly(s *index.Set) Answer { return Answer{Set: s, Known: true, Exact: true} }
func among(s *index.Set) Answer   { return Answer{Set: s, Known: true} }

// Match evaluates a filter by the indexes that are complete. The error is of
// reading the store's rows.
func (r *Reader) Match(f *filter.Filter, s Scope) (Answer, error) {
	e := evaluator{r: r, s: s}
	a := e.filter(f)
	if err := r.taken(); err != nil {
		return Answer{}, err
	}
	if !a.Known {
		return Answer{Set: s.Live}, nil
	}
	a.Set = a.Set.And(s.Live)
	return a, nil
}

// evaluator computes sets. One goroutine.
type evaluator struct {
	r *Reader
	s Scope
}

// values is a complete index and where its values are.
type values struct {
	*field
	source
}

// ready is the complete index of a field.
func (e *evaluator) ready(key string) (values, bool) {
	f, ok := e.r.v.field(key)
	if !ok || !f.done {
		return values{}, false
	}
	return values{f, e.r.source(f)}, true
}

// term is the slots of a term.
func (f values) term(term string) *index.Set {
	var b index.Builder
	f.into(term, &b)
	return b.Done()
}

// tagged is the slots of a row that is a tag alone.
func (f values) tagged(tag byte) *index.Set { return f.term(string([]byte{tag})) }

func (f values) has() *index.Set { return f.tagged(tagHas) }

func (e *evaluator) filter(f *filter.Filter) Answer {
	if f.IsZero() {
		return exactly(e.s.Live)
	}
	out := Answer{Exact: true}
	and := func(a Answer) {
		out.Exact = out.Exact && a.Exact
		switch {
		case !a.Known:
		case out.Known:
			out.Set = out.Set.And(a.Set)
		default:
			out.Set, out.Known = a.Set, true
		}
	}
	for i := range f.Must {
		and(e.condition(&f.Must[i]))
	}
	if len(f.Should) > 0 {
		and(e.atLeast(1, f.Should))
	}
	if f.MinShould != nil {
		and(e.atLeast(f.MinShould.MinCount, f.MinShould.Conditions))
	}
	for i := range f.MustNot {
		a := e.condition(&f.MustNot[i])
		if !a.Exact {
			out.Exact = false
			continue
		}
		if !out.Known {
			out.Set, out.Known = e.s.Live, true
		}
		out.Set = out.Set.AndNot(a.Set)
	}
	return out
}

// mostReached bounds the sets that atLeast computes.
const mostReached = 1024

// atLeast is the slots that match n of the conditions or more: reach[j] has
// those that match more than j of the conditions seen so far.
func (e *evaluator) atLeast(n int, conditions []filter.Condition) Answer {
	switch {
	case n <= 0:
		return exactly(e.s.Live)
	case n > len(conditions):
		return exactly(nil)
	case n*len(conditions) > mostReached && n > 1:
		return Answer{}
	}
	reach := make([]*index.Set, n)
	exact := true
	for i := range conditions {
		a := e.condition(&conditions[i])
		if !a.Known {
			return Answer{}
		}
		exact = exact && a.Exact
		for j := n - 1; j > 0; j-- {
			reach[j] = reach[j].Or(reach[j-1].And(a.Set))
		}
		reach[0] = reach[0].Or(a.Set)
	}
	return Answer{Set: reach[n-1], Known: true, Exact: exact}
}

func (e *evaluator) condition(c *filter.Condition) Answer {
	switch {
	case c.HasID != nil:
		return exactly(e.ids(c.HasID))
	case c.HasVector != nil:
		return e.vector(c.HasVector.Name)
	case c.Slice != nil:
		return exactly(e.slice(c.Slice))
	case c.Filter != nil:
		return e.filter(c.Filter)
	case c.Nested != nil:
		return e.nested(c.Nested)
	}
	return e.field(c, "")
}

func (e *evaluator) ids(h *filter.HasID) *index.Set {
	var b index.Builder
	for id := range h.IDs {
		if slot, ok := e.s.Slot(id); ok {
			b.Add(slot)
		}
	}
	return b.Done()
}

func (e *evaluator) vector(name string) Answer {
	set, ok := e.s.Vectors(name)
	if !ok {
		return exactly(nil)
	}
	return exactly(set)
}

func (e *evaluator) slice(c *filter.Slice) *index.Set {
	var b index.Builder
	for slot := range e.s.Live.All() {
		if c.Holds(e.s.ID(slot)) {
			b.Add(slot)
		}
	}
	return b.Done()
}

// nested narrows by what must hold of some element: then the field of the
// elements has such a value.
func (e *evaluator) nested(n *filter.Nested) Answer {
	prefix := n.Key.String()
	if !strings.HasSuffix(prefix, "[]") {
		prefix += "[]"
	}
	out := Answer{}
	for i := range n.Filter.Must {
		c := &n.Filter.Must[i]
		if !positive(c) {
			continue
		}
		a := e.field(c, prefix+".")
		switch {
		case !a.Known:
		case out.Known:
			out.Set = out.Set.And(a.Set)
		default:
			out = among(a.Set)
		}
	}
	return out
}

// positive tells whether a condition holds only where there is such a value.
func positive(c *filter.Condition) bool {
	return c.Match != nil || c.Range != nil || c.Datetime != nil || c.GeoBox != nil || c.GeoRadius != nil || c.GeoPolygon != nil || c.IsNull != nil
}

// key is the path of a condition on payload.
func key(c *filter.Condition) string {
	switch {
	case c.Match != nil:
		return c.Match.Key.String()
	case c.Range != nil:
		return c.Range.Key.String()
	case c.Datetime != nil:
		return c.Datetime.Key.String()
	case c.GeoBox != nil:
		return c.GeoBox.Key.String()
	case c.GeoRadius != nil:
		return c.GeoRadius.Key.String()
	case c.GeoPolygon != nil:
		return c.GeoPolygon.Key.String()
	case c.ValuesCount != nil:
		return c.ValuesCount.Key.String()
	case c.IsEmpty != nil:
		return c.IsEmpty.String()
	case c.IsNull != nil:
		return c.IsNull.String()
	}
	return ""
}

// field evaluates a condition on a payload field, whose path begins with prefix.
func (e *evaluator) field(c *filter.Condition, prefix string) Answer {
	f, ok := e.ready(prefix + key(c))
	if !ok {
		return Answer{}
	}
	switch {
	case c.IsNull != nil:
		return exactly(f.tagged(tagNull))
	case c.IsEmpty != nil:
		return exactly(e.s.Live.AndNot(f.has()))
	case c.ValuesCount != nil:
		return exactly(e.counts(f, c.ValuesCount))
	case c.Match != nil:
		return f.match(c.Match)
	case c.Range != nil && (f.Kind == Integer || f.Kind == Float):
		var b index.Builder
		exact := within(f, c.Range, &b)
		return Answer{Set: b.Done(), Known: true, Exact: exact}
	case c.Datetime != nil && f.Kind == Datetime:
		var b index.Builder
		instants(f, c.Datetime, &b)
		return exactly(b.Done())
	case f.Kind == Geo && (c.GeoBox != nil || c.GeoRadius != nil || c.GeoPolygon != nil):
		var b index.Builder
		f.inside(c, &b)
		return exactly(b.Done())
	}
	return f.valued()
}

// valued is the answer of last resort: the slots that have a value at all.
func (f values) valued() Answer { return among(f.has()) }

// others is what a condition on values that the index does not hold can find.
func (f values) others() Answer { return among(f.tagged(tagOther)) }

// counts follows the rows of counts; a slot without one has one value or none.
func (e *evaluator) counts(f values, c *filter.ValuesCount) *index.Set {
	var named, holds index.Builder
	f.ascend(string([]byte{tagCount}), func(term string, s Slots) bool {
		s.into(&named)
		if c.Holds(bigEndian(term[1:])) {
			s.into(&holds)
		}
		return true
	})
	counted, out := named.Done(), holds.Done()
	if c.Holds(1) {
		out = out.Or(f.has().AndNot(counted))
	}
	if c.Holds(0) {
		out = out.Or(e.s.Live.AndNot(f.has()).AndNot(counted))
	}
	return out
}

func (f values) match(m *filter.Match) Answer {
	switch {
	case m.Value != nil:
		return f.equal(m.Value)
	case m.Any != nil:
		return f.any(m.Any)
	case m.Except != nil:
		return f.except(m.Except)
	case m.Text != nil:
		return f.text(m.Text)
	case m.Prefix != nil && (f.Kind == Keyword || f.Kind == UUID):
		return exactly(f.prefixed(*m.Prefix))
	}
	return f.valued()
}

// holds tells whether every value of a type is in the index as a term.
func (f *field) holds(k filter.ValueKind) bool {
	switch k {
	case filter.StringValue:
		return f.Kind == Keyword || f.Kind == UUID
	case filter.IntValue:
		return f.Kind == Integer || f.Kind == Float
	}
	return f.Kind == Bool
}

func (f values) equal(v *filter.Value) Answer {
	if !f.holds(v.Kind) {
		if v.Kind == filter.StringValue && (f.Kind == Text || f.Kind == Datetime) {
			return f.valued() // its strings went into other rows
		}
		return f.others()
	}
	var b index.Builder
	switch v.Kind {
	case filter.StringValue:
		f.string(v.Str, &b)
	case filter.IntValue:
		integer(f, v.Int, &b)
	default:
		term := []byte{tagBool, 0}
		if v.Bool {
			term[1] = 1
		}
		f.into(string(term), &b)
	}
	return exactly(b.Done())
}

func (f values) string(s string, to *index.Builder) { f.into(string(tagString)+s, to) }

func (f values) any(v *filter.Values) Answer {
	switch {
	case len(v.Strings) == 0 && len(v.Ints) == 0:
		return exactly(nil)
	case len(v.Strings) > 0 && !f.holds(filter.StringValue), len(v.Ints) > 0 && !f.holds(filter.IntValue):
		return f.valued()
	}
	var b index.Builder
	for s := range v.Strings {
		f.string(s, &b)
	}
	for n := range v.Ints {
		integer(f, n, &b)
	}
	return exactly(b.Done())
}

// mostTerms bounds the terms that a condition goes through.
const mostTerms = 200_000

// many tells whether a field has more terms than a condition should go through.
// Of one on disk nobody counts them: to read them all is cheaper than payloads.
func (f *field) many() bool { return f.mem != nil && f.mem.terms.count() > mostTerms }

// except is the slots that have a value that is none of the list.
func (f values) except(v *filter.Values) Answer {
	strings, ints := f.holds(filter.StringValue), f.holds(filter.IntValue)
	if len(v.Strings) > 0 && !strings || len(v.Ints) > 0 && !ints || f.many() {
		return f.valued()
	}
	var b index.Builder
	f.into(string([]byte{tagOther}), &b)
	switch {
	case strings:
		f.ascend(string(tagString), func(term string, s Slots) bool {
			if _, named := v.Strings[term[1:]]; !named {
				s.into(&b)
			}
			return true
		})
	case ints:
		otherNumbers(f, v.Ints, &b)
	default: // no list that the index holds: any value but null
		return f.notNull()
	}
	return exactly(b.Done())
}

// notNull is every value that is no null. Arrays of nulls count as values, so
// that it is exact only where there is none.
func (f values) notNull() Answer {
	set := f.has()
	return Answer{Set: set, Known: true, Exact: set.And(f.tagged(tagNull)).Len() == 0}
}

func (f values) prefixed(prefix string) *index.Set {
	var b index.Builder
	f.ascend(string(tagString)+prefix, func(_ string, s Slots) bool {
		s.into(&b)
		return true
	})
	return b.Done()
}

// text finds words. A phrase is narrowed to the slots that have all of its
// words; without a text index the condition looks for substrings, which words do
// not tell.
func (f values) text(t *filter.Text) Answer {
	if f.Kind != Text {
		return f.valued()
	}
	words := f.analyzer.Analyze(t.Query, true)
	if len(words) == 0 {
		return exactly(nil)
	}
	var out *index.Set
	for i, w := range words {
		set := f.term(string(tagWord) + w.Term)
		switch {
		case i == 0:
			out = set
		case t.Kind == filter.AnyWord:
			out = out.Or(set)
		default:
			out = out.And(set)
		}
	}
	return Answer{Set: out, Known: true, Exact: t.Kind != filter.Phrase}
}
