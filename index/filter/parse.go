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
	MaxVertices   = 65536 // of polygons, in all
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

// reader turns JSON into a filter; it counts what is bounded.
type reader struct{ conditions, vertices int }

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
		return nil, bound(at, "filters nest deeper than %d", MaxDepth)
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
	m := &MinShould{}
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		switch key {
		case "conditions":
			if v.Type() != fastjson.TypeArray {
				return wrong(at+".conditions", "expected an array of conditions, got %s", v.Type())
			}
			m.Conditions, err = r.clause(at+".conditions", v, depth)
		case "min_count":
			n, bad := unsigned(at+".min_count", v, math.MaxInt32)
			if bad != nil {
				return bad
			}
			if *n == 0 {
				return bound(at+".min_count", "expected at least 1, got 0")
			}
			m.MinCount = int(*n)
		default:
			err = wrong(at+"."+key, "unknown field: min_should has conditions and min_count")
		}
		return err
	})
	switch {
	case err != nil:
	case m.MinCount == 0:
		err = wrong(at+".min_count", "missing")
	case m.Conditions == nil:
		err = wrong(at+".conditions", "missing")
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

// condition tells the kinds apart by the one member that each must have. What
// has none of them is a filter.
func (r *reader) condition(at string, v *fastjson.Value, depth int) (c Condition, err error) {
	if r.conditions++; r.conditions > MaxConditions {
		return c, bound(at, "a filter has at most %d conditions", MaxConditions)
	}
	o, err := v.Object()
	if err != nil {
		return c, wrong(at, "expected a condition object, got %s", v.Type())
	}
	kind := ""
	for _, name := range [...]string{"key", "is_empty", "is_null", "has_id", "has_vector", "slice", "nested"} {
		if o.Get(name) != nil {
			kind = name
			break
		}
	}
	if kind == "key" {
		return r.field(at, v)
	}
	if kind == "" {
		c.Filter, err = r.filter(at, v, depth+1)
		return c, err
	}
	if err := alone(at, kind, v); err != nil {
		return c, err
	}
	at, v = at+"."+kind, o.Get(kind)
	switch kind {
	case "is_empty":
		c.IsEmpty, err = keyOf(at, v)
	case "is_null":
		c.IsNull, err = keyOf(at, v)
	case "has_id":
		c.HasID, err = hasID(at, v)
	case "has_vector":
		c.HasVector, err = hasVector(at, v)
	case "slice":
		c.Slice, err = slice(at, v)
	case "nested":
		c.Nested, err = r.nested(at, v, depth)
	}
	return c, err
}

// alone refuses members beside the one that names a condition: the contract's
// engine would drop them unseen.
func alone(at, kind string, v *fastjson.Value) error {
	return object(at, v, func(key string, _ *fastjson.Value) error {
		if key != kind {
			return wrong(at+"."+key, "unknown field beside %s", kind)
		}
		return nil
	})
}

func hasVector(at string, v *fastjson.Value) (*HasVector, error) {
	s, err := v.StringBytes()
	if err != nil {
		return nil, wrong(at, "expected a vector's name, got %s", v.Type())
	}
	return &HasVector{Name: string(s)}, nil
}

func slice(at string, v *fastjson.Value) (*Slice, error) {
	var index, total *uint64
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		switch key {
		case "index":
			index, err = unsigned(at+".index", v, math.MaxUint32)
		case "total":
			total, err = unsigned(at+".total", v, math.MaxUint32)
		default:
			err = wrong(at+"."+key, "unknown field: slice has index and total")
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case total == nil:
		return nil, wrong(at+".total", "missing")
	case index == nil:
		return nil, wrong(at+".index", "missing")
	case *total == 0:
		return nil, bound(at+".total", "expected at least 1, got 0")
	case *index >= *total:
		return nil, bound(at+".index", "expected less than the total of %d, got %d", *total, *index)
	}
	return &Slice{Index: *index, Total: *total}, nil
}

func unsigned(at string, v *fastjson.Value, most uint64) (*uint64, error) {
	n, err := v.Uint64()
	if err != nil || n > most {
		return nil, wrong(at, "expected an unsigned integer up to %d, got %s", most, clip(v))
	}
	return &n, nil
}

func keyOf(at string, v *fastjson.Value) (*Path, error) {
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
	return &path, err
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
