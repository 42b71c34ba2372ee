package payload

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// values that meet at the edges: equal as numbers and not as text, beyond 2⁵³,
// of another type than the index.
var values = []string{
	`"a"`, `"b"`, `""`, `"ü"`, `"1"`, `1`, `2`, `-3`, `1.0`, `1.5`, `-0.0`, `0`, `1e300`, `-1e300`,
	`9007199254740993`, `9007199254740992`, `-9223372036854775808`, `true`, `false`, `null`,
	`["a","b"]`, `[1,2,1]`, `[]`, `[true,"a",1.5]`, `{"x":1}`, `[{"x":"a"},{"x":2}]`,
}

var fields = []string{"k", "i", "f", "b", "o.x", "l[].x"}

func drawPayload(t *rapid.T) []byte {
	out := map[string]json.RawMessage{}
	for _, key := range []string{"k", "i", "f", "b", "o", "l"} {
		if rapid.Bool().Draw(t, "has "+key) {
			out[key] = json.RawMessage(rapid.SampledFrom(values).Draw(t, key))
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func drawCondition(t *rapid.T, deep int) string {
	key := rapid.SampledFrom(fields).Draw(t, "key")
	scalar := rapid.SampledFrom([]string{`"a"`, `"b"`, `""`, `"1"`, `1`, `2`, `0`, `-3`, `true`, `false`, `9007199254740993`})
	switch rapid.IntRange(0, 5+deep).Draw(t, "condition") {
	case 0, 1:
		return fmt.Sprintf(`{"key":%q,"match":{"value":%s}}`, key, scalar.Draw(t, "value"))
	case 2:
		return fmt.Sprintf(`{"key":%q,"match":{"any":%s}}`, key, rapid.SampledFrom([]string{`["a","b"]`, `[1,2,0]`, `[]`}).Draw(t, "any"))
	case 3:
		return fmt.Sprintf(`{"key":%q,"match":{"except":%s}}`, key, rapid.SampledFrom([]string{`["a"]`, `[1]`}).Draw(t, "except"))
	case 4:
		bounds := rapid.SampledFrom([]string{`"gte":0`, `"gt":1`, `"lt":1.5`, `"lte":1`, `"gt":-1e308`, `"gte":1,"lt":2`, `"lt":9007199254740993`, `"gt":2,"lt":1`}).Draw(t, "range")
		return fmt.Sprintf(`{"key":%q,"range":{%s}}`, key, bounds)
	case 5:
		return fmt.Sprintf(`{"has_id":[%d,%d]}`, rapid.IntRange(0, 30).Draw(t, "id"), rapid.IntRange(0, 30).Draw(t, "id"))
	default:
		return drawFilter(t, deep-1)
	}
}

func drawFilter(t *rapid.T, deep int) string {
	a, b := drawCondition(t, deep), drawCondition(t, deep)
	shape := rapid.SampledFrom([]string{
		`{"must":[%s,%s]}`, `{"should":[%s,%s]}`, `{"must":%s,"must_not":[%s]}`, `{"must_not":[%s,%s]}`,
		`{"must":[%s],"should":[%s]}`, `{"min_should":{"conditions":[%s,%s],"min_count":1}}`,
	}).Draw(t, "shape")
	return fmt.Sprintf(shape, a, b)
}

// world is indexes and what they index.
type world struct {
	x        *Indexes
	payloads map[index.Slot][]byte
	live     *index.Set
}

func (w *world) set(t *rapid.T, slot index.Slot, fresh []byte) {
	err := w.x.Diff(slot, w.payloads[slot], fresh, func(row []byte, add bool) {
		if add {
			w.x.Put(row, slot)
		} else {
			w.x.Remove(row, slot)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	e := w.live.Edit()
	e.Remove(slot)
	delete(w.payloads, slot)
	if fresh != nil {
		e.Add(slot)
		w.payloads[slot] = fresh
	}
	w.live = e.Done()
}

func (w *world) resolve(id point.ID) (index.Slot, bool) {
	_, ok := w.payloads[index.Slot(id.Uint64())]
	return index.Slot(id.Uint64()), ok
}

func (w *world) matching(t *rapid.T, f *filter.Filter) *index.Set {
	e := (*index.Set)(nil).Edit()
	var doc filter.Doc
	for slot, text := range w.payloads {
		if err := doc.Parse(text); err != nil {
			t.Fatal(err)
		}
		if f.Match(&filter.Point{ID: point.Number(uint64(slot)), Doc: &doc}) {
			e.Add(slot)
		}
	}
	return e.Done()
}

func equal(a, b *index.Set) bool {
	return a.Len() == b.Len() && a.AndNot(b).Len() == 0
}

func draw(t *rapid.T) *world {
	w := &world{x: New(), payloads: map[index.Slot][]byte{}}
	kinds := []string{`"keyword"`, `"integer"`, `"float"`, `{"type":"bool"}`}
	for _, field := range fields {
		if !rapid.Bool().Draw(t, "index "+field) {
			continue
		}
		s, err := ParseSchema(field, []byte(rapid.SampledFrom(kinds).Draw(t, "kind")))
		if err != nil {
			t.Fatal(err)
		}
		w.x.Add(s)
	}
	for range rapid.IntRange(1, 40).Draw(t, "writes") {
		slot := index.Slot(rapid.IntRange(0, 30).Draw(t, "slot"))
		if rapid.IntRange(0, 5).Draw(t, "delete") == 0 {
			w.set(t, slot, nil)
			continue
		}
		w.set(t, slot, drawPayload(t))
	}
	return w
}

// What indexes say agrees with the filter evaluated on every payload.
func TestIndexesAgreeWithMatch(t *testing.T) {
	decided := 0
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		for range 4 {
			text := drawFilter(t, 1)
			f, err := filter.Parse([]byte(text))
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			want := w.matching(t, f)
			if set, ok := w.x.Exact(f, w.live, w.resolve); ok {
				decided++
				if !equal(set, want) {
					t.Fatalf("%s: exact set has %d slots, %d match", text, set.Len(), want.Len())
				}
			}
			if set, ok := w.x.Candidates(f, w.live, w.resolve); ok && want.AndNot(set).Len() > 0 {
				t.Fatalf("%s: a match is no candidate", text)
			}
			if e := w.x.Estimate(f, w.live.Len()); want.Len() < e.Min || want.Len() > e.Max {
				t.Fatalf("%s: %d match, estimated %+v", text, want.Len(), e)
			}
		}
	})
	if decided == 0 {
		t.Error("no filter was ever decided by the indexes")
	}
}

// Indexes after any history are those that loading the rows anew gives.
func TestHistoryLeavesNoTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		fresh := &world{x: New(), payloads: map[index.Slot][]byte{}}
		for _, s := range w.x.Schemas() {
			fresh.x.Add(s)
		}
		for slot, text := range w.payloads {
			fresh.set(t, slot, text)
		}
		for name, f := range w.x.fields {
			g := fresh.x.fields[name]
			if f.terms.Len() != g.terms.Len() || f.huge != g.huge || w.x.Points(name) != fresh.x.Points(name) {
				t.Fatalf("index %s: %d terms, %d huge; want %d, %d", name, f.terms.Len(), f.huge, g.terms.Len(), g.huge)
			}
		}
	})
}

func TestUnknownKindsAreNamed(t *testing.T) {
	for _, text := range []string{`"nonsense"`, `"geo"`, `{}`, `7`, `{"type":`, `null`} {
		if _, err := ParseSchema("a", []byte(text)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
	if _, err := ParseSchema("a[", []byte(`"keyword"`)); err == nil {
		t.Error("a path that does not parse was accepted")
	}
}
