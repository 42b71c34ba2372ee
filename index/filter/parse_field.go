package filter

import (
	"fmt"
	"math"

	"github.com/valyala/fastjson"
)

// first are the kinds of condition on a key that decide alone, in this order,
// whatever stands beside them. Other kinds are alternatives. The contract says
// nothing of it; so does its engine.
var first = [...]string{"values_count", "is_empty", "is_null"}

// field is a condition on the values at a key.
func (r *reader) field(at string, v *fastjson.Value) (Condition, error) {
	path, err := parseKey(at, v.Get("key"))
	if err != nil {
		return Condition{}, err
	}
	var kinds []Condition
	alone := map[string]Condition{}
	err = object(at, v, func(key string, v *fastjson.Value) error {
		if key == "key" {
			return nil
		}
		c, err := r.onKey(path, at, key, v)
		kinds = append(kinds, c)
		alone[key] = c
		return err
	})
	switch {
	case err != nil:
		return Condition{}, err
	case len(kinds) == 0:
		return Condition{}, wrong(at, "nothing is asked of the key: give match, range, geo_bounding_box, geo_radius, geo_polygon, values_count, is_empty or is_null")
	case len(kinds) == 1:
		return kinds[0], nil
	}
	for _, kind := range first {
		if c, ok := alone[kind]; ok {
			return c, nil
		}
	}
	return Condition{Filter: &Filter{Should: kinds}}, nil
}

// onKey is one kind of condition on the values at a path.
func (r *reader) onKey(path Path, at, kind string, v *fastjson.Value) (c Condition, err error) {
	at += "." + kind
	switch kind {
	case "match":
		c.Match, err = match(at, path, v)
	case "range":
		return ranges(at, path, v)
	case "geo_bounding_box":
		c.GeoBox, err = geoBox(at, path, v)
	case "geo_radius":
		c.GeoRadius, err = geoRadius(at, path, v)
	case "geo_polygon":
		c.GeoPolygon, err = r.geoPolygon(at, path, v)
	case "values_count":
		c.ValuesCount, err = valuesCount(at, path, v)
	case "is_empty":
		return switched(at, Condition{IsEmpty: &path}, v)
	case "is_null":
		return switched(at, Condition{IsNull: &path}, v)
	default:
		err = wrong(at, "unknown field: a condition on a key has match, range, geo_bounding_box, geo_radius, geo_polygon, values_count, is_empty or is_null")
	}
	return c, err
}

// switched is a condition or, with false, its contrary.
func switched(at string, c Condition, v *fastjson.Value) (Condition, error) {
	on, err := v.Bool()
	switch {
	case err != nil:
		return c, wrong(at, "expected true or false, got %s", v.Type())
	case on:
		return c, nil
	}
	return Condition{Filter: &Filter{MustNot: []Condition{c}}}, nil
}

func match(at string, path Path, v *fastjson.Value) (*Match, error) {
	m := &Match{Key: path}
	n := 0
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		n++
		field := at + "." + key
		switch key {
		case "value":
			m.Value, err = value(field, v)
		case "any":
			m.Any, err = values(field, v)
		case "except":
			m.Except, err = values(field, v)
		case "text", "phrase", "text_any":
			m.Text, err = textOf(field, key, v)
		case "prefix":
			var s string
			s, err = stringOf(field, v)
			m.Prefix = &s
		default:
			err = wrong(field, "unknown field: match has value, any, except, text, text_any, phrase or prefix")
		}
		return err
	})
	if err == nil && n != 1 {
		err = wrong(at, "expected exactly one of value, any, except, text, text_any, phrase and prefix")
	}
	return m, err
}

func stringOf(at string, v *fastjson.Value) (string, error) {
	s, err := v.StringBytes()
	if err != nil {
		return "", wrong(at, "expected a string, got %s", v.Type())
	}
	return string(s), nil
}

func textOf(at, kind string, v *fastjson.Value) (*Text, error) {
	query, err := stringOf(at, v)
	if err != nil {
		return nil, err
	}
	kinds := map[string]TextKind{"text": AllWords, "text_any": AnyWord, "phrase": Phrase}
	return newText(kinds[kind], query), nil
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

// ranges is a range of numbers or of moments: the first bound tells.
func ranges(at string, path Path, v *fastjson.Value) (Condition, error) {
	numbers, times := &Range{Key: path}, &DatetimeRange{Key: path}
	strings, others := 0, 0
	err := object(at, v, func(key string, v *fastjson.Value) error {
		field := at + "." + key
		number, ok := map[string]**float64{"lt": &numbers.LT, "gt": &numbers.GT, "lte": &numbers.LTE, "gte": &numbers.GTE}[key]
		if !ok {
			return wrong(field, "unknown field: range has lt, gt, lte and gte")
		}
		if v.Type() != fastjson.TypeString {
			others++
			n, err := finite(field, v)
			*number = &n
			return err
		}
		strings++
		moment, err := momentOf(field, v)
		*map[string]**int64{"lt": &times.LT, "gt": &times.GT, "lte": &times.LTE, "gte": &times.GTE}[key] = &moment
		return err
	})
	switch {
	case err != nil:
		return Condition{}, err
	case strings > 0 && others > 0:
		return Condition{}, wrong(at, "numbers and datetimes cannot be mixed")
	case strings > 0:
		return Condition{Datetime: times}, nil
	}
	return Condition{Range: numbers}, nil
}

func finite(at string, v *fastjson.Value) (float64, error) {
	n, err := v.Float64()
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return 0, wrong(at, "expected a finite number, got %s", clip(v))
	}
	return n, nil
}

func momentOf(at string, v *fastjson.Value) (int64, error) {
	s, _ := v.StringBytes()
	t, ok := ParseTime(string(s))
	if !ok {
		return 0, wrong(at, "%s is no datetime: use RFC 3339, such as 2026-01-31T12:00:00Z, or a date", clip(v))
	}
	return t, nil
}

func valuesCount(at string, path Path, v *fastjson.Value) (*ValuesCount, error) {
	c := &ValuesCount{Key: path}
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		slot, ok := map[string]**uint64{"lt": &c.LT, "gt": &c.GT, "lte": &c.LTE, "gte": &c.GTE}[key]
		if !ok {
			return wrong(at+"."+key, "unknown field: values_count has lt, gt, lte and gte")
		}
		*slot, err = unsigned(at+"."+key, v, math.MaxUint64)
		return err
	})
	return c, err
}

// clip is a value's text, cut short for a message.
func clip(v *fastjson.Value) string {
	const most = 80
	s := v.String()
	if len(s) > most {
		return fmt.Sprintf("%.*s…", most, s)
	}
	return s
}
