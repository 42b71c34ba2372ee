package wire

import (
	"encoding/json"
	"unicode/utf8"
)

// scanner walks a JSON text. Its methods return an error that names the field
// given; after one, the scanner is not used again.
type scanner struct {
	data []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\n', '\r', '\t':
			s.at++
		default:
			return
		}
	}
}

// peek is the next byte that is not space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.at == len(s.data) {
		return 0
	}
	return s.data[s.at]
}

func (s *scanner) fail(field, want string) *Error {
	if s.peek() == 0 && s.at == len(s.data) {
		return wrong(field, "the text ends at byte %d where %s was expected", s.at, want)
	}
	return wrong(field, "%q at byte %d where %s was expected", s.data[s.at], s.at, want)
}

func (s *scanner) end() *Error {
	if s.space(); s.at != len(s.data) {
		return wrong("", "trailing characters from byte %d on", s.at)
	}
	return nil
}

// null eats a null if one is next.
func (s *scanner) null() bool {
	if s.peek() == 'n' && s.at+4 <= len(s.data) && string(s.data[s.at:s.at+4]) == "null" {
		s.at += 4
		return true
	}
	return false
}

// object calls member for each key, standing before its value, which member
// must eat. A key given twice is refused: which one counts would be a guess.
func (s *scanner) object(field string, member func(key string) *Error) *Error {
	if s.peek() != '{' {
		return s.fail(field, "an object")
	}
	s.at++
	if s.peek() == '}' {
		s.at++
		return nil
	}
	var seen keys
	for {
		key, err := s.text(field)
		if err != nil {
			return err
		}
		if seen.again(key) {
			return wrong(under(field, key), "given twice")
		}
		if s.peek() != ':' {
			return s.fail(under(field, key), "':'")
		}
		s.at++
		if err := member(key); err != nil {
			return err
		}
		done, err := s.next(field, '}')
		if done || err != nil {
			return err
		}
	}
}

// array calls element for each element, which it must eat.
func (s *scanner) array(field string, element func(i int) *Error) *Error {
	if s.peek() != '[' {
		return s.fail(field, "an array")
	}
	s.at++
	if s.peek() == ']' {
		s.at++
		return nil
	}
	for i := 0; ; i++ {
		if err := element(i); err != nil {
			return err
		}
		done, err := s.next(field, ']')
		if done || err != nil {
			return err
		}
	}
}

// next eats a comma, or the closing byte, which ends the list.
func (s *scanner) next(field string, closing byte) (done bool, err *Error) {
	switch s.peek() {
	case ',':
		s.at++
		return false, nil
	case closing:
		s.at++
		return true, nil
	}
	return false, s.fail(field, "',' or '"+string(closing)+"'")
}

// text eats a string.
func (s *scanner) text(field string) (string, *Error) {
	if s.peek() != '"' {
		return "", s.fail(field, "a string")
	}
	start := s.at
	plain := true
	for s.at++; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return s.unquote(field, s.data[start:s.at], plain)
		case c == '\\':
			plain = false
			s.at++
		case c < 0x20:
			return "", wrong(field, "control character at byte %d of a string", s.at)
		}
	}
	return "", wrong(field, "the text ends inside a string")
}

func (s *scanner) unquote(field string, quoted []byte, plain bool) (string, *Error) {
	if !utf8.Valid(quoted) {
		return "", wrong(field, "a string is not UTF-8")
	}
	if plain {
		return intern(quoted[1 : len(quoted)-1]), nil
	}
	var out string
	if err := json.Unmarshal(quoted, &out); err != nil {
		return "", wrong(field, "malformed string: %v", err)
	}
	return out, nil
}

// raw eats one value of any kind and returns its bytes, which share memory
// with the body. It may be nested MaxDepth levels deep, since what reads it then
// is recursive.
func (s *scanner) raw(field string) ([]byte, *Error) {
	s.space()
	start := s.at
	if err := s.skip(); err != nil {
		return nil, wrong(field, "%s", err.Problem)
	}
	value := s.data[start:s.at]
	if !json.Valid(value) {
		return nil, wrong(field, "malformed JSON at byte %d", start)
	}
	return value, nil
}

// skip finds where a value ends; raw checks what is inside.
func (s *scanner) skip() *Error {
	depth := 0
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case '"':
			if _, err := s.text(""); err != nil {
				return err
			}
			if depth == 0 {
				return nil
			}
			continue
		case '{', '[':
			if depth++; depth > MaxDepth {
				return wrong("", "nested deeper than %d levels at byte %d", MaxDepth, s.at)
			}
		case '}', ']':
			if depth == 0 {
				return nil
			}
			if depth--; depth == 0 {
				s.at++
				return nil
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return nil
			}
		}
		s.at++
	}
	if depth > 0 {
		return wrong("", "the text ends inside a value")
	}
	return nil
}
