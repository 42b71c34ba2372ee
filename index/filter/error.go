package filter

import "fmt"

// Error says which part of a filter, path or payload is wrong, and why.
type Error struct {
	Field   string // path in the filter, such as must[2].match
	Problem string
	Bound   bool // a well-formed value breaks a declared bound
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return e.Field + ": " + e.Problem
}

func wrong(field, format string, args ...any) error {
	return &Error{Field: field, Problem: fmt.Sprintf(format, args...)}
}

func bound(field, format string, args ...any) error {
	return &Error{Field: field, Problem: fmt.Sprintf(format, args...), Bound: true}
}
