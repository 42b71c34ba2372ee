package server_test

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var versions = regexp.MustCompile(`"version":\d+`)

type groupsAnswer struct {
	Groups []struct {
		ID     any
		Hits   []hit
		Lookup *hit
	}
}

// shown is a grouped answer in one line per group.
func (a groupsAnswer) shown() (out []string) {
	for _, g := range a.Groups {
		line := fmt.Sprintf("%v:", g.ID)
		for _, h := range g.Hits {
			line += fmt.Sprintf(" %s=%v", h.ID, h.Score)
		}
		out = append(out, line)
	}
	return out
}

// grouped is what a grouped query must answer, from the whole list of hits.
func (l *library) grouped(t *testing.T, all []hit, field string, limit, size int) (out []string) {
	t.Helper()
	var order []string
	lines, sizes := map[string]string{}, map[string]int{}
	for _, h := range all {
		var id int
		if err := json.Unmarshal(h.ID, &id); err != nil {
			t.Fatal(err)
		}
		once := map[string]bool{}
		for _, v := range values(l.points[id], field) {
			name := fmt.Sprint(v)
			switch v.(type) {
			case string, int:
			default:
				continue
			}
			if once[name] {
				continue
			}
			once[name] = true
			if sizes[name] == 0 {
				order = append(order, name)
				lines[name] = name + ":"
			}
			if sizes[name] < size {
				lines[name] += fmt.Sprintf(" %s=%v", h.ID, h.Score)
				sizes[name]++
			}
		}
	}
	for _, name := range order[:min(limit, len(order))] {
		out = append(out, lines[name])
	}
	return out
}

// Groups are a full exact query, grouped by hand.
func TestGroupsAreAGroupedQuery(t *testing.T) {
	everyLibrary(t, func(t *testing.T, l *library, filter string) {
		for _, query := range []string{`"query":[5,5,5,5,5,5],"using":"text"`, fmt.Sprintf(`"query":%d,"using":"text"`, l.someVector()), ``, `"query":[1,2,3,4,5,6],"using":"text","score_threshold":9.5`} {
			var all hits
			l.must("POST", "/collections/lib/points/query", withFilter(comma(query)+`"limit":100000,"params":{"exact":true}`, filter), &all)
			for _, c := range []struct {
				field       string
				limit, size int
			}{{"author", 10, 3}, {"author", 2, 1}, {"author", 3, 1000}, {"author", 1000, 1000}, {"year", 5, 2}, {"year", 40, 3}, {"note", 3, 200}, {"missing", 3, 3}, {"loan", 3, 3}} {
				var got groupsAnswer
				l.must("POST", "/collections/lib/points/query/groups",
					withFilter(comma(query)+fmt.Sprintf(`"group_by":%q,"limit":%d,"group_size":%d,"params":{"exact":true}`, c.field, c.limit, c.size), filter), &got)
				want := l.grouped(t, all.Points, c.field, c.limit, c.size)
				if !slices.Equal(got.shown(), want) {
					t.Fatalf("%s by %+v:\n got %q\nwant %q", query, c, got.shown(), want)
				}
			}
		}
	})
}

func comma(fields string) string {
	if fields == "" {
		return ""
	}
	return fields + ","
}

func (l *library) someVector() int {
	for id := range 400 {
		if l.vector[id] != nil {
			return id
		}
	}
	return 0
}

func TestGroupsOfTheOlderForm(t *testing.T) {
	l := newLibrary(t, 1, 60)
	var older, newer groupsAnswer
	l.must("POST", "/collections/lib/points/search/groups", `{"vector":{"name":"text","vector":[1,1,1,1,1,1]},"group_by":"author","limit":3,"group_size":2,"with_payload":["note"]}`, &older)
	l.must("POST", "/collections/lib/points/query/groups", `{"query":[1,1,1,1,1,1],"using":"text","group_by":"author","limit":3,"group_size":2,"with_payload":["note"]}`, &newer)
	if len(older.Groups) != 3 || fmt.Sprint(older) == "" || fmt.Sprint(older.shown()) != fmt.Sprint(newer.shown()) {
		t.Errorf("older form %q, newer %q", older.shown(), newer.shown())
	}
	if p := string(older.Groups[0].Hits[0].Payload); p != `{"note":"shelf 0"}` && p != `{"note":"shelf 1"}` && p != `{"note":"shelf 2"}` && p != `{"note":"shelf 3"}` {
		t.Errorf("payload %s", p)
	}
}

func TestGroupsLookUpTheirNamesakes(t *testing.T) {
	r := serve(t, start{})
	r.must("PUT", "/collections/chunks", `{"vectors":{"size":1,"distance":"Dot"},"shard_number":2}`)
	r.must("PUT", "/collections/docs", `{"vectors":{"size":1,"distance":"Dot"}}`)
	r.must("PUT", "/collections/docs/points?wait=true", `{"points":[{"id":7,"vector":[1],"payload":{"title":"seven","x":1}},{"id":`+someUUID+`,"vector":[2],"payload":{"title":"uuid"}}]}`)
	r.must("PUT", "/collections/chunks/points?wait=true", `{"points":[
		{"id":1,"vector":[9],"payload":{"doc":7}},{"id":2,"vector":[8],"payload":{"doc":7}},{"id":3,"vector":[7],"payload":{"doc":`+someUUID+`}},
		{"id":4,"vector":[6],"payload":{"doc":-7}},{"id":5,"vector":[5],"payload":{"doc":"seven"}},{"id":6,"vector":[4],"payload":{"doc":18446744073709551615}},
		{"id":8,"vector":[3],"payload":{"doc":7.5}},{"id":9,"vector":[2],"payload":{"doc":8}}]}`)
	_, a, _ := r.send("POST", "/collections/chunks/points/query/groups", `{"query":[1],"group_by":"doc","group_size":2,"with_lookup":"docs"}`)
	want := `{"groups":[` +
		`{"id":7,"hits":[{"id":1,"version":V,"score":9},{"id":2,"version":V,"score":8}],"lookup":{"id":7,"payload":{"title":"seven","x":1}}},` +
		`{"id":` + someUUID + `,"hits":[{"id":3,"version":V,"score":7}],"lookup":{"id":` + someUUID + `,"payload":{"title":"uuid"}}},` +
		`{"id":-7,"hits":[{"id":4,"version":V,"score":6}]},{"id":"seven","hits":[{"id":5,"version":V,"score":5}]},` +
		`{"id":18446744073709551615,"hits":[{"id":6,"version":V,"score":4}]},{"id":8,"hits":[{"id":9,"version":V,"score":2}]}]}`
	if got := versions.ReplaceAllString(string(a.Result), `"version":V`); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, a, _ = r.send("POST", "/collections/chunks/points/query/groups", `{"query":[1],"group_by":"doc","limit":1,"group_size":1,"with_lookup":{"collection":"docs","with_payload":["title"],"with_vectors":true}}`)
	want = `{"groups":[{"id":7,"hits":[{"id":1,"version":V,"score":9}],"lookup":{"id":7,"payload":{"title":"seven"},"vector":[1]}}]}`
	if got := versions.ReplaceAllString(string(a.Result), `"version":V`); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A query by an id of another collection uses that point's vector, and leaves
// no point out.
func TestLookupFrom(t *testing.T) {
	r := serve(t, start{})
	r.must("PUT", "/collections/a", `{"vectors":{"size":2,"distance":"Cosine"}}`)
	r.must("PUT", "/collections/b", `{"vectors":{"other":{"size":2,"distance":"Dot"},"wide":{"size":3,"distance":"Dot"}}}`)
	r.must("PUT", "/collections/a/points?wait=true", `{"points":[{"id":1,"vector":[1,0]},{"id":2,"vector":[0,1]}]}`)
	r.must("PUT", "/collections/b/points?wait=true", `{"points":[{"id":2,"vector":{"other":[0,5],"wide":[1,1,1]}},{"id":3,"vector":{}}]}`)
	var h hits
	r.must("POST", "/collections/a/points/query", `{"query":2,"lookup_from":{"collection":"b","vector":"other"}}`, &h)
	if h.ids() != "2 1" || h.Points[0].Score != 1 {
		t.Errorf("from b: %+v", h)
	}
	r.must("POST", "/collections/a/points/query", `{"query":2,"lookup_from":{"collection":"a"}}`, &h)
	if h.ids() != "1" {
		t.Errorf("from a itself: %+v", h)
	}
	for body, status := range map[string]int{
		`{"query":2,"lookup_from":{"collection":"b","vector":"wide"}}`:  400,
		`{"query":2,"lookup_from":{"collection":"b"}}`:                  400,
		`{"query":3,"lookup_from":{"collection":"b","vector":"other"}}`: 400,
		`{"query":9,"lookup_from":{"collection":"b","vector":"other"}}`: 404,
		`{"query":2,"lookup_from":{"collection":"none"}}`:               404,
		`{"query":2,"lookup_from":{}}`:                                  400,
		`{"query":2,"lookup_from":"b"}`:                                 400,
	} {
		if got, a, _ := r.send("POST", "/collections/a/points/query", body); got != status {
			t.Errorf("%s: %d %s, want %d", body, got, a.Status, status)
		}
	}
}

// A matrix over everything is every point's nearest others, in both forms.
func TestMatrixIsPairwise(t *testing.T) {
	everyLibrary(t, func(t *testing.T, l *library, filter string) {
		var ids []int
		for _, id := range l.matching(filter) {
			if l.vector[id] != nil {
				ids = append(ids, id)
			}
		}
		var m struct {
			Row    []int `json:"offsets_row"`
			Col    []int `json:"offsets_col"`
			Scores []float64
			IDs    []int
		}
		l.must("POST", "/collections/lib/points/search/matrix/offsets", withFilter(`"using":"text","sample":1000,"limit":3`, filter), &m)
		if len(ids) < 2 {
			if len(m.IDs) != 0 || len(m.Row) != 0 || m.Scores == nil {
				t.Errorf("a matrix of fewer than two points: %+v", m)
			}
			return
		}
		if !slices.Equal(m.IDs, ids) || len(m.Row) != 3*len(ids) || len(m.Col) != len(m.Row) || len(m.Scores) != len(m.Row) {
			t.Fatalf("%d ids, want %d; %d rows", len(m.IDs), len(ids), len(m.Row))
		}
		for k := range m.Row {
			a, b := m.IDs[m.Row[k]], m.IDs[m.Col[k]]
			if a == b || math.Abs(m.Scores[k]-l.euclid(a, b)) > 1e-4 {
				t.Fatalf("%d, %d: score %v, want %v", a, b, m.Scores[k], l.euclid(a, b))
			}
			rank := k % 3
			var nearer int
			for _, c := range ids {
				if c != a && (l.euclid(a, c) < l.euclid(a, b)-1e-4) {
					nearer++
				}
			}
			if nearer > rank || m.Row[k] != k/3 {
				t.Fatalf("%d, %d at rank %d, but %d are nearer", a, b, rank, nearer)
			}
		}
		l.sampledPairs(t, filter, ids)
	})
}

// sampledPairs checks that a sample has the asked size and only matching points.
func (l *library) sampledPairs(t *testing.T, filter string, ids []int) {
	t.Helper()
	var m struct {
		Pairs []struct {
			A, B  int
			Score float64
		}
	}
	l.must("POST", "/collections/lib/points/search/matrix/pairs", withFilter(`"using":"text","sample":5,"limit":10`, filter), &m)
	n := min(5, len(ids))
	if len(m.Pairs) != n*(n-1) {
		t.Errorf("%d pairs of %d points", len(m.Pairs), n)
	}
	for _, p := range m.Pairs {
		if !slices.Contains(ids, p.A) || !slices.Contains(ids, p.B) || math.Abs(p.Score-l.euclid(p.A, p.B)) > 1e-4 {
			t.Errorf("pair %+v", p)
		}
	}
}

func (l *library) euclid(a, b int) float64 {
	sum := 0.0
	for i := range l.vector[a] {
		d := float64(l.vector[a][i] - l.vector[b][i])
		sum += d * d
	}
	return math.Sqrt(sum)
}

// Each of these is refused with the status and a message that holds the text.
func TestBadReads(t *testing.T) {
	l := newLibrary(t, 3, 20)
	const groups, pairs, offsets, facet, scroll, count = "/points/query/groups", "/points/search/matrix/pairs", "/points/search/matrix/offsets", "/facet", "/points/scroll", "/points/count"
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{scroll, `{"order_by":"note"}`, 400, "No range index for `order_by` key: `note`"},
		{scroll, `{"order_by":"author"}`, 400, "No range index for `order_by` key: `author`"},
		{scroll, `{"order_by":{"key":"year","direction":"up"}}`, 400, "order_by.direction"},
		{scroll, `{"order_by":{"key":"year","start_from":true}}`, 400, "order_by.start_from"},
		{scroll, `{"order_by":{"key":"year","start_from":"soon"}}`, 400, "order_by.start_from"},
		{scroll, `{"order_by":{"key":"year","start_from":1e999}}`, 400, "order_by.start_from"},
		{scroll, `{"order_by":{"direction":"asc"}}`, 400, "order_by.key: missing"},
		{scroll, `{"order_by":{"key":"year","from":1}}`, 400, "order_by.from: unknown field"},
		{scroll, `{"order_by":7}`, 400, "order_by"},
		{scroll, `{"order_by":"a..b"}`, 400, "order_by"},
		{scroll, `{"order_by":"year","offset":3}`, 400, "offset"},
		{scroll, `{"order_by":"year","limit":0}`, 422, "limit"},
		{count, `{"exact":1}`, 400, "exact"},
		{facet, `{}`, 400, "key: missing"},
		{facet, `{"key":null}`, 400, "key"},
		{facet, `{"key":"note"}`, 400, "No appropriate index for faceting: `note`"},
		{facet, `{"key":"price"}`, 400, "No appropriate index for faceting: `price`"},
		{facet, `{"key":"author","limit":0}`, 422, "limit"},
		{facet, `{"key":"author","limit":-1}`, 400, "limit"},
		{facet, `{"key":"author","exact":"yes"}`, 400, "exact"},
		{facet, `{"key":"author","filter":[]}`, 400, "filter"},
		{facet, `{"key":"author[0]x"}`, 400, "key"},
		{pairs, `{"using":"text","sample":1}`, 422, "sample"},
		{pairs, `{"using":"text","limit":0}`, 422, "limit"},
		{pairs, `{}`, 400, "using: Not existing vector name"},
		{offsets, `{"using":"image"}`, 400, "using: Not existing vector name"},
		{offsets, `{"using":"text","sample":"all"}`, 400, "sample"},
		{offsets, `{"using":"text","filter":{"must":[{"key":"a"}]}}`, 400, "filter"},
		{groups, `{"query":[1,1,1,1,1,1],"using":"text"}`, 400, "group_by: missing"},
		{groups, `{"group_by":""}`, 422, "group_by"},
		{groups, `{"group_by":7}`, 400, "group_by"},
		{groups, `{"group_by":"a..b"}`, 400, "group_by"},
		{groups, `{"group_by":"author","group_size":0}`, 422, "group_size"},
		{groups, `{"group_by":"author","limit":0}`, 422, "limit"},
		{groups, `{"group_by":"author","offset":1}`, 400, "offset: unknown field"},
		{groups, `{"group_by":"author","query":[1,1]}`, 400, "Not existing vector name"},
		{groups, `{"group_by":"author","query":[1,1],"using":"text"}`, 400, "expected dim: 6, got 2"},
		{groups, `{"group_by":"author","query":12345,"using":"text"}`, 404, "12345"},
		{groups, `{"group_by":"author","with_lookup":"nowhere"}`, 404, "nowhere"},
		{groups, `{"group_by":"author","with_lookup":{"with_payload":true}}`, 400, "with_lookup.collection: missing"},
		{groups, `{"group_by":"author","with_lookup":5}`, 400, "with_lookup"},
		{groups, `{"group_by":"author","with_lookup":{"collection":"lib","with_vectors":["image"]}}`, 400, "image"},
		{"/points/search/groups", `{"group_by":"author","limit":1,"group_size":1}`, 400, "vector: missing"},
		{"/points/search/groups", `{"vector":[1],"group_by":"author","group_size":1}`, 400, "limit: missing"},
		{"/points/search/groups", `{"vector":[1],"group_by":"author","limit":1}`, 400, "group_size: missing"},
	} {
		status, a, _ := l.send("POST", "/collections/lib"+c.path, c.body)
		if status != c.status || !strings.Contains(a.message(), c.says) {
			t.Errorf("%s %s: %d %q, want %d with %q", c.path, c.body, status, a.message(), c.status, c.says)
		}
		if status, a, _ := l.send("POST", "/collections/none"+c.path, `{"group_by":"a","key":"a","order_by":"a","limit":1,"group_size":1,"vector":[1]}`); status != 404 && status != 400 {
			t.Errorf("%s of no collection: %d %q", c.path, status, a.message())
		}
	}
}
