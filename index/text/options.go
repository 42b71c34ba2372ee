package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/blevesearch/bleve/v2/analysis"

	"github.com/kithdb/kith/index/filter"
)

// The contract's tokenizers.
const (
	Word         = "word"       // splits on what is neither letter nor digit
	Whitespace   = "whitespace" // splits on space
	Prefix       = "prefix"     // word, and every start of each word
	Multilingual = "multilingual"
)

// Options is the contract's TextIndexParams. Nil fields were not given.
type Options struct {
	Type           string     `json:"type"` // "text"
	Tokenizer      string     `json:"tokenizer"`
	MinTokenLen    *int       `json:"min_token_len,omitempty"` // characters, after everything else
	MaxTokenLen    *int       `json:"max_token_len,omitempty"`
	Lowercase      *bool      `json:"lowercase,omitempty"`       // default true
	ASCIIFolding   *bool      `json:"ascii_folding,omitempty"`   // default false
	PhraseMatching *bool      `json:"phrase_matching,omitempty"` // default false
	Stopwords      *Stopwords `json:"stopwords,omitempty"`
	OnDisk         *bool      `json:"on_disk,omitempty"`
	Memory         string     `json:"memory,omitempty"`
	Stemmer        *Stemmer   `json:"stemmer,omitempty"`
	EnableHNSW     *bool      `json:"enable_hnsw,omitempty"`
}

// Stopwords are words that are not looked at: the lists of languages and the
// user's own.
type Stopwords struct {
	Languages []string `json:"languages,omitempty"`
	Custom    []string `json:"custom,omitempty"`
	name      string   // given as the name of one language
}

// MarshalJSON writes the form in which the words were given.
func (s *Stopwords) MarshalJSON() ([]byte, error) {
	if s.name != "" {
		return json.Marshal(s.name)
	}
	type plain Stopwords
	return json.Marshal((*plain)(s))
}

// UnmarshalJSON reads the name of a language, or an object.
func (s *Stopwords) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &s.name) == nil && s.name != "" {
		s.Languages = []string{s.name}
		return nil
	}
	return members("stopwords", text, map[string]any{"languages": &s.Languages, "custom": &s.Custom})
}

// members decodes an object of strings and lists of strings.
func members(field string, text []byte, into map[string]any) error {
	var given map[string]json.RawMessage
	if json.Unmarshal(text, &given) != nil {
		return wrong(field, "expected an object, got %s", text)
	}
	for key, value := range given {
		at := field + "." + key
		switch to := into[key].(type) {
		case nil:
			return wrong(at, "unknown option: use %s", names(into))
		case *string:
			if json.Unmarshal(value, to) != nil {
				return wrong(at, "expected a string, got %s", value)
			}
		case *[]string:
			if err := list(at, value, to); err != nil {
				return err
			}
		}
	}
	return nil
}

func list(field string, text []byte, to *[]string) error {
	var given []json.RawMessage
	if json.Unmarshal(text, &given) != nil {
		return wrong(field, "expected a list of strings, got %s", text)
	}
	for i, value := range given {
		var s *string
		if json.Unmarshal(value, &s) != nil || s == nil {
			return wrong(fmt.Sprintf("%s[%d]", field, i), "expected a string, got %s", value)
		}
		*to = append(*to, *s)
	}
	return nil
}

// Stemmer reduces words to their stems.
type Stemmer struct {
	Type     string `json:"type"` // "snowball" or "none"
	Language string `json:"language,omitempty"`
}

// UnmarshalJSON reads an object of a type and a language.
func (s *Stemmer) UnmarshalJSON(text []byte) error {
	return members("stemmer", text, map[string]any{"type": &s.Type, "language": &s.Language})
}

const snowballType = "snowball"

// Parse reads TextIndexParams. The error is a *filter.Error naming the field.
func Parse(options []byte) (*Analyzer, error) {
	o := Options{Tokenizer: Word}
	if err := strict(options, &o); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return New(o), nil
}

// strict decodes the whole of the options. Its errors are *filter.Error.
func strict(text []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	known, bad := (*filter.Error)(nil), (*json.UnmarshalTypeError)(nil)
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &bad):
		return wrong(bad.Field, "expected %s, got %s", bad.Type, bad.Value)
	}
	return wrong("", "%v", err)
}

func wrong(field, format string, args ...any) error {
	return &filter.Error{Field: strings.TrimSuffix("field_schema."+field, "."), Problem: fmt.Sprintf(format, args...)}
}

func (o *Options) check() error {
	least, most := o.MinTokenLen, o.MaxTokenLen
	switch {
	case o.Type != "text":
		return wrong("type", "expected text, got %q", o.Type)
	case !slices.Contains([]string{Word, Whitespace, Prefix, Multilingual}, o.Tokenizer):
		return wrong("tokenizer", "unknown tokenizer %q: use word, whitespace, prefix or multilingual", o.Tokenizer)
	case least != nil && *least < 0:
		return wrong("min_token_len", "expected an unsigned integer, got %d", *least)
	case most != nil && *most < 1:
		return wrong("max_token_len", "expected at least 1, got %d: no word is shorter", *most)
	case least != nil && most != nil && *least > *most:
		return wrong("min_token_len", "%d is more than max_token_len, %d: no word would be left", *least, *most)
	case !slices.Contains([]string{"", "cold", "cached", "pinned"}, o.Memory):
		return wrong("memory", "unknown placement %q: use cold, cached or pinned", o.Memory)
	}
	if err := o.Stopwords.check(); err != nil {
		return err
	}
	return o.Stemmer.check()
}

func (s *Stopwords) check() error {
	if s == nil {
		return nil
	}
	for i, l := range s.Languages {
		if _, ok := stopLists[l]; !ok {
			field := "stopwords"
			if s.name == "" {
				field = fmt.Sprintf("stopwords.languages[%d]", i)
			}
			return wrong(field, "no list of stop words for %q here: give the words as custom, or use %s", l, names(stopLists))
		}
	}
	return nil
}

func (s *Stemmer) check() error {
	switch {
	case s == nil || s.Type == "none":
		return nil
	case s.Type != snowballType:
		return wrong("stemmer.type", "unknown stemmer %q: use snowball or none", s.Type)
	case stemmers[s.Language] == nil:
		return wrong("stemmer.language", "no snowball stemmer for %q here: use %s", s.Language, names(stemmers))
	}
	return nil
}

func names[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }

func (o *Options) lowers() bool  { return o.Lowercase == nil || *o.Lowercase }
func (o *Options) folds() bool   { return o.ASCIIFolding != nil && *o.ASCIIFolding }
func (o *Options) phrases() bool { return o.PhraseMatching != nil && *o.PhraseMatching }

// lengths are the bounds of a word in characters; 0 is none.
func (o *Options) lengths() (least, most int) {
	if o.MinTokenLen != nil {
		least = *o.MinTokenLen
	}
	if o.MaxTokenLen != nil {
		most = *o.MaxTokenLen
	}
	if o.Tokenizer == Prefix && (most == 0 || most > LongestGram) {
		most = LongestGram
	}
	return least, most
}

// stopWords is every word to leave out, as the filters before have made it.
func (o *Options) stopWords() analysis.TokenMap {
	words := analysis.NewTokenMap()
	if o.Stopwords == nil {
		return words
	}
	for _, l := range o.Stopwords.Languages {
		// The lists are constants of Bleve; loading them cannot fail.
		_ = words.LoadBytes(stopLists[l])
	}
	for _, w := range o.Stopwords.Custom {
		if o.lowers() {
			w = strings.ToLower(w)
		}
		words.AddToken(w)
	}
	return words
}
