package client

import "encoding/json"

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
