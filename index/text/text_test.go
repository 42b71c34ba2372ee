package text

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/index/filter"
)

func analyzer(t testing.TB, options string) *Analyzer {
	t.Helper()
	a, err := Parse([]byte(options))
	if err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	return a
}

func terms(tokens []filter.Token) string {
	var out []string
	for _, w := range tokens {
		out = append(out, w.Term)
	}
	return strings.Join(out, "|")
}

func TestWords(t *testing.T) {
	f := func(options, text, document, query string) {
		t.Helper()
		a := analyzer(t, `{"type":"text"`+options+`}`)
		if got := terms(a.Analyze(text, false)); got != document {
			t.Errorf("%s: document %q: %s, want %s", options, text, got, document)
		}
		if got := terms(a.Analyze(text, true)); got != query {
			t.Errorf("%s: query %q: %s, want %s", options, text, got, query)
		}
	}
	same := func(options, text, words string) { t.Helper(); f(options, text, words, words) }
	same(``, "Hello, World! foo_bar-baz", "hello|world|foo|bar|baz")
	same(``, "Привет мир", "привет|мир")
	same(``, "x½y ² ⅷ ⓐ _ ɑ١٢", "x½y|²|ⅷ|ⓐ|ɑ١٢")
	same(``, "", "")
	same(``, " ,.- ", "")
	same(``, "before\xffafter \uFFFDlast", "before|after|last")
	same(`,"lowercase":false`, "Hello WORLD", "Hello|WORLD")
	same(`,"tokenizer":"whitespace"`, "Hello, World!  foo_bar", "hello,|world!|foo_bar")
	same(`,"ascii_folding":true`, "Él naïve Straße İstanbul", "el|naive|strasse|istanbul")
	same(`,"min_token_len":2,"max_token_len":4`, "a bb ccc dddd eeeee 日本", "bb|ccc|dddd|日本")
	same(`,"stopwords":"english"`, "the cat and the hat", "cat|hat")
	same(`,"stopwords":{"languages":["english","german"],"custom":["CAT"]}`, "the cat und the dog", "dog")
	same(`,"stopwords":{"custom":["THE"]},"lowercase":false`, "The THE the", "The|the")
	same(`,"ascii_folding":true,"stopwords":{"custom":["el"]}`, "Él está", "esta")
	same(`,"stemmer":{"type":"snowball","language":"english"}`, "running runs runner", "run|run|runner")
	same(`,"stemmer":{"type":"snowball","language":"german"}`, "Häuser", "haus")
	same(`,"stemmer":{"type":"none"}`, "running", "running")
	same(`,"stemmer":{"type":"snowball","language":"english"},"stopwords":"english"`, "running the runs", "run|run")
	f(`,"tokenizer":"prefix"`, "Hey you", "h|he|hey|y|yo|you", "hey|you")
	f(`,"tokenizer":"prefix","min_token_len":3,"max_token_len":4`, "hello wo мир", "hel|hell|мир", "hell|мир")
	f(`,"tokenizer":"prefix","stopwords":{"custom":["the"]}`, "the then", "t|th|the|then", "the|then")
	f(`,"tokenizer":"multilingual"`, "Hello wide world", "hello|wide|world", "hello|wide|world")
	f(`,"tokenizer":"multilingual"`, "日本語 text", "日|日本|本|本語|語|text", "日本|本語|text")
	f(`,"tokenizer":"multilingual"`, "今 a 天", "今|a|天", "今|a|天")
	f(`,"tokenizer":"multilingual"`, "テキスト", "テ|テキ|キ|キス|ス|スト|ト", "テキ|キス|スト")
	f(`,"tokenizer":"multilingual","min_token_len":2`, "日本語", "日本|本語", "日本|本語")
}

func TestLongWordsAreCut(t *testing.T) {
	long := strings.Repeat("ä", 10_000)
	if got := analyzer(t, `{"type":"text"}`).Analyze(long, false); len(got) != 1 || got[0].Term != long[:2*LongestWord] {
		t.Errorf("%d words", len(got))
	}
	p := analyzer(t, `{"type":"text","tokenizer":"prefix"}`)
	document, query := p.Analyze(long, false), p.Analyze(long, true)
	if len(document) != LongestGram || len(query) != 1 || query[0].Term != document[LongestGram-1].Term {
		t.Errorf("%d starts, query %v", len(document), query)
	}
}

// TestPhrases: what a phrase finds, through the filter that asks it.
func TestPhrases(t *testing.T) {
	f := func(options, text, phrase string, want bool) {
		t.Helper()
		a := analyzer(t, `{"type":"text"`+options+`}`)
		payload, _ := json.Marshal(map[string]string{"t": text})
		condition, _ := json.Marshal(map[string]string{"phrase": phrase})
		parsed, err := filter.Parse([]byte(`{"must":{"key":"t","match":` + string(condition) + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		var d filter.Doc
		if err := d.Parse(payload); err != nil {
			t.Fatal(err)
		}
		bound := parsed.Bind(func(string) filter.Analyze { return a.Analyze })
		if got := bound.Match(&filter.Point{Doc: &d}); got != want {
			t.Errorf("%s: %q in %q: %v", options, phrase, text, got)
		}
	}
	const on = `,"phrase_matching":true`
	f(on, "Hello brave world", "hello BRAVE", true)
	f(on, "Hello brave world", "hello world", false)
	f(on, "Hello brave world", "brave hello", false)
	f(on, "Hello brave world", "world", true)
	f(on, "Hello", "", false)
	f(``, "Hello brave world", "hello brave", false) // the index keeps no places
	f(on, "a b a c", "a c", true)
	f(on, "a b a c", "a a", false)
	f(on, "a b a c", "b a c", true)
	f(on+`,"stopwords":{"custom":["the"]}`, "hello the world", "hello world", true)
	f(on+`,"stopwords":{"custom":["the"]}`, "hello world", "hello the world", true)
	f(on+`,"stopwords":{"custom":["the"]}`, "the", "the", false)
	f(on+`,"min_token_len":2,"max_token_len":4`, "a bb ccc dddd", "bb dddd", false)
	f(on+`,"tokenizer":"prefix"`, "hello brave world", "hel bra", true)
	f(on+`,"tokenizer":"prefix"`, "hello brave world", "bra hel", false)
	f(on+`,"tokenizer":"multilingual"`, "日本語 and 中国", "日本語 and", true)
	f(on+`,"tokenizer":"multilingual"`, "日本語 and 中国", "本 and", false)
	f(on+`,"tokenizer":"multilingual"`, "日本語 and 中国", "and 中", true)
	f(on+`,"tokenizer":"multilingual"`, "日本語 and 中国", "日語", false)
}

func TestOptions(t *testing.T) {
	f := func(options, want string) {
		t.Helper()
		got, err := json.Marshal(analyzer(t, options).Options())
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", options, got, err, want)
		}
		again, err := json.Marshal(analyzer(t, string(got)).Options())
		if err != nil || string(again) != want {
			t.Errorf("read again: %s, %v", again, err)
		}
	}
	f(`{"type":"text"}`, `{"type":"text","tokenizer":"word"}`)
	f(`{"type":"text","lowercase":null,"stopwords":null,"stemmer":null}`, `{"type":"text","tokenizer":"word"}`)
	f(`{"type":"text","tokenizer":"prefix","min_token_len":2,"lowercase":false,"on_disk":true,"memory":"cold","enable_hnsw":false}`,
		`{"type":"text","tokenizer":"prefix","min_token_len":2,"lowercase":false,"on_disk":true,"memory":"cold","enable_hnsw":false}`)
	f(`{"type":"text","stopwords":"german","stemmer":{"type":"none"}}`, `{"type":"text","tokenizer":"word","stopwords":"german","stemmer":{"type":"none"}}`)
	f(`{"type":"text","stopwords":{"languages":["german"],"custom":["x"]}}`, `{"type":"text","tokenizer":"word","stopwords":{"languages":["german"],"custom":["x"]}}`)

	refused := func(options, part string) {
		t.Helper()
		if _, err := Parse([]byte(options)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v, want an error with %q", options, err, part)
		}
	}
	refused(`{`, "field_schema: ")
	refused(`{"type":"keyword"}`, "field_schema.type: expected text")
	refused(`{"type":"text","tokeniser":"word"}`, "tokeniser")
	refused(`{"type":"text","tokenizer":"letters"}`, "field_schema.tokenizer: unknown tokenizer")
	refused(`{"type":"text","min_token_len":-1}`, "field_schema.min_token_len")
	refused(`{"type":"text","min_token_len":"1"}`, "min_token_len: expected int")
	refused(`{"type":"text","max_token_len":0}`, "field_schema.max_token_len: expected at least 1")
	refused(`{"type":"text","min_token_len":5,"max_token_len":2}`, "5 is more than max_token_len, 2")
	refused(`{"type":"text","memory":"hot"}`, "field_schema.memory: unknown placement")
	refused(`{"type":"text","stopwords":"klingon"}`, `field_schema.stopwords: no list of stop words for "klingon"`)
	refused(`{"type":"text","stopwords":{"languages":["chinese"]}}`, "give the words as custom")
	refused(`{"type":"text","stopwords":{"langs":[]}}`, "langs")
	refused(`{"type":"text","stemmer":{"type":"porter"}}`, "field_schema.stemmer.type")
	refused(`{"type":"text","stemmer":{"type":"snowball"}}`, "field_schema.stemmer.language")
	refused(`{"type":"text","stemmer":{"type":"snowball","language":"greek"}}`, "use arabic, danish")
}

// TestListsAreThere: every language that options may name does something.
func TestListsAreThere(t *testing.T) {
	for l := range stopLists {
		a := analyzer(t, `{"type":"text","stopwords":"`+l+`"}`)
		if n := len(a.options.stopWords()); n < 20 {
			t.Errorf("%s: %d stop words", l, n)
		}
	}
	for l := range stemmers {
		a := analyzer(t, `{"type":"text","stemmer":{"type":"snowball","language":"`+l+`"}}`)
		if got := a.Analyze("x", true); len(got) != 1 {
			t.Errorf("%s: %v", l, got)
		}
	}
}

// FuzzAnalyze: no text panics; a text finds itself, with every word.
func FuzzAnalyze(f *testing.F) {
	var all []*Analyzer
	for _, o := range []string{
		`{"type":"text","phrase_matching":true}`,
		`{"type":"text","tokenizer":"whitespace","ascii_folding":true,"stemmer":{"type":"snowball","language":"turkish"}}`,
		`{"type":"text","tokenizer":"prefix","min_token_len":2,"max_token_len":5,"stopwords":"english"}`,
		`{"type":"text","tokenizer":"multilingual","phrase_matching":true,"stemmer":{"type":"snowball","language":"english"}}`,
	} {
		all = append(all, analyzer(f, o))
	}
	for l := range stemmers {
		all = append(all, analyzer(f, `{"type":"text","lowercase":false,"stemmer":{"type":"snowball","language":"`+l+`"}}`))
	}
	f.Add("Hello, wörld! 日本語テキスト x½y")
	f.Add("a\xffb \uFFFD ÅΣς İ")
	f.Add("running 'tis l'été يكتبون")
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range all {
			document, query := a.Analyze(text, false), a.Analyze(text, true)
			if a.options.Stopwords != nil {
				continue // a query is cut without them
			}
			for _, w := range query {
				if !slices.ContainsFunc(document, func(d filter.Token) bool { return d == w }) {
					t.Fatalf("%v: query word %v is not in %v", a.options, w, document)
				}
			}
			for i := 1; i < len(document); i++ {
				if document[i].Position < document[i-1].Position {
					t.Fatalf("positions fall: %v", document)
				}
			}
		}
	})
}

func BenchmarkAnalyze(b *testing.B) {
	a := analyzer(b, `{"type":"text","phrase_matching":true,"stemmer":{"type":"snowball","language":"english"}}`)
	b.ReportAllocs()
	for b.Loop() {
		a.Analyze("The quick brown fox jumps over the lazy dog, and runs away", false)
	}
}
