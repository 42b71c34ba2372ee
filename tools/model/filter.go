package model

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Match evaluates a decoded filter on a point.
func (c *Collection) Match(id string, p *Point, filter map[string]any) bool {
	e := &evaluation{c: c, id: id, p: p}
	return e.filter(filter, p.Payload)
}

// evaluation is one point under a filter. Nested filters see an element, which
// has neither id nor vectors.
type evaluation struct {
	c      *Collection
	id     string
	p      *Point
	nested bool
}

func conditions(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func (e *evaluation) filter(f map[string]any, payload any) bool {
	holds := func(v any) bool { return e.condition(v.(map[string]any), payload) }
	for name, clause := range f {
		ok := true
		switch name {
		case "must":
			ok = !slices.ContainsFunc(conditions(clause), func(v any) bool { return !holds(v) })
		case "must_not":
			ok = !slices.ContainsFunc(conditions(clause), holds)
		case "should":
			ok = len(conditions(clause)) == 0 || slices.ContainsFunc(conditions(clause), holds)
		case "min_should":
			n := 0
			for _, v := range clause.(map[string]any)["conditions"].([]any) {
				if holds(v) {
					n++
				}
			}
			least, _ := integer(clause.(map[string]any)["min_count"])
			ok = int64(n) >= least
		}
		if !ok {
			return false
		}
	}
	return true
}

func (e *evaluation) condition(c map[string]any, payload any) bool {
	if key, ok := c["key"].(string); ok {
		return e.field(key, c, Values(payload, Path(key)))
	}
	for name, v := range c {
		object, _ := v.(map[string]any)
		switch name {
		case "is_empty":
			return isEmpty(Values(payload, Path(object["key"].(string))))
		case "is_null":
			return isNull(Values(payload, Path(object["key"].(string))))
		case "has_id":
			return !e.nested && slices.ContainsFunc(v.([]any), func(x any) bool { return spell(x) == e.id })
		case "has_vector":
			_, ok := e.p.Vectors[v.(string)]
			return ok && !e.nested
		case "slice":
			total, _ := integer(object["total"])
			index, _ := integer(object["index"])
			return !e.nested && sliceOf(e.id, uint64(total)) == uint64(index)
		case "nested":
			return e.elements(object, payload)
		}
	}
	return e.filter(c, payload)
}

func spell(id any) string {
	if s, ok := id.(string); ok {
		return strconv.Quote(strings.ToLower(s))
	}
	return id.(json.Number).String()
}

// elements asks whether one element of the list at the key satisfies the whole
// filter; the key may be written with or without [].
func (e *evaluation) elements(nested map[string]any, payload any) bool {
	key := strings.TrimSuffix(nested["key"].(string), "[]")
	inner := &evaluation{c: e.c, id: e.id, p: e.p, nested: true}
	for _, v := range Values(payload, Path(key)) {
		list, _ := v.([]any)
		for _, x := range list {
			if _, ok := x.(map[string]any); ok && inner.filter(nested["filter"].(map[string]any), x) {
				return true
			}
		}
	}
	return false
}

func isEmpty(values []any) bool {
	return !slices.ContainsFunc(values, func(v any) bool {
		list, isList := v.([]any)
		return v != nil && (!isList || len(list) > 0)
	})
}

func isNull(values []any) bool {
	return slices.Contains(flatNulls(values), true)
}

func flatNulls(values []any) (out []bool) {
	for _, v := range flat(values) {
		out = append(out, v == nil)
	}
	return out
}

// field evaluates a condition on the values at a key.
func (e *evaluation) field(key string, c map[string]any, values []any) bool {
	any1 := func(holds func(any) bool) bool { return slices.ContainsFunc(flat(values), holds) }
	for name, v := range c {
		object, _ := v.(map[string]any)
		switch name {
		case "match":
			if want, ok := object["text"].(string); ok && e.indexed(key) {
				return hasWords(values, want)
			}
			return any1(func(x any) bool { return e.match(key, object, x) })
		case "range":
			return any1(func(x any) bool { return inRange(object, x) })
		case "values_count":
			return valuesCount(object, values)
		case "geo_radius", "geo_bounding_box", "geo_polygon":
			return any1(func(x any) bool { return isPlace(name, object, x) })
		}
	}
	panic(fmt.Sprintf("bug: no condition in %v", c))
}

func (e *evaluation) match(key string, m map[string]any, v any) bool {
	text, isText := v.(string)
	for kind, want := range m {
		switch kind {
		case "value":
			return same(want, v)
		case "any":
			return slices.ContainsFunc(want.([]any), func(w any) bool { return same(w, v) })
		case "except":
			return v != nil && !slices.ContainsFunc(want.([]any), func(w any) bool { return same(w, v) })
		case "prefix":
			return isText && strings.HasPrefix(text, want.(string))
		case "text", "text_any", "phrase":
			return isText && e.text(key, kind, want.(string), text)
		}
	}
	panic(fmt.Sprintf("bug: no match in %v", m))
}

// same compares by type too: a string is no number, 1 is not 1.0.
func same(want, v any) bool {
	if n, ok := integer(want); ok {
		m, ok := integer(v)
		return ok && n == m
	}
	switch want.(type) {
	case string, bool:
		return want == v
	}
	return false
}

// text looks for substrings without a text index, for words with one.
func (e *evaluation) text(key, kind, want, text string) bool {
	if !e.indexed(key) {
		if kind == "text_any" {
			return slices.ContainsFunc(strings.Fields(want), func(w string) bool { return strings.Contains(text, w) })
		}
		return strings.Contains(text, want)
	}
	words, have := strings.Fields(strings.ToLower(want)), strings.Fields(strings.ToLower(text))
	in := func(w string) bool { return slices.Contains(have, w) }
	if kind == "text_any" {
		return slices.ContainsFunc(words, in)
	}
	return strings.Contains(" "+strings.Join(have, " ")+" ", " "+strings.Join(words, " ")+" ")
}

// indexed reports whether a text index gives conditions on the key their meaning.
func (e *evaluation) indexed(key string) bool { return !e.nested && e.c.Indexes[key] == "text" }

// hasWords seeks every word in all strings of a field together, as a text index
// does.
func hasWords(values []any, want string) bool {
	var have []string
	for _, v := range flat(values) {
		if text, ok := v.(string); ok {
			have = append(have, strings.Fields(strings.ToLower(text))...)
		}
	}
	words := strings.Fields(strings.ToLower(want))
	return len(have) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(have, w) })
}

func inRange(r map[string]any, v any) bool {
	for _, bound := range r {
		if _, isTime := bound.(string); isTime {
			return timeInRange(r, v)
		}
	}
	n, ok := number(v)
	if !ok {
		return false
	}
	return bounded(r, func(bound any) int {
		b, _ := number(bound)
		switch {
		case n < b:
			return -1
		case n > b:
			return 1
		}
		return 0
	})
}

// bounded checks lt, gt, lte and gte of an order.
func bounded(r map[string]any, compare func(bound any) int) bool {
	for name, bound := range r {
		d := compare(bound)
		if name == "lt" && d >= 0 || name == "gt" && d <= 0 || name == "lte" && d > 0 || name == "gte" && d < 0 {
			return false
		}
	}
	return true
}

func timeInRange(r map[string]any, v any) bool {
	text, _ := v.(string)
	t, ok := Time(text)
	return ok && bounded(r, func(bound any) int {
		b, _ := Time(bound.(string))
		return t.Compare(b)
	})
}

// Time reads RFC 3339 and its shorter forms; without a zone it is UTC.
func Time(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Truncate(time.Microsecond), true
		}
	}
	return time.Time{}, false
}

// valuesCount compares how many values each match of the path has.
func valuesCount(r map[string]any, values []any) bool {
	if len(values) == 0 {
		values = []any{nil}
	}
	return slices.ContainsFunc(values, func(v any) bool {
		n := 1.0
		if list, ok := v.([]any); ok {
			n = float64(len(list))
		} else if v == nil {
			n = 0
		}
		return bounded(r, func(bound any) int {
			b, _ := number(bound)
			return int(n - b)
		})
	})
}

// sliceOf is SipHash-2-4 with a zero key over the id's bytes, modulo total.
func sliceOf(id string, total uint64) uint64 {
	var data []byte
	if id[0] == '"' {
		data, _ = hex.DecodeString(strings.ReplaceAll(strings.Trim(id, `"`), "-", ""))
	} else {
		n, _ := strconv.ParseUint(id, 10, 64)
		data = binary.LittleEndian.AppendUint64(nil, n)
	}
	v := [4]uint64{0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261, 0x7465646279746573}
	round := func(n int) {
		for range n {
			v[0] += v[1]
			v[2] += v[3]
			v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
			v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
			v[0] = bits.RotateLeft64(v[0], 32)
			v[2] += v[1]
			v[0] += v[3]
			v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
			v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
			v[2] = bits.RotateLeft64(v[2], 32)
		}
	}
	length := len(data)
	data = append(data, make([]byte, 7)...)
	data = append(data, byte(length))
	for i := 0; i+8 <= length || i == length; i += 8 {
		block := binary.LittleEndian.Uint64(data[i:])
		v[3] ^= block
		round(2)
		v[0] ^= block
	}
	v[2] ^= 0xff
	round(4)
	return (v[0] ^ v[1] ^ v[2] ^ v[3]) % total
}
