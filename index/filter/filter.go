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
	Match       *Match
	Range       *Range
	Datetime    *DatetimeRange
	GeoBox      *GeoBox
	GeoRadius   *GeoRadius
	GeoPolygon  *GeoPolygon
	ValuesCount *ValuesCount
	IsEmpty     *Path
	IsNull      *Path
	HasID       *HasID
	HasVector   *HasVector
	Slice       *Slice
	Nested      *Nested
	Filter      *Filter
}

// Match compares the values at Key. Exactly one of Value, Any, Except, Text and
// Prefix is used.
type Match struct {
	Key    Path
	Value  *Value
	Any    *Values
	Except *Values
	Text   *Text
	Prefix *string
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

// DatetimeRange compares RFC 3339 strings, and their shorter forms, as
// microseconds since 1970 in UTC (see ParseTime); nil bounds are open.
type DatetimeRange struct {
	Key              Path
	LT, GT, LTE, GTE *int64
}

// HasID holds for the points of the set.
type HasID struct{ IDs map[point.ID]struct{} }

// Nested requires one element of the array at Key to satisfy the whole filter.
type Nested struct {
	Key    Path
	Filter *Filter
}

// ValuesCount compares the number of values at Key; nil bounds are open. An
// array counts its elements, a null is 0 and any other value 1; where the path
// leads to nothing, the count is 0. Of several values, one within the bounds is
// enough.
type ValuesCount struct {
	Key              Path
	LT, GT, LTE, GTE *uint64
}

// HasVector holds for points that have the named vector; "" is the unnamed one.
type HasVector struct{ Name string }

// Slice holds for the points of one of Total disjoint parts of the ids; Index
// is below Total. See Holds.
type Slice struct{ Index, Total uint64 }

// GeoPoint is a place in degrees: Lon from −180 to 180, Lat from −90 to 90.
type GeoPoint struct{ Lon, Lat float64 }

// GeoBox holds for places inside a rectangle, its edges excluded. It crosses
// the antimeridian when TopLeft lies east of BottomRight.
type GeoBox struct {
	Key                  Path
	TopLeft, BottomRight GeoPoint
}

// GeoRadius holds for places less than Radius metres from Center, on a sphere
// of EarthRadius.
type GeoRadius struct {
	Key    Path
	Center GeoPoint
	Radius float64
}

// GeoPolygon holds for places inside the ring Exterior and in none of the holes
// Interiors, borders excluded. Rings are closed: the last place is the first.
// Lon and Lat are taken as plane coordinates: no edge crosses the antimeridian.
type GeoPolygon struct {
	Key       Path
	Exterior  []GeoPoint
	Interiors [][]GeoPoint
}

// Text looks for words in strings. Without Analyze, that is without a text
// index on the field, it looks for substrings of one string: the whole query
// (AllWords, Phrase), or one of its words parted by space (AnyWord). With it,
// words are sought in all strings of the field together, a phrase in one of
// them; a query without words finds nothing.
type Text struct {
	Kind  TextKind
	Query string
	// Analyze is set by Bind: how the field's text index cuts and folds text.
	Analyze Analyze
	words   []string // the query's words for substrings, by Parse
	tokens  []Token  // the analysed query, by Bind
}

// Tokens is the query as the field's text index cuts it; nil before Bind.
func (t *Text) Tokens() []Token { return t.tokens }

// TextKind says how the words of a Text must appear.
type TextKind uint8

// The kinds of text conditions.
const (
	AllWords TextKind = iota + 1 // every word of the query
	AnyWord                      // at least one
	Phrase                       // all of them, in a row, in one string
)

// Token is one word of an analysed text and its place among the words. Tokens
// come by rising position; several may share one. A negative position says that
// the field's index keeps none, so that no phrase is found.
type Token struct {
	Term     string
	Position int
}

// Analyze cuts a text into words. With query it is the text of a condition,
// which some tokenizers cut otherwise (prefix).
type Analyze func(text string, query bool) []Token

// IsZero reports whether the filter matches every point.
func (f *Filter) IsZero() bool {
	return f == nil || len(f.Must) == 0 && len(f.Should) == 0 && len(f.MustNot) == 0 && f.MinShould == nil
}
