package filter

import (
	"strings"

	"github.com/valyala/fastjson"
)

func newText(kind TextKind, query string) *Text {
	t := &Text{Kind: kind, Query: query, words: []string{query}}
	if kind == AnyWord {
		t.words = strings.Fields(query)
	}
	return t
}

// bind is a copy of the condition that cuts text with a; nil: for substrings.
func (t *Text) bind(a Analyze) *Text {
	out := *t
	out.Analyze, out.tokens = a, nil
	if a != nil {
		out.tokens = a(t.Query, true)
	}
	return &out
}

// match evaluates the condition on the strings that a path leads to.
func (t *Text) match(key Path, v *fastjson.Value) bool {
	switch {
	case t.Analyze == nil:
		return key.strings(v, t.substring)
	case len(t.tokens) == 0:
		return false
	case t.Kind == Phrase:
		return key.strings(v, func(s string) bool { return t.phrase(t.Analyze(s, false)) })
	case t.Kind == AnyWord:
		return key.strings(v, func(s string) bool { return t.anyOf(t.Analyze(s, false)) })
	}
	return t.all(key, v)
}

// strings calls f for every string that a condition on the path compares, until
// f returns true. The string is valid during the call.
func (p Path) strings(v *fastjson.Value, f func(string) bool) bool {
	return p.scalars(v, func(x *fastjson.Value) bool {
		return x.Type() == fastjson.TypeString && f(text(x))
	})
}

func (t *Text) substring(s string) bool {
	for _, w := range t.words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// all seeks every word of the query, in all strings of the field together.
func (t *Text) all(key Path, v *fastjson.Value) bool {
	missing := make(map[string]struct{}, len(t.tokens))
	for _, w := range t.tokens {
		missing[w.Term] = struct{}{}
	}
	return key.strings(v, func(s string) bool {
		for _, w := range t.Analyze(s, false) {
			delete(missing, w.Term)
		}
		return len(missing) == 0
	})
}

func (t *Text) anyOf(doc []Token) bool {
	for _, w := range doc {
		for _, q := range t.tokens {
			if q.Term == w.Term {
				return true
			}
		}
	}
	return false
}

// phrase seeks the query's words in the same distances to each other.
func (t *Text) phrase(doc []Token) bool {
	at := make(map[string][]int, len(doc))
	for _, w := range doc {
		if w.Position >= 0 {
			at[w.Term] = append(at[w.Term], w.Position)
		}
	}
	first := t.tokens[0]
	for _, start := range at[first.Term] {
		if t.phraseAt(at, start-first.Position) {
			return true
		}
	}
	return false
}

func (t *Text) phraseAt(at map[string][]int, shift int) bool {
	for _, q := range t.tokens {
		found := false
		for _, p := range at[q.Term] {
			found = found || p == q.Position+shift
		}
		if !found {
			return false
		}
	}
	return true
}
