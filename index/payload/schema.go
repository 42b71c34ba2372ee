package payload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/text"
)

// Kind is the contract's name of an index kind.
type Kind string

// The kinds of the contract, and what they hold.
const (
	Keyword  Kind = "keyword"  // strings
	Integer  Kind = "integer"  // numbers
	Float    Kind = "float"    // numbers
	Bool     Kind = "bool"     // true and false
	Geo      Kind = "geo"      // objects of lon and lat
	Datetime Kind = "datetime" // strings that are times
	Text     Kind = "text"     // words of strings
	UUID     Kind = "uuid"     // strings
)

var kinds = []Kind{Keyword, Integer, Float, Bool, Geo, Datetime, Text, UUID}

// Schema is one payload index.
type Schema struct {
	Field    string
	Kind     Kind
	Options  json.RawMessage // as the user gave it: a name or an object
	path     filter.Path
	lookup   bool // values can be looked up and counted (facets)
	ranges   bool // values have an order
	cold     bool // answered from the store's rows
	tenant   bool // each value is a tenant
	links    bool // graphs may have links for it
	analyzer *text.Analyzer
}

// Trees reports whether the large values of the field are to have graphs of their
// own: of keyword and uuid indexes those of tenants, and, where links of such
// graphs were asked for (payload_m), all that do not decline (enable_hnsw).
func (s *Schema) Trees(asked bool) bool {
	return s.links && (s.Kind == Keyword || s.Kind == UUID) && (s.tenant || asked)
}

// options are the members of the contract's index parameters but those of text
// indexes, which index/text reads.
type options struct {
	Type        Kind    `json:"type"`
	Lookup      *bool   `json:"lookup"`
	Range       *bool   `json:"range"`
	IsPrincipal *bool   `json:"is_principal"`
	IsTenant    *bool   `json:"is_tenant"`
	Prefix      *bool   `json:"prefix"`
	OnDisk      *bool   `json:"on_disk"`
	EnableHNSW  *bool   `json:"enable_hnsw"`
	Memory      *string `json:"memory"`
}

// takes says which kinds have an option beside those that all have.
var takes = map[string][]Kind{
	"lookup": {Integer}, "range": {Integer}, "is_principal": {Integer, Float, Datetime},
	"is_tenant": {Keyword, UUID}, "prefix": {Keyword},
	"on_disk": kinds, "enable_hnsw": kinds, "memory": kinds, "type": kinds,
}

func refused(option, format string, args ...any) error {
	field := "field_schema"
	if option != "" {
		field += "." + option
	}
	return &filter.Error{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// ParseSchema reads a field_schema: a kind's name, or an object with "type".
// The error is a *filter.Error naming the option.
func ParseSchema(field string, schema []byte) (Schema, error) {
	path, err := filter.ParsePath(field)
	if err != nil {
		return Schema{}, &filter.Error{Field: "field_name", Problem: err.Error()}
	}
	s := Schema{Field: field, Options: bytes.Clone(schema), path: path, lookup: true}
	object := schema
	if json.Unmarshal(schema, &s.Kind) == nil && s.Kind != "" {
		if object, err = json.Marshal(options{Type: s.Kind}); err != nil {
			return s, err
		}
	}
	var probe struct {
		Type   Kind    `json:"type"`
		OnDisk bool    `json:"on_disk"`
		Memory *string `json:"memory"`
	}
	if err := json.Unmarshal(object, &probe); err != nil && !isOption(err) {
		return s, refused("", "expected the name of a kind, or an object with a type")
	}
	s.Kind, s.cold = probe.Type, probe.OnDisk
	if probe.Memory != nil {
		s.cold = *probe.Memory == cold
	}
	if !slices.Contains(kinds, s.Kind) {
		return s, refused("type", "unknown kind %q: use keyword, integer, float, bool, geo, datetime, text or uuid", s.Kind)
	}
	if s.Kind == Text {
		return s, s.text(object, len(schema) > 0 && schema[0] != '{')
	}
	return s, s.read(object)
}

// isOption tells that an option beside the type is of a wrong type, which is said
// later.
func isOption(err error) bool {
	bad := &json.UnmarshalTypeError{}
	return asType(err, &bad) && bad.Field != "" && bad.Field != "type"
}

// cold is the placement on disk. It goes before on_disk where both are given, as
// it does for vectors.
const cold = "cold"

// Cold tells whether the index is answered from the rows in the store, instead of
// from memory.
func (s *Schema) Cold() bool { return s.cold }

// placing are the options that neither rows nor words depend on.
var placing = []string{"on_disk", "memory", "enable_hnsw", "is_tenant", "is_principal", "lookup", "range", "prefix"}

// SameRows tells whether another index on the field would have the same rows, so
// that the one can become the other without being built anew.
func (s *Schema) SameRows(o *Schema) bool {
	if s.Field != o.Field || s.Kind != o.Kind {
		return false
	}
	return s.Kind != Text || reflect.DeepEqual(wording(s.Options), wording(o.Options))
}

// wording is the options of a text index that say how it cuts text.
func wording(schema []byte) map[string]any {
	out := map[string]any{"type": string(Text)}
	if json.Unmarshal(schema, &out) != nil {
		return map[string]any{"type": string(Text)} // the name of the kind
	}
	for option, value := range out {
		if value == nil || slices.Contains(placing, option) {
			delete(out, option)
		}
	}
	return out
}

func (s *Schema) text(object []byte, named bool) (err error) {
	if named {
		object = []byte(`{"type":"text"}`)
	}
	s.analyzer, err = text.Parse(object)
	s.lookup = false
	return err
}

func (s *Schema) read(object []byte) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(object, &given); err != nil {
		return refused("", "expected an object")
	}
	for option, value := range given {
		fits, known := takes[option]
		switch {
		case string(value) == "null":
		case !known:
			return refused(option, "unknown option")
		case !slices.Contains(fits, s.Kind):
			return refused(option, "no option of %s indexes: it belongs to %s", s.Kind, join(fits))
		}
	}
	var o options
	if err := json.Unmarshal(object, &o); err != nil {
		bad := &json.UnmarshalTypeError{}
		if ok := asType(err, &bad); ok {
			return refused(bad.Field, "expected %s, got %s", bad.Type, bad.Value)
		}
		return refused("", "%v", err)
	}
	if o.Memory != nil && !slices.Contains([]string{"cold", "cached", "pinned"}, *o.Memory) {
		return refused("memory", "unknown placement %q: use cold, cached or pinned", *o.Memory)
	}
	s.tenant, s.links = o.IsTenant != nil && *o.IsTenant, o.EnableHNSW == nil || *o.EnableHNSW
	s.lookup = o.Lookup == nil || *o.Lookup
	s.ranges = s.Kind == Float || s.Kind == Datetime || s.Kind == Integer && (o.Range == nil || *o.Range)
	if s.Kind == Integer && !s.lookup && !s.ranges {
		return refused("range", "lookup and range are both false: the index would answer nothing")
	}
	return nil
}

func asType(err error, to **json.UnmarshalTypeError) bool {
	bad, ok := err.(*json.UnmarshalTypeError)
	*to = bad
	return ok
}

func join(list []Kind) string {
	words := make([]string, len(list))
	for i, k := range list {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// Analyze is how a text index cuts text; nil for other kinds.
func (s *Schema) Analyze() filter.Analyze {
	if s.analyzer == nil {
		return nil
	}
	return s.analyzer.Analyze
}
