package model

import (
	"encoding/json"
	"fmt"
	"strconv"

	"pgregory.net/rapid"
)

type object = map[string]any

func num[T int | float64](v T) json.Number {
	text, _ := json.Marshal(v)
	return json.Number(text)
}

func pick[T any](t *rapid.T, name string, list ...T) T { return rapid.SampledFrom(list).Draw(t, name) }

func below(t *rapid.T, name string, n int) int { return rapid.IntRange(0, n-1).Draw(t, name) }

func chance(t *rapid.T, name string, percent int) bool { return below(t, name, 100) < percent }

// anID is one of few ids, so that operations meet.
func anID(t *rapid.T) string {
	n := below(t, "id", 60)
	if n%4 == 3 {
		return fmt.Sprintf(`"%08x-1111-4222-8333-%012x"`, n*0x9e3779b1&0xffffffff, n)
	}
	return strconv.Itoa(n)
}

func someIDs(t *rapid.T, most int) (out []string) {
	for range 1 + below(t, "ids", most) {
		out = append(out, anID(t))
	}
	return out
}

func decoded(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = json.RawMessage(id)
	}
	return out
}

var (
	cities = []string{"Berlin", "Łódź", "São Paulo", "東京", "", "berlin"}
	words  = []string{"red", "Red", "fox", "quick", "lazy", "dog"}
	times  = []string{"2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "2023-12-31 23:59:59.999999", "2024-02-29", "2020-05-05 10:30", "2024-01-01T00:00:00.000001Z", "1969-07-20T20:17:40Z"}
	uids   = []string{"550e8400-e29b-41d4-a716-446655440000", "00000000-0000-4000-8000-000000000001"}
)

func sentence(t *rapid.T) string {
	out := ""
	for i := range 1 + below(t, "words", 4) {
		if i > 0 {
			out += " "
		}
		out += pick(t, "word", words...)
	}
	return out
}

func aPlace(t *rapid.T) any {
	return object{"lon": num(below(t, "lon", 36)*10 - 180), "lat": num(below(t, "lat", 17)*10 - 80)}
}

// one, several, none or null of what draw makes.
func several(t *rapid.T, draw func(*rapid.T) any) any {
	switch below(t, "shape", 8) {
	case 0:
		return nil
	case 1:
		return []any{}
	case 2, 3:
		list := []any{}
		for range 1 + below(t, "length", 3) {
			list = append(list, draw(t))
		}
		return list
	}
	return draw(t)
}

func aValue(t *rapid.T, field string) any {
	switch field {
	case "city", "tags":
		return pick(t, "city", cities...)
	case "n":
		return pick(t, "n", num(below(t, "int", 12)-4), num(1.5), json.Number("1.0"), json.Number("9007199254740993"))
	case "price":
		return num(float64(below(t, "price", 40)-10) / 4)
	case "ok":
		return chance(t, "ok", 50)
	case "text":
		return sentence(t)
	case "at":
		return pick(t, "at", times...)
	case "uid":
		return pick(t, "uid", uids...)
	case "place":
		return aPlace(t)
	}
	panic("bug: " + field)
}

var fields = []string{"city", "tags", "n", "price", "ok", "text", "at", "uid", "place"}

func aPayload(t *rapid.T) object {
	p := object{}
	for range below(t, "fields", 6) {
		field := pick(t, "field", fields...)
		p[field] = several(t, func(t *rapid.T) any { return aValue(t, field) })
	}
	if chance(t, "nested", 35) {
		list := []any{}
		for range below(t, "elements", 4) {
			list = append(list, object{"k": num(below(t, "k", 3)), "v": several(t, func(t *rapid.T) any { return num(below(t, "v", 3)) })})
		}
		p["nested"] = list
	}
	if chance(t, "deep", 25) {
		p["deep"] = object{"list": []any{object{"x": num(below(t, "x", 4))}}, "a.b": "dotted"}
	}
	return p
}

// aFilter covers every kind of condition.
func aFilter(t *rapid.T, depth int) object {
	f := object{}
	some := func(name string, most int) {
		if n := below(t, name, most+1); n > 0 {
			list := []any{}
			for range n {
				list = append(list, aCondition(t, depth))
			}
			f[name] = list
		}
	}
	some("must", 2)
	some("should", 2)
	some("must_not", 1)
	if chance(t, "min_should", 15) {
		f["min_should"] = object{"conditions": []any{aCondition(t, depth), aCondition(t, depth), aCondition(t, depth)}, "min_count": num(1 + below(t, "min_count", 3))}
	}
	if list, ok := f["must"].([]any); ok && len(list) == 1 && chance(t, "bare", 30) {
		f["must"] = list[0] // one condition needs no array
	}
	return f
}

func aCondition(t *rapid.T, depth int) object {
	switch below(t, "condition", 16) {
	case 0:
		return object{"is_empty": object{"key": pick(t, "key", "city", "n", "nested", "deep.list", "nothing", "nested[].v")}}
	case 1:
		return object{"is_null": object{"key": pick(t, "key", "city", "n", "price", "nested[].v")}}
	case 2:
		return object{"has_id": decodeAll(someIDs(t, 20))}
	case 3:
		return object{"has_vector": pick(t, "vector", "", "a", "b", "c")}
	case 4:
		total := 1 + below(t, "total", 5)
		return object{"slice": object{"total": num(total), "index": num(below(t, "index", total))}}
	case 5:
		return object{"nested": object{"key": pick(t, "key", "nested", "nested[]"), "filter": object{"must": []any{
			object{"key": "k", "match": object{"value": num(below(t, "k", 3))}}, object{"key": "v", "match": object{"value": num(below(t, "v", 3))}}}}}}
	case 6:
		return object{"key": pick(t, "key", "city", "tags", "nested", "nothing", "nested[].v"), "values_count": bounds(t, func(t *rapid.T) any { return num(below(t, "count", 4)) })}
	case 7:
		if depth > 0 {
			return aFilter(t, depth-1)
		}
		return object{"key": "nested[].k", "match": object{"value": num(below(t, "k", 3))}}
	case 8:
		return pick(t, "path", object{"key": "deep.list[].x", "match": object{"value": num(below(t, "x", 4))}}, object{"key": `deep."a.b"`, "match": object{"value": "dotted"}}, object{"key": "deep.list[0].x", "range": object{"gte": num(2)}})
	case 9, 10:
		return aRange(t)
	case 11:
		return aTextMatch(t)
	case 12:
		return aGeo(t)
	}
	return aMatch(t)
}

func decodeAll(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		if id[0] == '"' {
			out[i], _ = strconv.Unquote(id)
		} else {
			out[i] = json.Number(id)
		}
	}
	return out
}

func bounds(t *rapid.T, draw func(*rapid.T) any) object {
	r := object{}
	if chance(t, "low", 70) {
		r[pick(t, "low bound", "gt", "gte")] = draw(t)
	}
	if len(r) == 0 || chance(t, "high", 60) {
		r[pick(t, "high bound", "lt", "lte")] = draw(t)
	}
	return r
}

func aRange(t *rapid.T) object {
	if chance(t, "datetime", 40) {
		return object{"key": "at", "range": bounds(t, func(t *rapid.T) any { return pick(t, "time", times...) })}
	}
	return object{"key": pick(t, "key", "n", "price", "nested[].v"), "range": bounds(t, func(t *rapid.T) any { return num(float64(below(t, "bound", 40)-10) / 4) })}
}

func aTextMatch(t *rapid.T) object {
	kind := pick(t, "kind", "text", "text_any", "phrase", "prefix")
	want := sentence(t)
	if kind == "prefix" {
		return object{"key": pick(t, "key", "text", "city", "tags"), "match": object{kind: pick(t, "prefix", "", "B", "red", "東", "Ber")}}
	}
	return object{"key": "text", "match": object{kind: want}}
}

func aMatch(t *rapid.T) object {
	field := pick(t, "field", "city", "tags", "n", "ok", "uid")
	value := func() any {
		if field == "n" {
			return num(below(t, "int", 12) - 4)
		}
		return aValue(t, field)
	}
	if field == "ok" || chance(t, "value", 50) {
		return object{"key": field, "match": object{"value": value()}}
	}
	list := []any{}
	for range below(t, "list", 4) {
		list = append(list, value())
	}
	return object{"key": field, "match": object{pick(t, "kind", "any", "except"): list}}
}

func aGeo(t *rapid.T) object {
	degrees := func(name string, n int) json.Number { return num(float64(below(t, name, n)*10-n*5) + 3.25) }
	at := func() object { return object{"lon": degrees("lon", 35), "lat": degrees("lat", 16)} }
	switch below(t, "geo", 3) {
	case 0:
		return object{"key": "place", "geo_radius": object{"center": at(), "radius": num(1000 + float64(below(t, "radius", 12))*777777.7)}}
	case 1:
		a, b := at(), at()
		top, bottom := a["lat"].(json.Number), b["lat"].(json.Number)
		if x, _ := top.Float64(); true {
			if y, _ := bottom.Float64(); y > x {
				top, bottom = bottom, top
			}
		}
		return object{"key": "place", "geo_bounding_box": object{"top_left": object{"lon": a["lon"], "lat": top}, "bottom_right": object{"lon": b["lon"], "lat": bottom}}}
	}
	ring := func(size int) object {
		x, y := float64(below(t, "x", 12)*10-60)+3.25, float64(below(t, "y", 6)*10-30)+3.25
		s := float64(size)
		corner := func(dx, dy float64) any { return object{"lon": num(x + dx), "lat": num(y + dy)} }
		return object{"points": []any{corner(0, 0), corner(s, 0), corner(s*1.5, s*0.75), corner(0, s), corner(0, 0)}}
	}
	polygon := object{"exterior": ring(10 + 10*below(t, "size", 4))}
	if chance(t, "hole", 40) {
		polygon["interiors"] = []any{ring(10)}
	}
	return object{"key": "place", "geo_polygon": polygon}
}

func aVector(t *rapid.T, size int) []float64 {
	v := make([]float64, size)
	for i := range v {
		v[i] = float64(below(t, "component", 33)-16) / 4
	}
	return v
}
