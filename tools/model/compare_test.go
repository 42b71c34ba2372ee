package model

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// record is a point as answers have it.
type record struct {
	ID      json.RawMessage `json:"id"`
	Payload object          `json:"payload"`
	Vector  json.RawMessage `json:"vector"`
	Score   float64         `json:"score"`
	Order   json.RawMessage `json:"order_value"`
}

// named reads the name of a snapshot that was made.
func (r *run) named(t *rapid.T, status int, result json.RawMessage, message string, err error) string {
	if err != nil {
		t.Fatal(err)
	}
	var s struct{ Name string }
	if status != 200 || json.Unmarshal(result, &s) != nil || s.Name == "" {
		t.Fatalf("a snapshot: %d %s %s", status, message, result)
	}
	return s.Name
}

// compare asks one question after every operation; over a run all are asked
// many times.
func (r *run) compare(t *rapid.T) {
	var filter object
	if chance(t, "filtered", 75) {
		filter = aFilter(t, 2)
	}
	switch below(t, "question", 7) {
	case 0, 1:
		r.compareScroll(t, filter)
	case 2:
		r.compareCount(t, filter)
	case 3:
		r.compareQuery(t, filter)
	case 4:
		r.compareFacet(t, filter)
	case 5:
		r.compareOrder(t, filter)
	case 6:
		r.compareRecords(t)
	}
}

func show(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

func (r *run) compareScroll(t *rapid.T, filter object) {
	want := r.c.Matching(filter)
	size := 1 + below(t, "page", 30)
	var got []string
	var offset any
	for range len(want) + 2 {
		var page struct {
			Points []record
			Next   json.RawMessage `json:"next_page_offset"`
		}
		r.ask(t, "/points/scroll", object{"filter": filter, "limit": size, "offset": offset, "with_vector": true}, &page)
		for i := range page.Points {
			got = append(got, string(page.Points[i].ID))
			r.samePoint(t, &page.Points[i])
		}
		if string(page.Next) == "null" {
			break
		}
		offset = page.Next
	}
	if !slices.Equal(got, want) {
		t.Fatalf("scroll in pages of %d\nfilter: %s\ngot:  %v\nwant: %v\nindexes: %v\n%s", size, show(filter), got, want, r.c.Indexes, r.difference(got, want))
	}
}

// difference shows the payloads of points that only one side has.
func (r *run) difference(got, want []string) string {
	out := ""
	for id, p := range r.c.Points {
		if slices.Contains(got, id) != slices.Contains(want, id) {
			out += fmt.Sprintf("%s: %s, vectors %v\n", id, show(p.Payload), slices.Sorted(maps.Keys(p.Vectors)))
		}
	}
	return out
}

// samePoint compares payload and vectors of an answered point.
func (r *run) samePoint(t *rapid.T, got *record) {
	want := r.c.Points[string(got.ID)]
	if want == nil {
		t.Fatalf("point %s is not there, but was answered", got.ID)
	}
	if got.Payload == nil {
		got.Payload = object{}
	}
	if !reflect.DeepEqual(map[string]any(got.Payload), want.Payload) {
		t.Fatalf("payload of %s:\ngot:  %s\nwant: %s", got.ID, show(got.Payload), show(want.Payload))
	}
	vectors := map[string][]float64{}
	if strings.HasPrefix(string(got.Vector), "[") {
		var v []float64
		_ = json.Unmarshal(got.Vector, &v)
		vectors[""] = v
	} else if err := json.Unmarshal(got.Vector, &vectors); err != nil {
		t.Fatalf("vector of %s: %s", got.ID, got.Vector)
	}
	if len(vectors) != len(want.Vectors) {
		t.Fatalf("vectors of %s: got %s, want %s", got.ID, got.Vector, show(want.Vectors))
	}
	for name, v := range want.Vectors {
		if !slices.EqualFunc(vectors[name], v, func(a, b float64) bool { return math.Abs(a-b) < 1e-5 }) {
			t.Fatalf("vector %q of %s: got %v, want %v", name, got.ID, vectors[name], v)
		}
	}
}

func (r *run) compareCount(t *rapid.T, filter object) {
	want := len(r.c.Matching(filter))
	var got struct{ Count int }
	r.ask(t, "/points/count", object{"filter": filter, "exact": true}, &got)
	if got.Count != want {
		t.Fatalf("count: got %d, want %d\nfilter: %s\nindexes: %v", got.Count, want, show(filter), r.c.Indexes)
	}
}

func (r *run) compareRecords(t *rapid.T) {
	ids := someIDs(t, 10)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	want := 0
	for _, id := range ids {
		if r.c.Points[id] != nil {
			want++
		}
	}
	var got []record
	r.ask(t, "/points", object{"ids": decoded(ids), "with_vector": true}, &got)
	if len(got) != want {
		t.Fatalf("retrieve %v: got %d points, want %d", ids, len(got), want)
	}
	for i := range got {
		r.samePoint(t, &got[i])
	}
}

// compareQuery asks for the nearest points by an exact search.
func (r *run) compareQuery(t *rapid.T, filter object) {
	name := pick(t, "using", slices.Sorted(maps.Keys(r.c.Vectors))...)
	query := aVector(t, r.c.Vectors[name].Size)
	type hit struct {
		id    string
		score float64
	}
	var want []hit
	for _, id := range r.c.Matching(filter) {
		if v, ok := r.c.Points[id].Vectors[name]; ok {
			want = append(want, hit{id, r.c.Score(name, query, v)})
		}
	}
	slices.SortStableFunc(want, func(a, b hit) int {
		if d := r.c.Vectors[name].Distance; d == "Cosine" || d == "Dot" {
			return cmp.Compare(b.score, a.score)
		}
		return cmp.Compare(a.score, b.score)
	})
	limit := 1 + below(t, "limit", 15)
	body := object{"query": query, "filter": filter, "limit": limit, "params": object{"exact": true}}
	if name != "" {
		body["using"] = name
	}
	var got struct{ Points []record }
	r.ask(t, "/points/query", body, &got)
	if len(got.Points) != min(limit, len(want)) {
		t.Fatalf("query %s: %d points, want %d", show(body), len(got.Points), min(limit, len(want)))
	}
	scores := map[string]float64{}
	for _, h := range want {
		scores[h.id] = h.score
	}
	for i, p := range got.Points {
		score, ok := scores[string(p.ID)]
		if !ok || math.Abs(p.Score-want[i].score) > 1e-3 || math.Abs(p.Score-score) > 1e-3 {
			t.Fatalf("query %s: place %d has %s with %v; its score is %v (matches: %v), the place's %v", show(body), i, p.ID, p.Score, score, ok, want[i].score)
		}
	}
}

func (r *run) indexed(kinds ...string) []string {
	var out []string
	for field, kind := range r.c.Indexes {
		if slices.Contains(kinds, kind) && field != "uid" {
			out = append(out, field)
		}
	}
	slices.Sort(out)
	return out
}

func (r *run) compareFacet(t *rapid.T, filter object) {
	fields := r.indexed("keyword", "integer", "bool")
	if len(fields) == 0 {
		return
	}
	field := pick(t, "field", fields...)
	want := r.c.Facet(field, filter, r.c.Indexes[field])
	var got struct {
		Hits []struct {
			Value json.RawMessage
			Count int
		}
	}
	r.ask(t, "/facet", object{"key": field, "filter": filter, "exact": true, "limit": 1000}, &got)
	found := map[string]int{}
	for i, h := range got.Hits {
		var v any
		_ = json.Unmarshal(h.Value, &v)
		name := string(h.Value)
		if s, ok := v.(string); ok {
			name = fmt.Sprintf("%q", s)
		}
		found[name] = h.Count
		if i > 0 && h.Count > got.Hits[i-1].Count {
			t.Fatalf("facet of %s is not in order of counts: %+v", field, got.Hits)
		}
	}
	if !maps.Equal(found, want) {
		t.Fatalf("facet of %s with %s:\ngot:  %v\nwant: %v", field, show(filter), found, want)
	}
}

// compareOrder scrolls by the values of a field: a point stands once for
// each value that differs.
func (r *run) compareOrder(t *rapid.T, filter object) {
	fields := r.indexed("integer", "float", "datetime")
	if len(fields) == 0 {
		return
	}
	field := pick(t, "field", fields...)
	direction := pick(t, "direction", "asc", "desc")
	var want []float64
	for _, id := range r.c.Matching(filter) {
		var keys []float64
		for _, v := range flat(Values(r.c.Points[id].Payload, Path(field))) {
			if key, ok := orderKey(v, r.c.Indexes[field]); ok {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		want = append(want, slices.Compact(keys)...)
	}
	slices.Sort(want)
	if direction == "desc" {
		slices.Reverse(want)
	}
	var got struct{ Points []record }
	r.ask(t, "/points/scroll", object{"filter": filter, "limit": 10000, "order_by": object{"key": field, "direction": direction}, "with_vector": true}, &got)
	var keys []float64
	for i := range got.Points {
		r.samePoint(t, &got.Points[i])
		var key float64
		if err := json.Unmarshal(got.Points[i].Order, &key); err != nil {
			t.Fatalf("order_by %s: order_value is %s", field, got.Points[i].Order)
		}
		keys = append(keys, key)
	}
	if !slices.Equal(keys, want) {
		t.Fatalf("order_by %s %s with %s:\ngot:  %v of %s\nwant: %v\nindexes: %v", field, direction, show(filter), keys, show(got.Points), want, r.c.Indexes)
	}
}

func orderKey(v any, kind string) (float64, bool) {
	switch kind {
	case "datetime":
		text, _ := v.(string)
		at, ok := Time(text)
		return float64(at.UnixMicro()), ok
	case "integer": // 1.0 stands as 1, as in the engine
		n, ok := number(v)
		return n, ok && n == math.Trunc(n)
	}
	return number(v)
}
