// Package wire reads request bodies of the HTTP contract into the house's own
// types. Bodies with vectors are read by a hand-written scanner, straight into
// one []float32 per request; small ones by encoding/json.
//
// Who calls: server. What it calls: storage/point, storage/schema for types. It
// never looks at a collection: dimensions and vector names are checked by
// schema.Collection.Prepare. It takes memory in proportion to the body, and
// never panics whatever the bytes are.
package wire

import (
	"fmt"
	"strconv"
)

// MaxDepth is the deepest nesting of a value of the user's own, such as a payload
// or a filter. Everything else in a body has a fixed shape.
const MaxDepth = 128

// Error says why a body was refused. The zero Bound means HTTP 400.
type Error struct {
	Field   string // path in the body, "" for the body as a whole
	Problem string
	Bound   bool // a well-formed value breaks a declared bound: HTTP 422
}

func (e *Error) Error() string {
	switch {
	case e.Bound:
		return "Validation error in JSON body: [" + e.Field + ": " + e.Problem + "]"
	case e.Field == "":
		return "Format error in JSON body: " + e.Problem
	}
	return "Format error in JSON body: " + e.Field + ": " + e.Problem
}

func wrong(field, format string, args ...any) *Error {
	return &Error{Field: field, Problem: fmt.Sprintf(format, args...)}
}

func bound(field, format string, args ...any) *Error {
	return &Error{Field: field, Problem: fmt.Sprintf(format, args...), Bound: true}
}

func unsupported(field, what string) *Error {
	return wrong(field, "%s is not supported yet", what)
}

func at(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

func under(field, key string) string {
	if field == "" {
		return key
	}
	return field + "." + key
}
