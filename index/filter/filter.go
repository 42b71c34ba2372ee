// Package filter holds the contract's filters: their form, how they are read
// from JSON, and whether a payload matches. It evaluates conditions exactly and
// without any index, so it is the oracle for every index over payloads, and
// what a raft group applies "delete by filter" with.
package filter

import "github.com/kithdb/kith/storage/point"

// Filter is a boolean combination of conditions. A nil or empty filter matches
// every point.
type Filter struct {
	Must      []Condition
	Should    []Condition // at least one, when any is given
	MustNot   []Condition
	MinShould *MinShould
}

// MinShould asks for at least MinCount of the conditions.
type MinShould struct {
	Conditions []Condition
	MinCount   int
}

// Condition is one of: exactly one field is set.
type Condition struct {
	Match   *Match
	Range   *Range
	IsEmpty *Path
	IsNull  *Path
	HasID   *HasID
	Nested  *Nested
	Filter  *Filter
}

// Match compares the values at Key. Exactly one of Value, Any, Except is used.
type Match struct {
	Key    Path
	Value  *Value
	Any    *Values
	Except *Values
}

// Value is a typed scalar: a string never matches a number.
type Value struct {
	Kind ValueKind
	Str  string
	Int  int64
	Bool bool
}

// ValueKind is the type of a Value.
type ValueKind uint8

// The kinds of value that match compares.
const (
	StringValue ValueKind = iota + 1
	IntValue
	BoolValue
)

// Values is a typed list; both lists empty is the empty list.
type Values struct {
	Strings map[string]struct{}
	Ints    map[int64]struct{}
}

// Range compares numbers; nil bounds are open.
type Range struct {
	Key              Path
	LT, GT, LTE, GTE *float64
}

// HasID holds for the points of the set.
type HasID struct{ IDs map[point.ID]struct{} }

// Nested requires one element of the array at Key to satisfy the whole filter.
type Nested struct {
	Key    Path
	Filter *Filter
}

// IsZero reports whether the filter matches every point.
func (f *Filter) IsZero() bool {
	return f == nil || len(f.Must) == 0 && len(f.Should) == 0 && len(f.MustNot) == 0 && f.MinShould == nil
}
