package wire

import (
	"math"
	"strconv"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/query"
)

// orderBy eats a field's name, or {"key", "direction", "start_from"}.
func (s *scanner) orderBy(field string) (*query.OrderBy, *Error) {
	by := &query.OrderBy{}
	var err *Error
	switch s.peek() {
	case '"':
		by.Field, err = s.keyPath(field)
		return by, err
	case '{':
	default:
		return nil, s.fail(field, "a field's name or an object with key")
	}
	seen := false
	err = s.object(field, func(key string) (err *Error) {
		name := under(field, key)
		switch {
		case key == "key":
			seen = true
			by.Field, err = s.keyPath(name)
		case s.null():
		case key == "direction":
			by.Down, err = s.direction(name)
		case key == "start_from":
			by.From, err = s.startFrom(name)
		default:
			err = s.unknown(name)
		}
		return err
	})
	if err == nil && !seen {
		err = wrong(under(field, "key"), "missing")
	}
	return by, err
}

func (s *scanner) direction(field string) (down bool, err *Error) {
	text, err := s.text(field)
	switch {
	case err != nil:
		return false, err
	case text == "asc":
		return false, nil
	case text == "desc":
		return true, nil
	}
	return false, wrong(field, "unknown direction %q: use asc or desc", text)
}

// startFrom eats a number or a datetime.
func (s *scanner) startFrom(field string) (*payload.Key, *Error) {
	if s.peek() == '"' {
		return s.startTime(field)
	}
	text, _, _, _ := s.span()
	if text == nil {
		return nil, s.fail(field, "a number or a datetime")
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		k := payload.IntKey(n)
		return &k, nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, wrong(field, "%s does not fit a 64-bit number", s.number(text))
	}
	k := payload.FloatKey(f)
	return &k, nil
}

// startTime eats a datetime.
func (s *scanner) startTime(field string) (*payload.Key, *Error) {
	text, err := s.text(field)
	if err != nil {
		return nil, err
	}
	micros, ok := filter.ParseTime(text)
	if !ok {
		return nil, wrong(field, "%q is not a datetime: use RFC 3339, such as 2024-05-01T10:00:00Z or 2024-05-01", text)
	}
	k := payload.IntKey(micros)
	return &k, nil
}
