package wire

import (
	"strconv"

	"github.com/kithdb/kith/storage/point"
)

// id eats a point's id: an unsigned integer or a string with a UUID.
func (s *scanner) id(field string) (point.ID, *Error) {
	switch c := s.peek(); {
	case c == '"':
		text, err := s.text(field)
		if err != nil {
			return point.ID{}, err
		}
		id, fault := point.ParseUUID(text)
		if fault != nil {
			return point.ID{}, wrong(field, "%v; an id is an unsigned integer or a UUID", fault)
		}
		return id, nil
	case c == '-' || c >= '0' && c <= '9':
		text, _, _, _ := s.span()
		n, fault := strconv.ParseUint(string(text), 10, 64)
		if fault != nil {
			return point.ID{}, wrong(field, "%s is not an unsigned 64-bit integer; an id is one, or a UUID", s.number(text))
		}
		return point.Number(n), nil
	}
	return point.ID{}, s.fail(field, "an unsigned integer or a UUID")
}

func (s *scanner) number(text []byte) string {
	if len(text) == 0 {
		return "a malformed number"
	}
	return string(text[:min(len(text), 40)])
}

// ids eats an array of ids.
func (s *scanner) ids(field string) ([]point.ID, *Error) {
	out := []point.ID{}
	err := s.array(field, func(i int) *Error {
		id, err := s.id(at(field, i))
		out = append(out, id)
		return err
	})
	return out, err
}

// texts eats an array of strings.
func (s *scanner) texts(field string) ([]string, *Error) {
	out := []string{}
	err := s.array(field, func(i int) *Error {
		text, err := s.text(at(field, i))
		out = append(out, text)
		return err
	})
	return out, err
}

// boolean eats true or false.
func (s *scanner) boolean(field string) (bool, *Error) {
	s.space()
	for _, word := range []string{"true", "false"} {
		if end := s.at + len(word); end <= len(s.data) && string(s.data[s.at:end]) == word {
			s.at = end
			return word == "true", nil
		}
	}
	return false, s.fail(field, "true or false")
}

// count eats an integer from least on.
func (s *scanner) count(field string, least int) (int, *Error) {
	s.space()
	text, _, _, _ := s.span()
	if text == nil {
		return 0, s.fail(field, "an integer")
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	switch {
	case err != nil:
		return 0, wrong(field, "%s is not an integer", s.number(text))
	case n < 0 && least >= 0:
		return 0, wrong(field, "%d is negative", n)
	case n < int64(least):
		return 0, bound(field, "value %d invalid, must be %d or larger", n, least)
	}
	return int(min(n, 1<<40)), nil
}

// unknown eats the value of a key that a body does not have. A null is what
// clients send for what they leave out.
func (s *scanner) unknown(field string) *Error {
	if s.null() {
		return nil
	}
	return wrong(field, "unknown field")
}

// notYet eats the value of a key of the contract that this version does not
// support; null means that it was left out.
func (s *scanner) notYet(field string) *Error {
	if s.null() {
		return nil
	}
	return unsupported(field, "the field")
}
