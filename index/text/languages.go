package text

import (
	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/lang/ar"
	"github.com/blevesearch/bleve/v2/analysis/lang/ca"
	"github.com/blevesearch/bleve/v2/analysis/lang/da"
	"github.com/blevesearch/bleve/v2/analysis/lang/de"
	"github.com/blevesearch/bleve/v2/analysis/lang/el"
	"github.com/blevesearch/bleve/v2/analysis/lang/en"
	"github.com/blevesearch/bleve/v2/analysis/lang/es"
	"github.com/blevesearch/bleve/v2/analysis/lang/eu"
	"github.com/blevesearch/bleve/v2/analysis/lang/fi"
	"github.com/blevesearch/bleve/v2/analysis/lang/fr"
	"github.com/blevesearch/bleve/v2/analysis/lang/hu"
	"github.com/blevesearch/bleve/v2/analysis/lang/id"
	"github.com/blevesearch/bleve/v2/analysis/lang/it"
	"github.com/blevesearch/bleve/v2/analysis/lang/nl"
	"github.com/blevesearch/bleve/v2/analysis/lang/no"
	"github.com/blevesearch/bleve/v2/analysis/lang/pt"
	"github.com/blevesearch/bleve/v2/analysis/lang/ro"
	"github.com/blevesearch/bleve/v2/analysis/lang/ru"
	"github.com/blevesearch/bleve/v2/analysis/lang/sv"
	"github.com/blevesearch/bleve/v2/analysis/lang/tr"
	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/arabic"
	"github.com/blevesearch/snowballstem/danish"
	"github.com/blevesearch/snowballstem/dutch"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/finnish"
	"github.com/blevesearch/snowballstem/french"
	"github.com/blevesearch/snowballstem/german"
	"github.com/blevesearch/snowballstem/hungarian"
	"github.com/blevesearch/snowballstem/italian"
	"github.com/blevesearch/snowballstem/norwegian"
	"github.com/blevesearch/snowballstem/portuguese"
	"github.com/blevesearch/snowballstem/romanian"
	"github.com/blevesearch/snowballstem/russian"
	"github.com/blevesearch/snowballstem/spanish"
	"github.com/blevesearch/snowballstem/swedish"
	"github.com/blevesearch/snowballstem/tamil"
	"github.com/blevesearch/snowballstem/turkish"
)

// stopLists are the stop words that Bleve has of the contract's languages. It
// has none of Azerbaijani, Bengali, Chinese, Hebrew, Hinglish, Japanese, Kazakh,
// Nepali, Slovene and Tajik.
var stopLists = map[string][]byte{
	"arabic": ar.ArabicStopWords, "basque": eu.BasqueStopWords, "catalan": ca.CatalanStopWords,
	"danish": da.DanishStopWords, "dutch": nl.DutchStopWords, "english": en.EnglishStopWords,
	"finnish": fi.FinnishStopWords, "french": fr.FrenchStopWords, "german": de.GermanStopWords,
	"greek": el.GreekStopWords, "hungarian": hu.HungarianStopWords, "indonesian": id.IndonesianStopWords,
	"italian": it.ItalianStopWords, "norwegian": no.NorwegianStopWords, "portuguese": pt.PortugueseStopWords,
	"romanian": ro.RomanianStopWords, "russian": ru.RussianStopWords, "spanish": es.SpanishStopWords,
	"swedish": sv.SwedishStopWords, "turkish": tr.TurkishStopWords,
}

// stemmers are the Snowball stemmers that Bleve's library has of the contract's
// languages: all but Armenian and Greek.
var stemmers = map[string]func(*snowballstem.Env) bool{
	"arabic": arabic.Stem, "danish": danish.Stem, "dutch": dutch.Stem, "english": english.Stem,
	"finnish": finnish.Stem, "french": french.Stem, "german": german.Stem, "hungarian": hungarian.Stem,
	"italian": italian.Stem, "norwegian": norwegian.Stem, "portuguese": portuguese.Stem,
	"romanian": romanian.Stem, "russian": russian.Stem, "spanish": spanish.Stem, "swedish": swedish.Stem,
	"tamil": tamil.Stem, "turkish": turkish.Stem,
}

// stemming reduces words with one of the stemmers.
type stemming struct{ stem func(*snowballstem.Env) bool }

// Filter implements analysis.TokenFilter.
func (s stemming) Filter(in analysis.TokenStream) analysis.TokenStream {
	for _, t := range in {
		env := snowballstem.NewEnv(string(t.Term))
		s.stem(env)
		t.Term = []byte(env.Current())
	}
	return in
}
