package filter

import (
	"math"
	"math/big"
	"strings"
	"unsafe"

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

// match evaluates on v. p is nil where v is an element of the payload: an
// element has no id and no vectors, as the contract has it.
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
		return c.Match.match(v)
	case c.Range != nil:
		return c.Range.Key.scalars(v, c.Range.holds)
	case c.Datetime != nil:
		return c.Datetime.Key.strings(v, func(s string) bool {
			t, ok := ParseTime(s)
			return ok && c.Datetime.Holds(t)
		})
	case c.IsEmpty != nil:
		return !visit(c.IsEmpty.steps, v, hasValue)
	case c.IsNull != nil:
		return c.IsNull.scalars(v, isNull)
	case c.Nested != nil:
		return visit(c.Nested.Key.elements(), v, func(x *fastjson.Value) bool {
			return x.Type() == fastjson.TypeObject && c.Nested.Filter.match(nil, x)
		})
	case c.Filter != nil:
		return c.Filter.match(p, v)
	case c.ValuesCount != nil:
		return c.ValuesCount.match(v)
	case c.HasID != nil || c.HasVector != nil || c.Slice != nil:
		return p != nil && c.matchPoint(p)
	}
	return c.matchGeo(v)
}

func (c *Condition) matchPoint(p *Point) bool {
	switch {
	case c.HasID != nil:
		_, ok := c.HasID.IDs[p.ID]
		return ok
	case c.Slice != nil:
		return c.Slice.Holds(p.ID)
	}
	return p.Has != nil && p.Has(c.HasVector.Name)
}

func (c *Condition) matchGeo(v *fastjson.Value) bool {
	switch {
	case c.GeoBox != nil:
		return c.GeoBox.Key.places(v, c.GeoBox.Holds)
	case c.GeoRadius != nil:
		return c.GeoRadius.Key.places(v, c.GeoRadius.Holds)
	case c.GeoPolygon != nil:
		return c.GeoPolygon.Key.places(v, c.GeoPolygon.Holds)
	}
	return false
}

// places calls f for every place that a condition on the path compares, until f
// returns true.
func (p Path) places(v *fastjson.Value, f func(GeoPoint) bool) bool {
	return p.scalars(v, func(x *fastjson.Value) bool {
		g, ok := GeoOf(x)
		return ok && f(g)
	})
}

func (c *ValuesCount) match(v *fastjson.Value) bool {
	found := false
	ok := visit(c.Key.steps, v, func(x *fastjson.Value) bool {
		found = true
		return c.Holds(CountOf(x))
	})
	return ok || !found && c.Holds(0)
}

// CountOf is how many values a payload value is: the elements of an array, none
// for null, otherwise one.
func CountOf(v *fastjson.Value) uint64 {
	switch v.Type() {
	case fastjson.TypeNull:
		return 0
	case fastjson.TypeArray:
		return uint64(len(v.GetArray()))
	}
	return 1
}

// Holds reports whether a count lies within the bounds.
func (c *ValuesCount) Holds(n uint64) bool { return within(n, c.LT, c.GT, c.LTE, c.GTE) }

func isNull(v *fastjson.Value) bool { return v.Type() == fastjson.TypeNull }

// text is a string value's text; it lives as long as the Doc is not reused.
func text(v *fastjson.Value) string {
	b, _ := v.StringBytes()
	return unsafe.String(unsafe.SliceData(b), len(b))
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

func (m *Match) match(v *fastjson.Value) bool {
	switch {
	case m.Value != nil:
		return m.Key.scalars(v, m.Value.equals)
	case m.Any != nil:
		return m.Key.scalars(v, m.Any.contains)
	case m.Except != nil:
		return m.Key.scalars(v, m.excepted)
	case m.Text != nil:
		return m.Text.match(m.Key, v)
	}
	return m.Prefix != nil && m.Key.strings(v, func(s string) bool { return strings.HasPrefix(s, *m.Prefix) })
}

func (m *Match) excepted(v *fastjson.Value) bool { return !isNull(v) && !m.Except.contains(v) }

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

// Values calls f for every value that a path leads to, arrays whole, until f
// returns true.
func (d *Doc) Values(p Path, f func(*fastjson.Value) bool) bool { return visit(p.steps, d.value, f) }
