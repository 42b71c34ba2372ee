package wire

import (
	"encoding/json"
	"slices"
)

// shape is what one value that is kept as it came must look like. The settings
// of parts that read their own options later are checked here all the same, so
// that a fault is told to whoever made it.
type shape struct {
	fields      fields   // an object of these
	words       []string // one of these
	least, most float64
	kind        shapeKind
	required    bool
}

type fields map[string]shape

type shapeKind uint8

const (
	anObject shapeKind = iota
	aWord
	aBool
	anInteger
	aNumber
	anything // read by whoever keeps it
)

const unbounded = 1 << 53

var (
	yesNo     = shape{kind: aBool}
	placement = shape{kind: aWord, words: []string{"cold", "cached", "pinned"}}
)

func oneWord(words ...string) shape { return shape{kind: aWord, words: words} }

func atLeast(n float64) shape { return shape{kind: anInteger, least: n, most: unbounded} }

func (sh shape) must() shape { sh.required = true; return sh }

// quantizations are the kinds of quantisation: exactly one is given.
var quantizations = fields{
	"scalar": {fields: fields{
		"type": oneWord("int8").must(), "always_ram": yesNo, "memory": placement,
		"quantile": {kind: aNumber, least: 0.5, most: 1},
	}},
	"product": {fields: fields{
		"compression": oneWord("x4", "x8", "x16", "x32", "x64").must(), "always_ram": yesNo, "memory": placement,
	}},
	"binary": {fields: fields{
		"always_ram": yesNo, "memory": placement, "encoding": oneWord("one_bit", "two_bits", "one_and_half_bits"),
		"query_encoding": oneWord("default", "binary", "scalar4bits", "scalar8bits"),
	}},
	"turbo": {fields: fields{
		"always_ram": yesNo, "memory": placement, "bits": oneWord("bits1", "bits1_5", "bits2", "bits4"),
	}},
}

var (
	walShape     = fields{"wal_capacity_mb": atLeast(1), "wal_segments_ahead": atLeast(0), "wal_retain_closed": atLeast(0)}
	payloadShape = fields{"memory": placement}
	acornShape   = fields{"enable": yesNo, "max_selectivity": {kind: aNumber, least: 0, most: 1}}
)

// indexShape are the options of a payload index, of whatever kind.
var indexShape = fields{
	"type":      oneWord("keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid").must(),
	"is_tenant": yesNo, "is_principal": yesNo, "on_disk": yesNo, "enable_hnsw": yesNo, "memory": placement,
	"prefix": yesNo, "lookup": yesNo, "range": yesNo,
	"tokenizer":     oneWord("prefix", "whitespace", "word", "multilingual"),
	"min_token_len": atLeast(0), "max_token_len": atLeast(0),
	"lowercase": yesNo, "ascii_folding": yesNo, "phrase_matching": yesNo,
	"stopwords": {kind: anything}, "stemmer": {kind: anything},
}

// shaped eats an object of the fields and keeps it as it is.
func (s *scanner) shaped(field string, f fields) (json.RawMessage, *Error) {
	s.space()
	start := s.at
	if err := s.value(field, shape{fields: f}); err != nil {
		return nil, err
	}
	return slices.Clone(s.data[start:s.at]), nil
}

// quantizationOf eats a configuration of exactly one kind.
func (s *scanner) quantizationOf(field string) (json.RawMessage, *Error) {
	kinds := 0
	before := s.at
	err := s.object(field, func(key string) *Error {
		if s.null() {
			return nil
		}
		if kinds++; kinds > 1 {
			return wrong(under(field, key), "a second kind of quantization")
		}
		kind, ok := quantizations[key]
		if !ok {
			return s.unknown(under(field, key))
		}
		return s.value(under(field, key), kind)
	})
	if err == nil && kinds == 0 {
		err = wrong(field, "expected one of scalar, product, binary and turbo")
	}
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.data[before:s.at]), nil
}

// value eats a value of the shape.
func (s *scanner) value(field string, sh shape) *Error {
	switch sh.kind {
	case aWord:
		_, err := s.word(field, sh.words...)
		return err
	case anything:
		_, err := s.raw(field)
		return err
	case aBool:
		_, err := s.boolean(field)
		return err
	case anInteger:
		n, err := s.count(field, int(sh.least))
		if err == nil && float64(n) > sh.most {
			err = bound(field, "value %d invalid, must be %v or smaller", n, sh.most)
		}
		return err
	case aNumber:
		v, err := s.finite(field)
		if err == nil && (float64(v) < sh.least || float64(v) > sh.most) {
			err = bound(field, "value %v invalid, must be from %v to %v", v, sh.least, sh.most)
		}
		return err
	}
	return s.fieldsOf(field, sh.fields)
}

func (s *scanner) fieldsOf(field string, f fields) *Error {
	var given []string
	err := s.object(field, func(key string) *Error {
		name := under(field, key)
		member, ok := f[key]
		switch {
		case s.null():
			return nil
		case !ok:
			return s.unknown(name)
		}
		given = append(given, key)
		return s.value(name, member)
	})
	if err != nil {
		return err
	}
	for key, member := range f {
		if member.required && !slices.Contains(given, key) {
			return wrong(under(field, key), "missing")
		}
	}
	return nil
}

// word eats one of the words of an enumeration.
func (s *scanner) word(field string, words ...string) (string, *Error) {
	text, err := s.text(field)
	if err == nil && !slices.Contains(words, text) {
		err = wrong(field, "%q is none of %q", text, words)
	}
	return text, err
}
