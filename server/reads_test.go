package server_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/server"
)

// library is a collection "lib" of points with all sorts of payload, some
// without a vector, in as many shards as asked. The test knows every point.
type library struct {
	*running
	rng    *rand.Rand
	points map[int]map[string]any // payloads by id
	vector map[int][]float32      // of the points that have one
}

func newLibrary(t *testing.T, shards, n int) *library {
	l := &library{running: serve(t, start{server: server.Options{}}), rng: rand.New(rand.NewPCG(uint64(shards), 7)), points: map[int]map[string]any{}, vector: map[int][]float32{}}
	l.must("PUT", "/collections/lib", fmt.Sprintf(`{"shard_number":%d,"vectors":{"text":{"size":6,"distance":"Euclid"}},"optimizers_config":{"indexing_threshold":2}}`, shards))
	for field, kind := range map[string]string{"author": "keyword", "year": "integer", "price": "float", "loan": "bool"} {
		l.must("PUT", "/collections/lib/index?wait=true", fmt.Sprintf(`{"field_name":%q,"field_schema":%q}`, field, kind))
	}
	var body []map[string]any
	for id := range n {
		l.points[id] = l.payload()
		p := map[string]any{"id": id, "payload": l.points[id], "vector": map[string]any{}}
		if l.rng.IntN(10) > 0 {
			v := make([]float32, 6)
			for i := range v {
				v[i] = float32(l.rng.IntN(40)) / 4 // ties come by themselves
			}
			l.vector[id] = v
			p["vector"] = map[string]any{"text": v}
		}
		body = append(body, p)
	}
	text, err := json.Marshal(map[string]any{"points": body})
	if err != nil {
		t.Fatal(err)
	}
	l.must("PUT", "/collections/lib/points?wait=true", string(text))
	return l
}

func (l *library) payload() map[string]any {
	p := map[string]any{}
	authors := []string{"Lem", "Čapek", "Tokarczuk", "Borges", "Le Guin"}
	switch l.rng.IntN(8) {
	case 0:
	case 1, 2:
		p["author"] = []any{authors[l.rng.IntN(5)], authors[l.rng.IntN(5)]}
	case 3:
		p["author"] = []any{l.rng.IntN(3), "Anonymous", nil, 1.5}
	default:
		p["author"] = authors[l.rng.IntN(5)]
	}
	if l.rng.IntN(5) > 0 {
		p["year"] = 1950 + l.rng.IntN(20) - 3000*l.rng.IntN(2)*l.rng.IntN(2)
	}
	if l.rng.IntN(6) == 0 {
		p["year"] = []any{1900 + l.rng.IntN(5), 1900 + l.rng.IntN(5), "MCM"}
	}
	if l.rng.IntN(3) > 0 {
		p["price"] = float64(l.rng.IntN(30)) / 2
	}
	p["loan"] = l.rng.IntN(3) == 0
	p["note"] = fmt.Sprint("shelf ", l.rng.IntN(4)) // no index
	return p
}

// values are the scalars of a field.
func values(p map[string]any, field string) []any {
	switch v := p[field].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// filters that the library is asked with: decided by indexes, by none, by some.
var libraryFilters = []string{
	``,
	`{"must":[{"key":"loan","match":{"value":true}}]}`,
	`{"must":[{"key":"note","match":{"value":"shelf 1"}}]}`,
	`{"must":[{"key":"author","match":{"any":["Lem","Borges"]}},{"key":"note","match":{"except":["shelf 2"]}}]}`,
	`{"should":[{"key":"year","range":{"lt":1955}},{"is_empty":{"key":"price"}}]}`,
	`{"must":[{"key":"author","match":{"value":"nobody"}}]}`,
}

// body adds the filter to a request's other fields.
func withFilter(fields, filter string) string {
	if filter == "" {
		return "{" + fields + "}"
	}
	if fields != "" {
		fields += ","
	}
	return "{" + fields + `"filter":` + filter + "}"
}

// matching is the ids that pass a filter, by a full scroll.
func (l *library) matching(filter string) []int {
	var page struct{ Points []struct{ ID int } }
	l.must("POST", "/collections/lib/points/scroll", withFilter(`"limit":100000,"with_payload":false`, filter), &page)
	var ids []int
	for _, p := range page.Points {
		ids = append(ids, p.ID)
	}
	return ids
}

func everyLibrary(t *testing.T, check func(t *testing.T, l *library, filter string)) {
	for _, shards := range []int{1, 3} {
		l := newLibrary(t, shards, 400)
		for i, filter := range libraryFilters {
			t.Run(fmt.Sprintf("%d shards, filter %d", shards, i), func(t *testing.T) {
				l.t = t
				check(t, l, filter)
			})
		}
		l.t = t
	}
}

// A facet's count is the count of the points that match its value.
func TestFacetsAgreeWithCounts(t *testing.T) {
	everyLibrary(t, func(t *testing.T, l *library, filter string) {
		for _, field := range []string{"author", "year", "loan"} {
			want := map[any]int{}
			for _, id := range l.matching(filter) {
				once := map[any]bool{}
				for _, v := range values(l.points[id], field) {
					once[v] = true
				}
				for v := range once {
					if facetable(field, v) {
						want[fmt.Sprint(v)]++
					}
				}
			}
			var got struct {
				Hits []struct {
					Value any
					Count int
				}
			}
			l.must("POST", "/collections/lib/facet", withFilter(`"key":"`+field+`","limit":1000`, filter), &got)
			if len(got.Hits) != len(want) {
				t.Errorf("%s: %d values, want %d: %v", field, len(got.Hits), len(want), got.Hits)
			}
			for i, h := range got.Hits {
				if f, ok := h.Value.(float64); ok {
					h.Value = int(f)
				}
				if h.Count != want[fmt.Sprint(h.Value)] {
					t.Errorf("%s: %v counts %d, want %d", field, h.Value, h.Count, want[fmt.Sprint(h.Value)])
				}
				if i > 0 && h.Count > got.Hits[i-1].Count {
					t.Errorf("%s: counts rise at %d", field, i)
				}
				match, err := json.Marshal(h.Value)
				if err != nil {
					t.Fatal(err)
				}
				both := fmt.Sprintf(`{"must":[{"key":%q,"match":{"value":%s}}%s]}`, field, match, also(filter))
				var n struct{ Count int }
				l.must("POST", "/collections/lib/points/count", `{"filter":`+both+`}`, &n)
				if n.Count != h.Count {
					t.Errorf("%s: %v counts %d by facet, %d by filter", field, h.Value, h.Count, n.Count)
				}
			}
			cut := got.Hits
			l.must("POST", "/collections/lib/facet", withFilter(`"key":"`+field+`","limit":2,"exact":true`, filter), &got)
			if fmt.Sprint(got.Hits) != fmt.Sprint(cut[:min(2, len(cut))]) {
				t.Errorf("%s: limit 2 answers %v of %v", field, got.Hits, cut)
			}
		}
	})
}

func facetable(field string, v any) bool {
	switch v.(type) {
	case string:
		return field == "author"
	case int:
		return field == "year"
	case bool:
		return field == "loan"
	}
	return false
}

// also is a filter as one more condition.
func also(filter string) string {
	if filter == "" {
		return ""
	}
	return "," + filter
}

// A scroll in order is a full scroll, sorted by hand.
func TestScrollInOrderIsASortedScroll(t *testing.T) {
	type row struct {
		id    int
		value float64
	}
	everyLibrary(t, func(t *testing.T, l *library, filter string) {
		for _, field := range []string{"year", "price"} {
			for _, down := range []bool{false, true} {
				for _, from := range []string{"", "1955", "7.5"} {
					var want []row
					for _, id := range l.matching(filter) {
						once := map[float64]bool{}
						for _, v := range values(l.points[id], field) {
							f, ok := number(v)
							if !ok || once[f] || from != "" && (!down && f < atof(t, from) || down && f > atof(t, from)) {
								continue
							}
							once[f] = true
							want = append(want, row{id, f})
						}
					}
					slices.SortFunc(want, func(a, b row) int {
						c := cmp.Compare(a.value, b.value)
						if down {
							c = -c
						}
						return cmp.Or(c, cmp.Compare(a.id, b.id))
					})
					by := fmt.Sprintf(`{"key":%q,"direction":"%s"`, field, map[bool]string{false: "asc", true: "desc"}[down])
					if from != "" {
						by += `,"start_from":` + from
					}
					for _, limit := range []int{7, 1000} {
						var page struct {
							Points []struct {
								ID    int
								Value json.Number `json:"order_value"`
							}
							Next any `json:"next_page_offset"`
						}
						l.must("POST", "/collections/lib/points/scroll", withFilter(fmt.Sprintf(`"limit":%d,"order_by":%s}`, limit, by), filter), &page)
						var got []row
						for _, p := range page.Points {
							f, err := p.Value.Float64()
							if err != nil {
								t.Fatal(err)
							}
							if integer := !strings.ContainsAny(p.Value.String(), ".e"); integer != (field == "year") {
								t.Errorf("%s: order_value %s", field, p.Value)
							}
							got = append(got, row{p.ID, f})
						}
						if w := want[:min(limit, len(want))]; !slices.Equal(got, w) {
							t.Fatalf("%s down=%v from=%q limit=%d:\n got %v\nwant %v", field, down, from, limit, got, w)
						}
						if page.Next != nil {
							t.Errorf("next_page_offset %v, want null", page.Next)
						}
					}
				}
			}
		}
	})
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func atof(t *testing.T, s string) float64 {
	t.Helper()
	f, err := json.Number(s).Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// An approximate count is near the exact one; where it is small it is exact.
func TestApproximateCount(t *testing.T) {
	everyLibrary(t, func(t *testing.T, l *library, filter string) {
		var exact, about struct{ Count int }
		l.must("POST", "/collections/lib/points/count", withFilter(``, filter), &exact)
		l.must("POST", "/collections/lib/points/count", withFilter(`"exact":false`, filter), &about)
		if exact.Count != len(l.matching(filter)) || about.Count != exact.Count {
			t.Errorf("exact %d, approximate %d, scrolled %d", exact.Count, about.Count, len(l.matching(filter)))
		}
	})
}

// Of very many values the most frequent are answered, and of equally frequent
// ones the first.
func TestFacetOfManyValues(t *testing.T) {
	for _, shards := range []int{1, 3} {
		r := serve(t, start{})
		r.must("PUT", "/collections/c", fmt.Sprintf(`{"vectors":{},"shard_number":%d}`, shards))
		r.must("PUT", "/collections/c/index?wait=true", `{"field_name":"k","field_schema":"keyword"}`)
		var body strings.Builder
		for i := range 5000 { // 4000 values, k1000 to k1999 twice
			fmt.Fprintf(&body, `,{"id":%d,"vector":{},"payload":{"k":"k%d"}}`, i, 1000+i%4000)
		}
		r.must("PUT", "/collections/c/points?wait=true", `{"points":[`+body.String()[1:]+`]}`)
		var got struct {
			Hits []struct {
				Value string
				Count int
			}
		}
		r.must("POST", "/collections/c/facet", `{"key":"k","limit":1003}`, &got)
		if len(got.Hits) != 1003 {
			t.Fatalf("%d values", len(got.Hits))
		}
		for i, h := range got.Hits {
			want := 2
			if i >= 1000 {
				want = 1
			}
			if h.Count != want || h.Value != fmt.Sprintf("k%d", 1000+i) {
				t.Fatalf("%d shards: value %d is %+v", shards, i, h)
			}
		}
	}
}
