package client

import (
	"encoding/json"
	"time"
)

// Filter says which points a call is about. All of Must hold, at least one of
// Should (when there is one), none of MustNot. The zero value matches all.
type Filter struct {
	Must      []Condition `json:"must,omitempty"`
	Should    []Condition `json:"should,omitempty"`
	MustNot   []Condition `json:"must_not,omitempty"`
	MinShould *MinShould  `json:"min_should,omitempty"`
}

// MinShould asks that at least MinCount of the conditions hold.
type MinShould struct {
	Conditions []Condition `json:"conditions"`
	MinCount   int         `json:"min_count"`
}

// Condition is one test of a point; the functions below make them. RawCondition
// reaches whatever the contract has and they have not.
type Condition struct{ v any }

// MarshalJSON writes the contract's form.
func (c Condition) MarshalJSON() ([]byte, error) { return json.Marshal(c.v) }

type object = map[string]any

func field(key, name string, v any) Condition { return Condition{object{"key": key, name: v}} }

// Match holds when the field, or an element of it, equals the value: a string,
// an integer or a bool. Types are never mixed.
func Match(key string, value any) Condition { return field(key, "match", object{"value": value}) }

// MatchAny holds when the field equals one of the values.
func MatchAny[T string | int | int64](key string, values ...T) Condition {
	return field(key, "match", object{"any": nonNil(values)})
}

// MatchExcept holds when the field is present and equals none of the values.
func MatchExcept[T string | int | int64](key string, values ...T) Condition {
	return field(key, "match", object{"except": nonNil(values)})
}

// Bounds are the ends of a range; a nil end is open.
type Bounds struct {
	Gt  *float64 `json:"gt,omitempty"`
	Gte *float64 `json:"gte,omitempty"`
	Lt  *float64 `json:"lt,omitempty"`
	Lte *float64 `json:"lte,omitempty"`
}

// Range holds when a number lies within the bounds.
func Range(key string, b Bounds) Condition { return field(key, "range", b) }

// Between is the range from low to high, both included.
func Between(key string, low, high float64) Condition {
	return Range(key, Bounds{Gte: &low, Lte: &high})
}

// MatchText holds when a string has all words of the text. Without a text index
// on the field: when it contains the text as it is.
func MatchText(key, text string) Condition { return field(key, "match", object{"text": text}) }

// MatchTextAny holds when a string has one of the words.
func MatchTextAny(key, words string) Condition {
	return field(key, "match", object{"text_any": words})
}

// MatchPhrase holds when a string has the words in a row. A text index on the
// field needs phrase_matching for it.
func MatchPhrase(key, phrase string) Condition { return field(key, "match", object{"phrase": phrase}) }

// MatchPrefix holds when a string starts with the prefix.
func MatchPrefix(key, prefix string) Condition { return field(key, "match", object{"prefix": prefix}) }

// Times are the ends of a range of moments; a zero end is open.
type Times struct{ Gt, Gte, Lt, Lte time.Time }

// DatetimeRange holds when a string is a moment within the bounds.
func DatetimeRange(key string, t Times) Condition {
	bounds := object{}
	for name, end := range map[string]time.Time{"gt": t.Gt, "gte": t.Gte, "lt": t.Lt, "lte": t.Lte} {
		if !end.IsZero() {
			bounds[name] = end.Format(time.RFC3339Nano)
		}
	}
	if len(bounds) == 0 { // without a bound the range would be one of numbers
		bounds["gte"] = "-9999-01-01"
	}
	return field(key, "range", bounds)
}

// GeoPoint is a place in degrees, also as a payload value.
type GeoPoint struct {
	Lon float64 `json:"lon"`
	Lat float64 `json:"lat"`
}

// GeoBox holds for places inside a rectangle, which may cross the antimeridian.
func GeoBox(key string, topLeft, bottomRight GeoPoint) Condition {
	return field(key, "geo_bounding_box", object{"top_left": topLeft, "bottom_right": bottomRight})
}

// GeoRadius holds for places less than so many metres from the center.
func GeoRadius(key string, center GeoPoint, metres float64) Condition {
	return field(key, "geo_radius", object{"center": center, "radius": metres})
}

// GeoPolygon holds for places inside the exterior ring and in none of the holes.
// A ring ends where it starts.
func GeoPolygon(key string, exterior []GeoPoint, holes ...[]GeoPoint) Condition {
	type ring struct {
		Points []GeoPoint `json:"points"`
	}
	interiors := make([]ring, len(holes))
	for i, h := range holes {
		interiors[i] = ring{nonNil(h)}
	}
	return field(key, "geo_polygon", object{"exterior": ring{nonNil(exterior)}, "interiors": interiors})
}

// Counts are the ends of a range of counts; a nil end is open.
type Counts struct {
	Gt  *uint64 `json:"gt,omitempty"`
	Gte *uint64 `json:"gte,omitempty"`
	Lt  *uint64 `json:"lt,omitempty"`
	Lte *uint64 `json:"lte,omitempty"`
}

// ValuesCount holds when the number of the field's values lies within the
// bounds: a missing field, null and [] have none.
func ValuesCount(key string, c Counts) Condition { return field(key, "values_count", c) }

// HasVector holds for points that have the named vector; "" is the unnamed one.
func HasVector(name string) Condition { return Condition{object{"has_vector": name}} }

// Slice holds for the points of one of total disjoint parts of all points: one
// for each of several readers, say. index is below total.
func Slice(index, total uint32) Condition {
	return Condition{object{"slice": object{"index": index, "total": total}}}
}

// Elements holds when one element of the array at key satisfies the whole
// filter, whose keys start at the element.
func Elements(key string, f Filter) Condition {
	return Condition{object{"nested": object{"key": key, "filter": f}}}
}

// HasID holds for points with one of the ids.
func HasID(ids ...ID) Condition { return Condition{object{"has_id": nonNil(ids)}} }

// IsEmpty holds when the field is missing, null or an empty array.
func IsEmpty(key string) Condition { return Condition{object{"is_empty": object{"key": key}}} }

// IsNull holds when the field is present and null.
func IsNull(key string) Condition { return Condition{object{"is_null": object{"key": key}}} }

// Nested puts a whole filter where a condition goes.
func Nested(f Filter) Condition { return Condition{f} }

// RawCondition is a condition in the contract's JSON, sent as it is.
func RawCondition(j json.RawMessage) Condition { return Condition{j} }

// nonNil keeps an empty list from being written as null.
func nonNil[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}
