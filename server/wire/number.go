package wire

import (
	"bytes"
	"math"
	"strconv"
)

// exactTens are the powers of ten that a float64 holds exactly.
var exactTens = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10,
	1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// span eats a number by JSON's grammar and returns its bytes; nil when there is
// none. mantissa and scale are its value as mantissa / 10^scale; exact is false
// when it has an exponent or more than 15 digits.
func (s *scanner) span() (text []byte, mantissa uint64, scale int, exact bool) {
	b, i := s.data, s.at
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	first := i
	for i < len(b) && b[i]-'0' < 10 {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		i++
	}
	digits := i - first
	if digits == 0 || digits > 1 && b[first] == '0' {
		return nil, 0, 0, false
	}
	if i < len(b) && b[i] == '.' {
		point := i
		for i++; i < len(b) && b[i]-'0' < 10; i++ {
			mantissa = mantissa*10 + uint64(b[i]-'0')
		}
		if scale = i - point - 1; scale == 0 {
			return nil, 0, 0, false
		}
	}
	exact = digits+scale <= 15
	if i < len(b) && b[i]|0x20 == 'e' {
		exact = false
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		for i < len(b) && b[i]-'0' < 10 {
			i++
		}
		if i == from {
			return nil, 0, 0, false
		}
	}
	s.at = i
	return b[start:i], mantissa, scale, exact
}

// float eats a number as the float32 nearest to it.
func (s *scanner) float() (float32, bool) {
	text, mantissa, scale, exact := s.span()
	if text == nil {
		return 0, false
	}
	if !exact {
		return slowFloat(text)
	}
	// Both operands are exact, so the quotient is the float64 nearest to the
	// text. Rounding that again to float32 may differ from rounding the text
	// once only when the quotient lies on, or beside, the middle of two float32.
	v := float64(mantissa) / exactTens[scale]
	if low := math.Float64bits(v) & (1<<29 - 1); low-(1<<28-1) <= 2 || v != 0 && v < 0x1p-126 {
		return slowFloat(text)
	}
	if text[0] == '-' {
		v = -v
	}
	return float32(v), true
}

func slowFloat(text []byte) (float32, bool) {
	v, err := strconv.ParseFloat(string(text), 32)
	return float32(v), err == nil
}

// floats eats an array of finite numbers and appends them to dst.
func (s *scanner) floats(dst []float32, field string) ([]float32, *Error) {
	if s.peek() != '[' {
		return dst, s.fail(field, "an array of numbers")
	}
	s.at++
	if s.peek() == ']' {
		s.at++
		return dst, nil
	}
	for i := 0; ; i++ {
		s.space()
		v, ok := s.float()
		if !ok {
			return dst, s.notFloat(field, i)
		}
		dst = append(dst, v)
		if s.at < len(s.data) && s.data[s.at] == ',' {
			s.at++
			continue
		}
		done, err := s.next(field, ']')
		if done || err != nil {
			return dst, err
		}
	}
}

// mostItems bounds what items answers, so that commas alone take no memory.
const mostItems = 1 << 16

// items is about how many elements a flat array has that begins here.
func (s *scanner) items() int {
	rest := s.data[s.at:]
	if end := bytes.IndexByte(rest, ']'); end >= 0 {
		rest = rest[:end]
	}
	return min(1+bytes.Count(rest, []byte{','}), mostItems)
}

func (s *scanner) notFloat(field string, i int) *Error {
	switch s.peek() {
	case '[':
		return unsupported(field, "a multi-vector")
	case 'n':
		return wrong(at(field, i), "null is not a number")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return wrong(at(field, i), "not a number that fits a finite float32")
	}
	return wrong(at(field, i), "not a finite number")
}
