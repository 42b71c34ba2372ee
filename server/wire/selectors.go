package wire

import (
	"strings"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// withPayload eats true, false, a list of paths, or {"include"|"exclude": paths}.
func (s *scanner) withPayload(field string) (sel point.PayloadSelector, err *Error) {
	switch s.peek() {
	case '[':
		sel.Enable = true
		sel.Include, err = s.texts(field)
		return sel, err
	case '{':
		sel.Enable = true
		given := 0
		err = s.object(field, func(key string) (err *Error) {
			if given++; given > 1 {
				return wrong(under(field, key), "given beside another; give include or exclude")
			}
			switch key {
			case "include":
				sel.Include, err = s.texts(under(field, key))
			case "exclude":
				sel.Exclude, err = s.texts(under(field, key))
			default:
				err = s.unknown(under(field, key))
			}
			return err
		})
		if err == nil && given == 0 {
			err = wrong(field, "expected include or exclude")
		}
		return sel, err
	case 'n':
		s.null()
		return sel, nil
	}
	sel.Enable, err = s.boolean(field)
	return sel, err
}

// withVector eats true, false or a list of names.
func (s *scanner) withVector(field string) (sel point.VectorSelector, err *Error) {
	switch s.peek() {
	case '[':
		sel.Enable = true
		sel.Names, err = s.texts(field)
		return sel, err
	case 'n':
		s.null()
		return sel, nil
	}
	sel.Enable, err = s.boolean(field)
	return sel, err
}

// filter eats a filter, checks it, and answers it with its text. A null is none.
func (s *scanner) filter(field string) (*filter.Filter, []byte, *Error) {
	if s.null() {
		return nil, nil, nil
	}
	if s.peek() != '{' {
		return nil, nil, s.fail(field, "a filter object")
	}
	text, err := s.raw(field)
	if err != nil {
		return nil, nil, err
	}
	f, fault := filter.Parse(text)
	if fault != nil {
		return nil, nil, filterFault(field, fault)
	}
	return f, text, nil
}

func filterFault(field string, fault error) *Error {
	if e, ok := fault.(*filter.Error); ok {
		path := strings.TrimPrefix(strings.TrimPrefix(e.Field, "filter"), ".")
		if path != "" {
			field = under(field, path)
		}
		return &Error{Field: field, Problem: e.Problem, Bound: e.Bound}
	}
	return wrong(field, "%v", fault)
}

// payload eats a payload object and answers it compact; null is none.
func (s *scanner) payload(field string) ([]byte, *Error) {
	if s.null() {
		return nil, nil
	}
	if s.peek() != '{' {
		return nil, s.fail(field, "an object")
	}
	text, err := s.raw(field)
	if err != nil {
		return nil, err
	}
	compact, fault := filter.Compact(text)
	if fault != nil {
		return nil, filterFault(field, fault)
	}
	return compact, nil
}
