// Package text cuts the strings of a text index into words, and the text of a
// condition likewise: the contract's TextIndexParams, made of Bleve's tokenizers,
// filters, stemmers and stop words. It holds no postings.
//
// Why not Bleve's own index: a posting must become visible with the point that
// it belongs to, in the same batch, be in the same snapshot, and die with the
// same crash. A segment store of its own beside Pebble could promise none of
// that, nor give index/payload the bitmaps that it combines with those of other
// fields. So the words are terms of index/payload, rows like those of every
// other payload index, and Bleve does what is hard about words. Scoring (BM25)
// is not part of this room yet.
//
// Stored words must be what a condition's text is cut into, on every replica:
// a version of Bleve or Unicode that cuts otherwise needs the indexes rebuilt.
// testdata/engine.json notices when one does.
//
// Who calls: index/payload, for the words of documents and conditions. An
// Analyzer never changes; any number of goroutines may use it. It takes memory
// in proportion to the text, at most LongestGram times as much with the prefix
// tokenizer, and never panics whatever the text is.
package text

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/char/asciifolding"
	"github.com/blevesearch/bleve/v2/analysis/lang/cjk"
	"github.com/blevesearch/bleve/v2/analysis/token/edgengram"
	"github.com/blevesearch/bleve/v2/analysis/token/length"
	"github.com/blevesearch/bleve/v2/analysis/token/lowercase"
	"github.com/blevesearch/bleve/v2/analysis/token/stop"
	"github.com/blevesearch/bleve/v2/analysis/token/truncate"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/character"
	bleveunicode "github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"

	"github.com/kithdb/kith/index/filter"
)

const (
	// LongestWord is where a word is cut, in characters: it becomes part of a key.
	LongestWord = 256
	// LongestGram is the longest start of a word that the prefix tokenizer keeps
	// when max_token_len does not say less: each start is a term of its own.
	LongestGram = 64
)

// Analyzer cuts text as one set of options says.
type Analyzer struct {
	options   Options
	tokenizer analysis.Tokenizer
	document  []analysis.TokenFilter
	query     []analysis.TokenFilter
}

// New makes the analyzer of checked options, such as Parse answers.
func New(o Options) *Analyzer {
	a := &Analyzer{options: o, tokenizer: tokenizer(o.Tokenizer)}
	var fold, stops, rest []analysis.TokenFilter
	if o.Tokenizer == Multilingual {
		fold = append(fold, cjk.NewCJKBigramFilter(true))
	}
	fold = append(fold, truncate.NewTruncateTokenFilter(LongestWord))
	if o.folds() {
		fold = append(fold, folding{asciifolding.New()})
	}
	if o.lowers() {
		fold = append(fold, lowercase.NewLowerCaseFilter())
	}
	if words := o.stopWords(); len(words) > 0 {
		stops = append(stops, stop.NewStopTokensFilter(words))
	}
	if o.Stemmer != nil && o.Stemmer.Type == snowballType {
		rest = append(rest, stemming{stemmers[o.Stemmer.Language]})
	}
	least, most := o.lengths()
	bounds := length.NewLengthFilter(least, most)
	if o.Tokenizer != Prefix {
		a.document = chain(fold, stops, rest, []analysis.TokenFilter{bounds})
		a.query = a.document
		return a
	}
	a.document = chain(fold, stops, rest, []analysis.TokenFilter{grams{max(least, 1), most}, bounds})
	// A query may stop within a word: what is typed so far may look like a stop word.
	a.query = chain(fold, rest, []analysis.TokenFilter{truncate.NewTruncateTokenFilter(most), bounds})
	return a
}

func chain(parts ...[]analysis.TokenFilter) (out []analysis.TokenFilter) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// Options are the analyzer's, as they were given and with defaults filled in.
func (a *Analyzer) Options() Options { return a.options }

// Analyze is a filter.Analyze.
func (a *Analyzer) Analyze(text string, query bool) []filter.Token {
	// Bleve's tokenizers stop at what is no UTF-8, and its filters write into the text.
	clean := []byte(strings.ReplaceAll(strings.ToValidUTF8(text, " "), "\uFFFD", " "))
	stream := a.tokenizer.Tokenize(clean)
	filters := a.document
	if query {
		filters = a.query
	}
	for _, f := range filters {
		stream = f.Filter(stream)
	}
	out := a.tokens(stream)
	if query && a.options.Tokenizer == Multilingual {
		out = withoutSingles(stream, out)
	}
	return out
}

// tokens numbers the places that are left, without gaps: a phrase reads over
// stop words.
func (a *Analyzer) tokens(stream analysis.TokenStream) []filter.Token {
	out := make([]filter.Token, 0, len(stream))
	place, last := -1, -1
	for _, t := range stream {
		if len(t.Term) == 0 {
			continue
		}
		if t.Position != last {
			place, last = place+1, t.Position
		}
		position := place
		if !a.options.phrases() {
			position = -1
		}
		out = append(out, filter.Token{Term: string(t.Term), Position: position})
	}
	return out
}

// withoutSingles takes out of a query the single ideographs that a pair of them
// covers: the pair says more.
func withoutSingles(stream analysis.TokenStream, tokens []filter.Token) []filter.Token {
	starts, ends := map[int]bool{}, map[int]bool{}
	for _, t := range stream {
		if t.Type == analysis.Double {
			starts[t.Start], ends[t.End] = true, true
		}
	}
	out, i := tokens[:0], 0
	for _, t := range stream {
		if len(t.Term) == 0 {
			continue
		}
		if t.Type != analysis.Single || !starts[t.Start] && !ends[t.End] {
			out = append(out, tokens[i])
		}
		i++
	}
	return out
}

func tokenizer(kind string) analysis.Tokenizer {
	switch kind {
	case Whitespace:
		return character.NewCharacterTokenizer(func(r rune) bool { return !unicode.IsSpace(r) })
	case Multilingual:
		return bleveunicode.NewUnicodeTokenizer()
	}
	return character.NewCharacterTokenizer(isWordRune)
}

// isWordRune is Unicode's "alphabetic or numeric", on which the contract's
// engine splits.
func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) ||
		r > unicode.MaxLatin1 && unicode.In(r, unicode.Other_Alphabetic, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

// folding applies Bleve's folding of characters word by word.
type folding struct {
	f *asciifolding.AsciiFoldingFilter
}

// Filter implements analysis.TokenFilter.
func (f folding) Filter(in analysis.TokenStream) analysis.TokenStream {
	for _, t := range in {
		if bytes.ContainsFunc(t.Term, func(r rune) bool { return r > unicode.MaxASCII }) {
			t.Term = f.f.Filter(t.Term)
		}
	}
	return in
}

// grams makes every start of a word from least to most characters.
type grams struct{ least, most int }

// Filter implements analysis.TokenFilter.
func (g grams) Filter(in analysis.TokenStream) analysis.TokenStream {
	longest := 0
	for _, t := range in {
		longest = max(longest, len(t.Term))
	}
	return edgengram.NewEdgeNgramFilter(edgengram.FRONT, g.least, min(g.most, longest)).Filter(in)
}
