package payload

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/btree"
	"pgregory.net/rapid"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// drawn are values that meet at the edges: equal as numbers and not as text, beyond 2⁵³,
// of another type than the index.
var drawn = []string{
	`"a"`, `"b"`, `""`, `"ü"`, `"a\u0000\u0000\u0000\u0005"`, `"a\u0000\u0000\u0000\u0005b"`, `["a","a\u0000\u0000\u0000\u0009"]`, `"1"`, `1`, `2`, `-3`, `1.0`, `1.5`, `-0.0`, `0`, `1e300`, `-1e300`,
	`9007199254740993`, `9007199254740992`, `-9223372036854775808`, `true`, `false`, `null`,
	`["a","b"]`, `[1,2,1]`, `[]`, `[true,"a",1.5]`, `{"x":1}`, `[{"x":"a"},{"x":2}]`, `[null]`, `[null,"a"]`, `[[1],2]`,
	`"2024-05-01T10:00:00Z"`, `"2024-05-01"`, `["2024-05-02","a"]`, `"A quick brown fox"`, `["brown","quick dog"]`,
	`{"lon":13.4,"lat":52.5}`, `[{"lon":-179.9,"lat":10},{"lon":179.9,"lat":10}]`, `{"lon":0,"lat":91}`, `9007199254740993.5`,
	`12345678901234567890`, `-12345678901234567890`, `"550e8400-e29b-41d4-a716-446655440000"`,
}

var fields = []string{"k", "i", "f", "b", "o.x", "l[].x", "l"}

func drawPayload(t *rapid.T) []byte {
	out := map[string]json.RawMessage{}
	for _, key := range []string{"k", "i", "f", "b", "o", "l"} {
		if rapid.Bool().Draw(t, "has "+key) {
			out[key] = json.RawMessage(rapid.SampledFrom(drawn).Draw(t, key))
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
	switch rapid.IntRange(0, 15+deep).Draw(t, "condition") {
	case 0, 1:
		return fmt.Sprintf(`{"key":%q,"match":{"value":%s}}`, key, scalar.Draw(t, "value"))
	case 2:
		return fmt.Sprintf(`{"key":%q,"match":{"any":%s}}`, key, rapid.SampledFrom([]string{`["a","b"]`, `[1,2,0]`, `[]`}).Draw(t, "any"))
	case 3:
		return fmt.Sprintf(`{"key":%q,"match":{"except":%s}}`, key, rapid.SampledFrom([]string{`["a"]`, `[1]`, `[]`}).Draw(t, "except"))
	case 4:
		bounds := rapid.SampledFrom([]string{`"gte":0`, `"gt":1`, `"lt":1.5`, `"lte":1`, `"gt":-1e308`, `"gte":1,"lt":2`, `"lt":9007199254740993`, `"gt":2,"lt":1`,
			`"gt":9007199254740992`, `"lte":9007199254740994`, `"gte":-9223372036854775808`, `"lt":-9223372036854775808`, `"gte":9223372036854775807`, `"gte":-0.0,"lte":0`}).Draw(t, "range")
		return fmt.Sprintf(`{"key":%q,"range":{%s}}`, key, bounds)
	case 5:
		return fmt.Sprintf(`{"has_id":[%d,%d]}`, rapid.IntRange(0, 30).Draw(t, "id"), rapid.IntRange(0, 30).Draw(t, "id"))
	case 6:
		bounds := rapid.SampledFrom([]string{`"gte":"2024-05-01"`, `"gt":"2024-05-01T00:00:00Z"`, `"lt":"2024-05-02"`, `"lte":"2024-05-01T10:00:00Z"`}).Draw(t, "time")
		return fmt.Sprintf(`{"key":%q,"range":{%s}}`, key, bounds)
	case 7:
		return fmt.Sprintf(`{"key":%q,"match":{%s}}`, key, rapid.SampledFrom([]string{`"text":"quick"`, `"text":"brown quick"`, `"text_any":"dog fox"`, `"phrase":"quick brown"`,
			`"text":""`, `"prefix":"a"`, `"prefix":""`, `"prefix":"2024"`}).Draw(t, "text"))
	case 8:
		return fmt.Sprintf(`{"key":%q,%s}`, key, rapid.SampledFrom([]string{
			`"geo_radius":{"center":{"lon":13,"lat":52},"radius":100000}`, `"geo_radius":{"center":{"lon":180,"lat":10},"radius":50000}`, `"geo_radius":{"center":{"lon":0,"lat":90},"radius":1e7}`,
			`"geo_bounding_box":{"top_left":{"lon":170,"lat":20},"bottom_right":{"lon":-170,"lat":0}}`, `"geo_bounding_box":{"top_left":{"lon":0,"lat":60},"bottom_right":{"lon":20,"lat":50}}`,
			`"geo_polygon":{"exterior":{"points":[{"lon":10,"lat":50},{"lon":20,"lat":50},{"lon":15,"lat":60},{"lon":10,"lat":50}]}}`,
		}).Draw(t, "geo"))
	case 9:
		return fmt.Sprintf(`{"key":%q,"values_count":{%s}}`, key, rapid.SampledFrom([]string{`"gt":0`, `"gte":2`, `"lt":1`, `"lte":1`, `"gte":1,"lt":2`}).Draw(t, "count"))
	case 10:
		return fmt.Sprintf(`{"is_empty":{"key":%q}}`, key)
	case 11:
		return fmt.Sprintf(`{"is_null":{"key":%q}}`, key)
	case 12:
		return rapid.SampledFrom([]string{`{"has_vector":"v"}`, `{"has_vector":""}`, `{"slice":{"total":3,"index":1}}`}).Draw(t, "of the point")
	case 13:
		return fmt.Sprintf(`{"nested":{"key":"l","filter":{"must":[{"key":"x","match":{"value":%s}}]}}}`, scalar.Draw(t, "nested"))
	default:
		if deep <= 0 {
			return fmt.Sprintf(`{"key":%q,"match":{"value":%s}}`, key, scalar.Draw(t, "value"))
		}
		return drawFilter(t, deep-1)
	}
}

func drawFilter(t *rapid.T, deep int) string {
	a, b := drawCondition(t, deep), drawCondition(t, deep)
	shape := rapid.SampledFrom([]string{
		`{"must":[%s,%s]}`, `{"should":[%s,%s]}`, `{"must":%s,"must_not":[%s]}`, `{"must_not":[%s,%s]}`,
		`{"must":[%s],"should":[%s]}`, `{"min_should":{"conditions":[%s,%s],"min_count":1}}`,
		`{"min_should":{"conditions":[%s,%s],"min_count":2}}`, `{"should":[%s],"must_not":[%s]}`,
	}).Draw(t, "shape")
	return fmt.Sprintf(shape, a, b)
}

// world is indexes and what they index.
type world struct {
	x        *Indexes
	rows     btree.Set[string] // keys, as the store has them
	payloads map[index.Slot][]byte
	live     *index.Set
}

func newWorld() *world { return &world{x: New(), payloads: map[index.Slot][]byte{}} }

// add makes an index, complete and empty.
func (w *world) add(s Schema) {
	w.x.Add(s)
	w.put(StateRow(s.Field, true, point.ID{}), 0, true)
}

func (w *world) put(row []byte, slot index.Slot, add bool) {
	key := string(binary.BigEndian.AppendUint32(bytes.Clone(row), uint32(slot)))
	if add {
		w.rows.Insert(key)
		w.x.Put(bytes.Clone(row), slot)
		return
	}
	w.rows.Delete(key)
	w.x.Remove(bytes.Clone(row), slot)
}

func (w *world) set(t *rapid.T, slot index.Slot, fresh []byte) {
	err := w.x.Diff(w.payloads[slot], fresh, func(row []byte, add bool) { w.put(row, slot, add) })
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

// scan reads rows as they are when it is called.
func scan(rows *btree.Set[string]) Scan {
	return func(from, to []byte, down bool, yield func(key []byte) bool) error {
		var keys []string
		rows.Ascend(string(from), func(key string) bool {
			if key < string(to) {
				keys = append(keys, key)
			}
			return key < string(to)
		})
		if down {
			slices.Reverse(keys)
		}
		for _, key := range keys {
			if !yield([]byte(key)) {
				break
			}
		}
		return nil
	}
}

func (w *world) reader() *Reader {
	return w.x.Publish().At(Rows{Scan: scan(w.rows.Copy()), Next: 31})
}

// load brings a field into memory, or packs it, while during changes it.
func (w *world) load(t *rapid.T, name string, during func()) {
	n := w.x.BeginLoad(name)
	v := w.x.Publish()
	rows := scan(w.rows.Copy())
	during()
	l := v.Pack(name)
	if s, _ := v.Schema(name); l == nil || rapid.Bool().Draw(t, "from rows") {
		var err error
		if l, err = Load(&s, rows, func() bool { return false }); err != nil {
			t.Fatal(err)
		}
	}
	if s, _ := v.Schema(name); w.x.EndLoad(name, n, l) == s.Cold() {
		t.Fatalf("%s: load %d", name, n)
	}
}

// even is the slots that have the vector v.
func (w *world) even() *index.Set {
	var b index.Builder
	for slot := range w.live.All() {
		if slot%2 == 0 {
			b.Add(slot)
		}
	}
	return b.Done()
}

func (w *world) scope() Scope {
	return Scope{Live: w.live,
		Slot: func(id point.ID) (index.Slot, bool) {
			_, ok := w.payloads[index.Slot(id.Uint64())]
			return index.Slot(id.Uint64()), ok
		},
		ID:      func(s index.Slot) point.ID { return point.Number(uint64(s)) },
		Vectors: func(name string) (*index.Set, bool) { return w.even(), name == "v" },
	}
}

func (w *world) matching(t *rapid.T, f *filter.Filter) *index.Set {
	e := (*index.Set)(nil).Edit()
	var doc filter.Doc
	bound := f.Bind(w.x.Publish().Analyzer)
	for slot, text := range w.payloads {
		if err := doc.Parse(text); err != nil {
			t.Fatal(err)
		}
		if bound.Match(&filter.Point{ID: point.Number(uint64(slot)), Doc: &doc, Has: func(v string) bool { return v == "v" && slot%2 == 0 }}) {
			e.Add(slot)
		}
	}
	return e.Done()
}

func equal(a, b *index.Set) bool {
	return a.Len() == b.Len() && a.AndNot(b).Len() == 0
}

// kinds are schemas of all kinds.
var schemaKinds = []string{`"type":"keyword"`, `"type":"integer"`, `"type":"float"`, `"type":"bool"`, `"type":"geo"`, `"type":"datetime"`, `"type":"uuid"`, `"type":"text"`,
	`"type":"text","phrase_matching":true`, `"type":"text","tokenizer":"prefix","min_token_len":2`}

func drawSchema(t *rapid.T, field string) Schema {
	kind := rapid.SampledFrom(schemaKinds).Draw(t, "kind")
	s, err := ParseSchema(field, fmt.Appendf(nil, `{%s,"on_disk":%v}`, kind, rapid.Bool().Draw(t, "on disk")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func draw(t *rapid.T) *world {
	w := newWorld()
	var indexed []string
	for _, field := range fields {
		if rapid.Bool().Draw(t, "index "+field) {
			w.add(drawSchema(t, field))
			indexed = append(indexed, field)
		}
	}
	write := func() {
		slot := index.Slot(rapid.IntRange(0, 30).Draw(t, "slot"))
		if rapid.IntRange(0, 5).Draw(t, "delete") == 0 {
			w.set(t, slot, nil)
			return
		}
		w.set(t, slot, drawPayload(t))
	}
	for range rapid.IntRange(1, 40).Draw(t, "writes") {
		write()
		switch rapid.IntRange(0, 12).Draw(t, "what else") {
		case 0:
			w.x.Publish()
		case 1:
			if len(indexed) > 0 {
				w.load(t, rapid.SampledFrom(indexed).Draw(t, "load"), write)
			}
		}
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
			a, err := w.reader().Match(f, w.scope())
			switch {
			case err != nil:
				t.Fatal(err)
			case a.Exact && !equal(a.Set, want):
				t.Fatalf("%s: exact set has %d slots, %d match", text, a.Set.Len(), want.Len())
			case want.AndNot(a.Set).Len() > 0:
				t.Fatalf("%s: a match is no candidate", text)
			case a.Exact:
				decided++
			}
		}
	})
	if decided == 0 {
		t.Error("no filter was ever decided by the indexes")
	}
}

// Indexes after any history are those that loading the rows anew gives, and older
// versions stay what they were.
func TestHistoryLeavesNoTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		fresh := newWorld()
		for _, s := range w.x.Schemas() {
			fresh.add(s)
		}
		for slot, text := range w.payloads {
			fresh.set(t, slot, text)
		}
		if got, want := w.rows.Keys(), fresh.rows.Keys(); !slices.Equal(got, want) {
			t.Fatalf("rows %q, want %q", got, want)
		}
		before := w.dump(t)
		if want := fresh.dump(t); before != want {
			t.Fatalf("indexes\n%s\nwant\n%s", before, want)
		}
		r := w.reader()
		for range rapid.IntRange(1, 5).Draw(t, "later writes") {
			w.set(t, index.Slot(rapid.IntRange(0, 30).Draw(t, "slot")), drawPayload(t))
		}
		if after := dump(t, r); after != before {
			t.Fatalf("a version was\n%s\nand became\n%s", before, after)
		}
	})
}

func (w *world) dump(t *rapid.T) string { return dump(t, w.reader()) }

// dump is everything that the indexes of a version hold.
func dump(t *rapid.T, r *Reader) string {
	var out strings.Builder
	for _, s := range r.v.Schemas() {
		f, _ := r.v.field(s.Field)
		size, err := r.Size(s.Field)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s: %d points\n", s.Field, size.Points)
		src := r.source(f)
		var terms []string
		for tag := byte(1); tag < 128; tag++ {
			if tag == tagInt || tag == tagFloat || tag == tagTime || tag == tagGeo {
				continue
			}
			src.ascend(string([]byte{tag}), func(term string, slots Slots) bool {
				terms = append(terms, fmt.Sprintf(" %q %v\n", term, slices.Collect(slots.All())))
				return true
			})
		}
		slices.Sort(terms)
		out.WriteString(strings.Join(terms, ""))
		if s.Kind == Integer || s.Kind == Float || s.Kind == Datetime {
			for _, floats := range []bool{false, true} {
				w := src.walk(floats, nil, false)
				for n, ok := w.next(); ok; n, ok = w.next() {
					fmt.Fprintf(&out, " %v %x %d\n", floats, n.key(), n.slot)
				}
				w.close()
			}
			fmt.Fprintf(&out, " huge %v\n", src.huge())
		}
	}
	return out.String()
}

// A column is a sorted set, whatever is put and removed, and walked either way.
func TestColumnsAreSortedSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, want := newColumn(compareNumbers), map[number]bool{}
		for range rapid.IntRange(1, 300).Draw(t, "changes") {
			n := newNumber(uint64(rapid.IntRange(0, 20).Draw(t, "key"))<<30, uint32(rapid.IntRange(0, 5).Draw(t, "slot")))
			if rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				if got := c.remove(n); got != want[n] {
					t.Fatalf("remove %v: %v", n, got)
				}
				delete(want, n)
				continue
			}
			if got := c.put(n); got == want[n] {
				t.Fatalf("put %v: %v", n, got)
			}
			want[n] = true
			switch rapid.IntRange(0, 30).Draw(t, "pack") {
			case 0:
				c = c.pack()
			case 1:
				c.publish()
			}
		}
		all := slices.SortedFunc(maps.Keys(want), compareNumbers)
		var from *number
		if rapid.Bool().Draw(t, "from") {
			n := newNumber(uint64(rapid.IntRange(0, 21).Draw(t, "from key"))<<30, uint32(rapid.IntRange(0, 6).Draw(t, "from slot")))
			from = &n
		}
		down := rapid.Bool().Draw(t, "down")
		if down {
			slices.Reverse(all)
		}
		all = slices.DeleteFunc(all, func(n number) bool {
			return from != nil && (compareNumbers(n, *from) < 0 != down && compareNumbers(n, *from) != 0)
		})
		var got []number
		w := c.walk(from, down)
		for n, ok := w.next(); ok; n, ok = w.next() {
			got = append(got, n)
		}
		if !slices.Equal(got, all) {
			t.Fatalf("walk from %v, down %v: %v, want %v", from, down, got, all)
		}
	})
}

func TestOptions(t *testing.T) {
	for text, field := range map[string]string{
		`{"type":"keyword","lookup":true}`:                "field_schema.lookup",
		`{"type":"integer","lookup":false,"range":false}`: "field_schema.range",
		`{"type":"integer","lookup":"yes"}`:               "field_schema.lookup",
		`{"type":"geo","memory":"hot"}`:                   "field_schema.memory",
		`{"type":"float","what":1}`:                       "field_schema.what",
		`{"type":"text","tokenizer":"x"}`:                 "field_schema.tokenizer",
		`{"type":"bool","is_tenant":true}`:                "field_schema.is_tenant",
		`{"type":"uuid","on_disk":1}`:                     "field_schema.on_disk",
		`{"type":"datetime","prefix":true}`:               "field_schema.prefix",
	} {
		_, err := ParseSchema("a", []byte(text))
		var bad *filter.Error
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v, want a fault of %s", text, err, field)
		}
	}
	for _, text := range []string{
		`{"type":"keyword","is_tenant":true,"prefix":true,"on_disk":true,"enable_hnsw":false,"memory":"cold"}`,
		`{"type":"integer","lookup":true,"range":false,"is_principal":true}`, `{"type":"uuid","is_tenant":null}`, `"datetime"`, `"text"`,
	} {
		if _, err := ParseSchema("a", []byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestUnknownKindsAreNamed(t *testing.T) {
	for _, text := range []string{`"nonsense"`, `{}`, `7`, `{"type":`, `null`} {
		if _, err := ParseSchema("a", []byte(text)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
	if _, err := ParseSchema("a[", []byte(`"keyword"`)); err == nil {
		t.Error("a path that does not parse was accepted")
	}
}
