package filter

import (
	"math"
	"math/big"

	"github.com/valyala/fastjson"

	"github.com/kithdb/kith/storage/point"
)

// Doc is a parsed payload, to be reused. One goroutine.
type Doc struct {
	parser fastjson.Parser
	value  *fastjson.Value
}

// Parse reads a payload; nil is the empty object. The bytes may be reused.
func (d *Doc) Parse(payload []byte) error {
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	v, err := d.parser.ParseBytes(payload)
	if err != nil {
		return wrong("payload", "%v", err)
	}
	d.value = v
	return nil
}

// Point is what a filter is asked about. One goroutine.
type Point struct {
	ID  point.ID
	Doc *Doc                     // the parsed payload
	Has func(vector string) bool // whether the point has a vector; nil: it has none
}

// Match reports whether a point passes the filter. It evaluates every condition
// on the payload itself.
func (f *Filter) Match(p *Point) bool { return f.match(p, p.Doc.value) }

// match evaluates on v, the payload or an element of it.
func (f *Filter) match(p *Point, v *fastjson.Value) bool {
	if f == nil {
		return true
	}
	for i := range f.Must {
		if !f.Must[i].match(p, v) {
			return false
		}
	}
	for i := range f.MustNot {
		if f.MustNot[i].match(p, v) {
			return false
		}
	}
	if len(f.Should) > 0 && !atLeast(1, f.Should, p, v) {
		return false
	}
	return f.MinShould == nil || atLeast(f.MinShould.MinCount, f.MinShould.Conditions, p, v)
}

func atLeast(n int, conditions []Condition, p *Point, v *fastjson.Value) bool {
	for i := range conditions {
		if n <= 0 {
			return true
		}
		if conditions[i].match(p, v) {
			n--
		}
	}
	return n <= 0
}

func (c *Condition) match(p *Point, v *fastjson.Value) bool {
	switch {
	case c.Match != nil:
		return c.Match.Key.scalars(v, c.Match.holds)
	case c.Range != nil:
		return c.Range.Key.scalars(v, c.Range.holds)
	case c.IsEmpty != nil:
		return !c.IsEmpty.visit(v, hasValue)
	case c.IsNull != nil:
		return c.IsNull.scalars(v, func(x *fastjson.Value) bool { return x.Type() == fastjson.TypeNull })
	case c.HasID != nil:
		_, ok := c.HasID.IDs[p.ID]
		return ok
	case c.Nested != nil:
		return c.Nested.Key.scalars(v, func(x *fastjson.Value) bool {
			return x.Type() == fastjson.TypeObject && c.Nested.Filter.match(p, x)
		})
	}
	return c.Filter.match(p, v)
}

// hasValue is false for null and [].
func hasValue(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeNull:
		return false
	case fastjson.TypeArray:
		return len(v.GetArray()) > 0
	}
	return true
}

func (m *Match) holds(v *fastjson.Value) bool {
	switch {
	case m.Value != nil:
		return m.Value.equals(v)
	case m.Any != nil:
		return m.Any.contains(v)
	}
	return v.Type() != fastjson.TypeNull && !m.Except.contains(v)
}

func (w *Value) equals(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		return w.Kind == StringValue && string(s) == w.Str
	case fastjson.TypeNumber:
		n, err := v.Int64()
		return w.Kind == IntValue && err == nil && n == w.Int
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return w.Kind == BoolValue && w.Bool == (v.Type() == fastjson.TypeTrue)
	}
	return false
}

func (w *Values) contains(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		_, ok := w.Strings[string(s)]
		return ok
	case fastjson.TypeNumber:
		n, err := v.Int64()
		_, ok := w.Ints[n]
		return ok && err == nil
	}
	return false
}

func (r *Range) holds(v *fastjson.Value) bool {
	if v.Type() != fastjson.TypeNumber {
		return false
	}
	return (r.LT == nil || compare(v, *r.LT) < 0) && (r.GT == nil || compare(v, *r.GT) > 0) &&
		(r.LTE == nil || compare(v, *r.LTE) <= 0) && (r.GTE == nil || compare(v, *r.GTE) >= 0)
}

// compare is exact also for integers beyond 2⁵³, which float64 would round.
func compare(v *fastjson.Value, bound float64) int {
	f, err := v.Float64()
	if err == nil && math.Abs(f) < 1<<53 {
		switch {
		case f < bound:
			return -1
		case f > bound:
			return 1
		}
		return 0
	}
	x, _, err := big.ParseFloat(v.String(), 10, 2048, big.ToNearestEven)
	if err != nil {
		return 1
	}
	return x.Cmp(big.NewFloat(bound))
}

// Scalars calls f for every value that a condition on the path would compare,
// until f returns true.
func (d *Doc) Scalars(p Path, f func(*fastjson.Value) bool) bool { return p.scalars(d.value, f) }
