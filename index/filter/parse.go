package filter

import (
	"fmt"
	"math"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/kithdb/kith/storage/point"
)

// Bounds of a filter. A request beyond them is refused.
const (
	MaxDepth      = 64    // filters within filters
	MaxConditions = 65536 // in all
)

// Parse reads the contract's Filter. The error is an *Error naming the field.
func Parse(text []byte) (*Filter, error) {
	var p fastjson.Parser
	v, err := p.ParseBytes(text)
	if err != nil {
		return nil, wrong("filter", "%v", err)
	}
	r := &reader{}
	return r.filter("filter", v, 0)
}

// reader turns JSON into a filter; it counts conditions.
type reader struct{ conditions int }

func object(at string, v *fastjson.Value, visit func(key string, v *fastjson.Value) error) error {
	o, err := v.Object()
	if err != nil {
		return wrong(at, "expected an object, got %s", v.Type())
	}
	var fault error
	o.Visit(func(key []byte, v *fastjson.Value) {
		if fault == nil && v.Type() != fastjson.TypeNull {
			fault = visit(string(key), v)
		}
	})
	return fault
}

func (r *reader) filter(at string, v *fastjson.Value, depth int) (*Filter, error) {
	if depth > MaxDepth {
		return nil, wrong(at, "filters nest deeper than %d", MaxDepth)
	}
	f := &Filter{}
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		field := at + "." + key
		switch key {
		case "must":
			f.Must, err = r.clause(field, v, depth)
		case "should":
			f.Should, err = r.clause(field, v, depth)
		case "must_not":
			f.MustNot, err = r.clause(field, v, depth)
		case "min_should":
			f.MinShould, err = r.minShould(field, v, depth)
		default:
			err = wrong(field, "unknown field: a filter has must, should, must_not and min_should")
		}
		return err
	})
	return f, err
}

func (r *reader) minShould(at string, v *fastjson.Value, depth int) (*MinShould, error) {
	m := &MinShould{MinCount: -1}
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		switch key {
		case "conditions":
			if v.Type() != fastjson.TypeArray {
				return wrong(at+".conditions", "expected an array of conditions, got %s", v.Type())
			}
			m.Conditions, err = r.clause(at+".conditions", v, depth)
		case "min_count":
			n, bad := v.Int()
			if bad != nil || n < 0 {
				return wrong(at+".min_count", "expected an unsigned integer")
			}
			m.MinCount = n
		default:
			err = wrong(at+"."+key, "unknown field: min_should has conditions and min_count")
		}
		return err
	})
	switch {
	case err != nil:
	case m.Conditions == nil:
		err = wrong(at+".conditions", "missing")
	case m.MinCount < 0:
		err = wrong(at+".min_count", "missing")
	case m.MinCount == 0:
		err = wrong(at+".min_count", "value 0 invalid, must be 1 or larger")
	}
	return m, err
}

// clause is one condition or an array of them.
func (r *reader) clause(at string, v *fastjson.Value, depth int) ([]Condition, error) {
	if v.Type() != fastjson.TypeArray {
		c, err := r.condition(at, v, depth)
		return []Condition{c}, err
	}
	out := []Condition{}
	for i, e := range v.GetArray() {
		c, err := r.condition(fmt.Sprintf("%s[%d]", at, i), e, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// later are the contract's conditions that this version does not evaluate.
var later = map[string]bool{
	"geo_bounding_box": true, "geo_radius": true, "geo_polygon": true,
	"values_count": true, "has_vector": true, "slice": true,
}

func (r *reader) condition(at string, v *fastjson.Value, depth int) (Condition, error) {
	var c Condition
	if r.conditions++; r.conditions > MaxConditions {
		return c, wrong(at, "a filter has at most %d conditions", MaxConditions)
	}
	o, err := v.Object()
	if err != nil {
		return c, wrong(at, "expected a condition object, got %s", v.Type())
	}
	switch {
	case o.Get("key") != nil:
		return r.field(at, v)
	case o.Get("is_empty") != nil:
		path, err := keyOf(at+".is_empty", o.Get("is_empty"))
		return Condition{IsEmpty: &path}, err
	case o.Get("is_null") != nil:
		path, err := keyOf(at+".is_null", o.Get("is_null"))
		return Condition{IsNull: &path}, err
	case o.Get("has_id") != nil:
		c.HasID, err = hasID(at+".has_id", o.Get("has_id"))
		return c, err
	case o.Get("nested") != nil:
		c.Nested, err = r.nested(at+".nested", o.Get("nested"), depth)
		return c, err
	}
	for name := range later {
		if o.Get(name) != nil {
			return c, wrong(at+"."+name, "this condition is not supported yet")
		}
	}
	c.Filter, err = r.filter(at, v, depth+1)
	return c, err
}

func keyOf(at string, v *fastjson.Value) (Path, error) {
	var path Path
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		if key != "key" {
			return wrong(at+"."+key, "unknown field: expected key")
		}
		path, err = parseKey(at, v)
		return err
	})
	if err == nil && path.steps == nil {
		err = wrong(at+".key", "missing")
	}
	return path, err
}

func parseKey(at string, v *fastjson.Value) (Path, error) {
	s, err := v.StringBytes()
	if err != nil {
		return Path{}, wrong(at+".key", "expected a string, got %s", v.Type())
	}
	p, err := ParsePath(string(s))
	if err != nil {
		return p, wrong(at+".key", "%v", err)
	}
	return p, nil
}

func (r *reader) nested(at string, v *fastjson.Value, depth int) (*Nested, error) {
	n := &Nested{}
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		switch key {
		case "key":
			n.Key, err = parseKey(at, v)
		case "filter":
			n.Filter, err = r.filter(at+".filter", v, depth+1)
		default:
			err = wrong(at+"."+key, "unknown field: nested has key and filter")
		}
		return err
	})
	switch {
	case err != nil:
	case n.Key.steps == nil:
		err = wrong(at+".key", "missing")
	case n.Filter == nil:
		err = wrong(at+".filter", "missing")
	}
	return n, err
}

func hasID(at string, v *fastjson.Value) (*HasID, error) {
	list, err := v.Array()
	if err != nil {
		return nil, wrong(at, "expected an array of ids, got %s", v.Type())
	}
	h := &HasID{IDs: make(map[point.ID]struct{}, len(list))}
	for i, e := range list {
		id, err := parseID(e)
		if err != nil {
			return nil, wrong(fmt.Sprintf("%s[%d]", at, i), "%v", err)
		}
		h.IDs[id] = struct{}{}
	}
	return h, nil
}

func parseID(v *fastjson.Value) (point.ID, error) {
	if v.Type() == fastjson.TypeString {
		s, _ := v.StringBytes()
		return point.ParseUUID(string(s))
	}
	n, err := strconv.ParseUint(v.String(), 10, 64)
	if err != nil {
		return point.ID{}, fmt.Errorf("%s is not a valid point ID: use an unsigned integer or a UUID", v)
	}
	return point.Number(n), nil
}

// field is a condition on the values at a key.
func (r *reader) field(at string, v *fastjson.Value) (Condition, error) {
	var c Condition
	var path Path
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		field := at + "." + key
		switch key {
		case "key":
			path, err = parseKey(at, v)
		case "match":
			c.Match, err = match(field, v)
		case "range":
			c.Range, err = ranges(field, v)
		default:
			if later[key] {
				return wrong(field, "this condition is not supported yet")
			}
			err = wrong(field, "unknown field: a condition on a key has match or range")
		}
		return err
	})
	switch {
	case err != nil:
	case c.Match != nil && c.Range == nil:
		c.Match.Key = path
	case c.Range != nil && c.Match == nil:
		c.Range.Key = path
	default:
		err = wrong(at, "expected exactly one of match and range beside key")
	}
	return c, err
}

func match(at string, v *fastjson.Value) (*Match, error) {
	m := &Match{}
	n := 0
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		n++
		switch key {
		case "value":
			m.Value, err = value(at+".value", v)
		case "any":
			m.Any, err = values(at+".any", v)
		case "except":
			m.Except, err = values(at+".except", v)
		case "text", "phrase", "text_any", "prefix":
			err = wrong(at+"."+key, "text conditions are not supported yet")
		default:
			err = wrong(at+"."+key, "unknown field: match has value, any or except")
		}
		return err
	})
	if err == nil && n != 1 {
		err = wrong(at, "expected exactly one of value, any and except")
	}
	return m, err
}

func value(at string, v *fastjson.Value) (*Value, error) {
	switch v.Type() {
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		return &Value{Kind: StringValue, Str: string(s)}, nil
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return &Value{Kind: BoolValue, Bool: v.Type() == fastjson.TypeTrue}, nil
	case fastjson.TypeNumber:
		if n, err := v.Int64(); err == nil {
			return &Value{Kind: IntValue, Int: n}, nil
		}
	}
	return nil, wrong(at, "%s cannot be matched: use a string, an integer or a bool; for other numbers use range", v)
}

func values(at string, v *fastjson.Value) (*Values, error) {
	list, err := v.Array()
	if err != nil {
		return nil, wrong(at, "expected an array, got %s", v.Type())
	}
	out := &Values{Strings: map[string]struct{}{}, Ints: map[int64]struct{}{}}
	for i, e := range list {
		w, err := value(fmt.Sprintf("%s[%d]", at, i), e)
		if err != nil {
			return nil, err
		}
		switch w.Kind {
		case StringValue:
			out.Strings[w.Str] = struct{}{}
		case IntValue:
			out.Ints[w.Int] = struct{}{}
		default:
			return nil, wrong(fmt.Sprintf("%s[%d]", at, i), "use strings or integers")
		}
	}
	if len(out.Strings) > 0 && len(out.Ints) > 0 {
		return nil, wrong(at, "strings and integers cannot be mixed")
	}
	return out, nil
}

func ranges(at string, v *fastjson.Value) (*Range, error) {
	r := &Range{}
	err := object(at, v, func(key string, v *fastjson.Value) error {
		slot, ok := map[string]**float64{"lt": &r.LT, "gt": &r.GT, "lte": &r.LTE, "gte": &r.GTE}[key]
		if !ok {
			return wrong(at+"."+key, "unknown field: range has lt, gt, lte and gte")
		}
		if v.Type() == fastjson.TypeString {
			return wrong(at+"."+key, "datetime ranges are not supported yet; use a number")
		}
		n, err := v.Float64()
		if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
			return wrong(at+"."+key, "expected a finite number, got %s", v)
		}
		*slot = &n
		return nil
	})
	return r, err
}
