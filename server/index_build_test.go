package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/cluster"
)

// town is a collection and what it should hold.
type town struct {
	r    *running
	n    int
	gone map[int]bool
}

func (w *town) payload(i int) string {
	return fmt.Sprintf(`{"n":%d,"s":"k%d","t":"word%d and more","at":"2024-01-%02dT00:00:00Z","geo":{"lon":%d,"lat":10},"many":[%d,%d]}`,
		i%100, i%7, i%5, i%28+1, i%90, i%3, i%4)
}

func (w *town) upsert(from, to int) {
	var b strings.Builder
	for i := from; i < to; i++ {
		if i > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"vector":{},"payload":%s}`, i, w.payload(i))
		delete(w.gone, i)
	}
	w.r.must("PUT", "/collections/c/points?wait=true", `{"points":[`+b.String()+`]}`)
	w.n = max(w.n, to)
}

func (w *town) remove(i int) {
	w.r.must("POST", "/collections/c/points/delete?wait=true", fmt.Sprintf(`{"points":[%d]}`, i))
	w.gone[i] = true
}

func (w *town) expect(what, filter string, holds func(i int) bool) {
	w.r.t.Helper()
	want := 0
	for i := range w.n {
		if !w.gone[i] && holds(i) {
			want++
		}
	}
	var got struct{ Count int }
	w.r.must("POST", "/collections/c/points/count", `{"exact":true,"filter":`+filter+`}`, &got)
	if got.Count != want {
		w.r.t.Errorf("%s: %s counts %d, want %d", what, filter, got.Count, want)
	}
}

func (w *town) expectAll(what string) {
	w.r.t.Helper()
	w.expect(what, `{"must":[{"key":"n","range":{"lt":10}}]}`, func(i int) bool { return i%100 < 10 })
	w.expect(what, `{"must":[{"key":"s","match":{"value":"k3"}}]}`, func(i int) bool { return i%7 == 3 })
	w.expect(what, `{"must":[{"key":"t","match":{"text":"more WORD2"}}]}`, func(i int) bool { return i%5 == 2 })
	w.expect(what, `{"must":[{"key":"at","range":{"gte":"2024-01-20"}}]}`, func(i int) bool { return i%28 >= 19 })
	w.expect(what, `{"must":[{"key":"many","match":{"any":[2,3]}}],"must_not":[{"is_empty":{"key":"n"}}]}`, func(i int) bool { return i%3 == 2 || i%4 > 1 })
	w.expect(what, `{"must":[{"key":"geo","geo_bounding_box":{"top_left":{"lon":9.5,"lat":11},"bottom_right":{"lon":20.5,"lat":9}}}]}`, func(i int) bool { return i%90 >= 10 && i%90 <= 20 })
}

var townIndexes = map[string]string{"n": `"integer"`, "s": `"keyword"`, "t": `"text"`, "at": `"datetime"`, "geo": `"geo"`, "many": `"integer"`}

func (w *town) index(wait bool) {
	for field, schema := range townIndexes {
		w.r.must("PUT", fmt.Sprintf("/collections/c/index?wait=%v", wait), fmt.Sprintf(`{"field_name":%q,"field_schema":%s}`, field, schema))
	}
}

func (w *town) info() string {
	var info json.RawMessage
	w.r.must("GET", "/collections/c", "", &info)
	return string(info)
}

func (w *town) green() {
	w.r.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if strings.Contains(w.info(), `"status":"green"`) {
			return
		}
		if time.Now().After(end) {
			w.r.t.Fatal("the collection never turns green")
		}
	}
}

// Indexes on a living collection are built behind: answers are right before,
// during and after, while points come and go, and across restarts.
func TestIndexesAreBuiltBehind(t *testing.T) {
	dir := t.TempDir()
	options := start{dir: dir, node: cluster.Options{Groups: 2}}
	w := &town{r: serve(t, options), gone: map[int]bool{}}
	w.r.must("PUT", "/collections/c", `{"shard_number":2}`)
	for from := 0; from < 5000; from += 1000 {
		w.upsert(from, from+1000)
	}
	w.index(false)
	for i := range 40 { // of which some fall into the build
		w.remove(i * 97)
		w.upsert(i*53, i*53+3)
		w.upsert(5000+i, 5001+i)
		if i%10 == 0 {
			w.expectAll("while it is built")
		}
	}
	w.green()
	w.expectAll("complete")
	info := w.info()
	for field := range townIndexes {
		if want := fmt.Sprintf(`"points":%d}`, w.n-len(w.gone)); !strings.Contains(info, want) {
			t.Errorf("index %s: no %s in %s", field, want, info)
		}
	}

	w.r.must("DELETE", "/collections/c/index/n?wait=true", "")
	w.r.must("PUT", "/collections/c/index?wait=false", `{"field_name":"n","field_schema":"float"}`)
	w.r.must("DELETE", "/collections/c/index/n?wait=true", "") // while it is built
	w.r.must("PUT", "/collections/c/index?wait=false", `{"field_name":"n","field_schema":"integer"}`)
	w.r.must("DELETE", "/collections/c/index/t?wait=true", "")
	w.r.must("PUT", "/collections/c/index?wait=false", `{"field_name":"t","field_schema":"text"}`)
	w.r.stop()
	w.r = serve(t, options) // goes on where it was
	w.expectAll("after a restart in the middle")
	w.green()
	w.expectAll("complete after a restart")

	w.r.must("DELETE", "/collections/c/index/geo?wait=true", "")
	w.r.must("PUT", "/collections/c/index?wait=true", `{"field_name":"geo","field_schema":{"type":"geo","on_disk":true}}`)
	if info := w.info(); !strings.Contains(info, `"status":"green"`) {
		t.Errorf("wait=true answered before the index was complete: %s", info)
	}
	w.r.stop()
	w.r = serve(t, options)
	if info := w.info(); !strings.Contains(info, `"status":"green"`) {
		t.Errorf("a complete index is built again after a restart: %s", info)
	}
	w.expectAll("loaded")
	for _, place := range []string{"cold", "cached"} { // neither is built anew
		for field, kind := range townIndexes {
			w.r.must("PUT", "/collections/c/index?wait=false", fmt.Sprintf(`{"field_name":%q,"field_schema":{"type":%s,"memory":%q}}`, field, kind, place))
			if info := w.info(); !strings.Contains(info, `"status":"green"`) {
				t.Errorf("%s is built anew for its place, %s: %s", field, place, info)
			}
			w.remove(len(field) * 31)
			w.upsert(len(field)*17, len(field)*17+9)
		}
		w.expectAll(place)
		w.expectSorted(place)
		w.r.stop()
		w.r = serve(t, options)
		w.expectAll(place + ", after a restart")
		w.expectSorted(place + ", after a restart")
	}
	w.r.stop()
}

// expectSorted compares a facet, and a page by value, with what was put.
func (w *town) expectSorted(what string) {
	w.r.t.Helper()
	counts := map[string]int{}
	first := 0
	for i := range w.n {
		if !w.gone[i] {
			counts[fmt.Sprint("k", i%7)]++
			first = max(first, i%100)
		}
	}
	var facet struct {
		Hits []struct {
			Value string
			Count int
		}
	}
	w.r.must("POST", "/collections/c/facet", `{"key":"s","exact":true,"limit":100}`, &facet)
	if len(facet.Hits) != len(counts) {
		w.r.t.Errorf("%s: facet %v, want %v", what, facet.Hits, counts)
	}
	for _, h := range facet.Hits {
		if counts[h.Value] != h.Count {
			w.r.t.Errorf("%s: facet %v, want %v", what, facet.Hits, counts)
		}
	}
	var page struct {
		Points []struct {
			Payload struct{ N int }
		}
	}
	w.r.must("POST", "/collections/c/points/scroll", `{"order_by":{"key":"n","direction":"desc"},"limit":30,"with_payload":true}`, &page)
	last := first
	for _, p := range page.Points {
		if p.Payload.N > last {
			w.r.t.Errorf("%s: %v comes after %d", what, p, last)
		}
		last = p.Payload.N
	}
	if len(page.Points) != 30 || page.Points[0].Payload.N != first {
		w.r.t.Errorf("%s: a page of %v, want 30 from %d down", what, page.Points, first)
	}
}
