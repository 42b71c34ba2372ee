package text

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/kithdb/kith/index/filter"
)

// TestEngineAgrees: testdata/engine.json holds what the contract's engine found
// with text indexes; tools/clients/words.py asked it.
func TestEngineAgrees(t *testing.T) {
	var asked struct {
		Texts []json.RawMessage
		Cases []struct {
			Options json.RawMessage
			Queries []struct {
				Match json.RawMessage
				Found []int
			}
		}
	}
	file, err := os.ReadFile("testdata/engine.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &asked); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range asked.Cases {
		a := analyzer(t, string(c.Options))
		for _, q := range c.Queries {
			n++
			if got := find(t, a, q.Match, asked.Texts); !slices.Equal(got, q.Found) {
				t.Errorf("%s: %s finds %v, the engine %v", c.Options, q.Match, show(got, asked.Texts), show(q.Found, asked.Texts))
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d queries in the file", n)
	}
}

func find(t *testing.T, a *Analyzer, match json.RawMessage, texts []json.RawMessage) []int {
	t.Helper()
	f, err := filter.Parse([]byte(`{"must":{"key":"t","match":` + string(match) + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	f = f.Bind(func(string) filter.Analyze { return a.Analyze })
	out := []int{}
	var d filter.Doc
	for i, text := range texts {
		if err := d.Parse([]byte(`{"t":` + string(text) + `}`)); err != nil {
			t.Fatal(err)
		}
		if f.Match(&filter.Point{Doc: &d}) {
			out = append(out, i)
		}
	}
	return out
}

func show(found []int, texts []json.RawMessage) (out []string) {
	for _, i := range found {
		out = append(out, string(texts[i]))
	}
	return out
}
