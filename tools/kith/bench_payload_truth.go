package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith/client"
)

const (
	payloadCollection = "payload"
	benchDims         = 8
)

// benchFields are the fields of a point and their indexes.
var benchFields = []struct{ field, kind string }{
	{"few", "keyword"}, {"unique", "keyword"}, {"tags", "keyword"}, {"count", "integer"}, {"price", "float"},
	{"ok", "bool"}, {"at", "datetime"}, {"place", "geo"}, {"words", "text"}, {"ref", "uuid"},
}

var benchWords = [...]string{"red", "green", "blue", "cat", "dog", "tree", "house", "river", "stone", "cloud", "north", "south"}

// mix is a number that looks random and is the same every time.
func mix(i int) int { return int(uint32(i) * 2654435761 >> 4) }

// benchText is eight words.
func benchText(i int) string {
	words := make([]string, 8)
	for k := range words {
		words[k] = benchWords[(mix(i)+i*k+k*k)%len(benchWords)]
	}
	return strings.Join(words, " ")
}

func benchPlace(i int) (lon, lat float64) {
	return float64(mix(i)%36000)/100 - 180, float64(i%17000)/100 - 85
}

func benchVector(i int) []float32 {
	v := make([]float32, benchDims)
	for d := range v {
		v[d] = float32(mix(i*benchDims+d)%1000) / 1000
	}
	return v
}

func benchPoint(i int) client.Point {
	m := mix(i)
	lon, lat := benchPlace(i)
	return client.Point{ID: client.Number(uint64(i)), Vectors: client.Vectors{"": benchVector(i)}, Payload: map[string]any{
		"few": fmt.Sprintf("kind-%d", m%20), "unique": fmt.Sprintf("user-%d", i), "tags": []string{fmt.Sprint("t", m%50), fmt.Sprint("t", i%7)},
		"count": m % 100_000, "price": float64(m%1_000_000)/100 + 0.005, "ok": m%3 == 0,
		"at":    time.Unix(1_600_000_000+int64(m%100_000_000), 0).UTC().Format(time.RFC3339),
		"place": map[string]float64{"lon": lon, "lat": lat},
		"words": benchText(i), "ref": fmt.Sprintf("00000000-0000-4000-8000-%012x", m),
	}}
}

// question is one kind of request; run answers how much it found, and an error
// where that is not what was generated.
type question struct {
	name    string
	indexed bool // it needs an index to be answered at all
	run     func(context.Context) (int, error)
}

// truth is what the points are, without asking a server.
type truth struct{ n int }

func newTruth(n int) truth { return truth{n} }

// which counts the points for which a condition holds.
func (t truth) which(holds func(i, m int) bool) (list []int) {
	for i := range t.n {
		if holds(i, mix(i)) {
			list = append(list, i)
		}
	}
	return list
}

func raw(text string) client.Condition { return client.RawCondition(json.RawMessage(text)) }

func all(c ...client.Condition) *client.Filter { return &client.Filter{Must: c} }

// near is the great circle's distance on the sphere that the filters use.
func near(lon, lat, toLon, toLat, meters float64) bool {
	const radius, degree = 6_371_008.8, math.Pi / 180
	u, v := math.Sin((toLat-lat)*degree/2), math.Sin((toLon-lon)*degree/2)
	h := u*u + math.Cos(lat*degree)*math.Cos(toLat*degree)*v*v
	return 2*radius*math.Asin(math.Sqrt(h)) < meters
}

// questions asks of a server what truth knows.
func (t truth) questions(kith *client.Client) []question {
	few, low := client.Match("few", "kind-3"), client.Range("count", client.Bounds{Lt: ptr(50_000.0)})
	isFew := func(_, m int) bool { return m%20 == 3 }
	isLow := func(_, m int) bool { return m%100_000 < 50_000 }
	count := func(name string, f *client.Filter, holds func(i, m int) bool) question {
		want := len(t.which(holds))
		return question{name: "count " + name, run: func(ctx context.Context) (int, error) {
			n, err := kith.Count(ctx, payloadCollection, f)
			return n, cmp.Or(err, differs(n, want))
		}}
	}
	words := count("two words", all(raw(`{"key":"words","match":{"text":"river stone"}}`)), bothWords)
	words.indexed = true
	since := time.Unix(1_690_000_000, 0).UTC().Format(time.RFC3339)
	return []question{
		count("keyword", all(few), isFew),
		count("unique keyword", all(client.Match("unique", "user-77")), func(i, _ int) bool { return i == 77 }),
		count("any of an array", all(client.MatchAny("tags", "t1", "t2")), func(i, m int) bool { return m%50 == 1 || m%50 == 2 || i%7 == 1 || i%7 == 2 }),
		count("narrow integer range", all(client.Range("count", client.Bounds{Lt: ptr(100.0)})), func(_, m int) bool { return m%100_000 < 100 }),
		count("wide float range", all(client.Range("price", client.Bounds{Gt: ptr(5000.0)})), func(_, m int) bool { return m%1_000_000 >= 500_000 }),
		count("datetime range", all(raw(`{"key":"at","range":{"gte":"`+since+`"}}`)), func(_, m int) bool { return m%100_000_000 >= 90_000_000 }),
		count("geo radius", all(raw(`{"key":"place","geo_radius":{"center":{"lon":13,"lat":52},"radius":200000}}`)), func(i, _ int) bool {
			lon, lat := benchPlace(i)
			return near(13, 52, lon, lat, 200_000)
		}),
		words,
		count("is_empty", all(client.IsEmpty("price")), func(int, int) bool { return false }),
		count("values_count", all(raw(`{"key":"tags","values_count":{"gte":2}}`)), func(int, int) bool { return true }),
		count("keyword and range, not bool", &client.Filter{Must: []client.Condition{few, low}, MustNot: []client.Condition{client.Match("ok", true)}},
			func(i, m int) bool { return isFew(i, m) && isLow(i, m) && m%3 != 0 }),
		t.page(kith, all(few), isFew),
		t.nearest(kith, all(few), isFew),
		t.ordered(kith, "integer", "count", func(m int) int { return m % 100_000 }, isFew),
		t.ordered(kith, "datetime", "at", func(m int) int { return m % 100_000_000 }, isFew),
		t.facet(kith, "facet of 20 values", nil, func(int, int) bool { return true }),
		t.facet(kith, "facet of 20 values, filtered by a range", all(low), isLow),
	}
}

// bothWords tells whether a text has river and stone. Without an index the
// condition looks for the two in a row, as a part of the text.
func bothWords(i, _ int) bool {
	text := benchText(i)
	return strings.Contains(text, "river") && strings.Contains(text, "stone")
}

func differs(got, want int) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("found %d, want %d", got, want)
}

// same compares the ids of a page with those it should have.
func same[R any](page []R, id func(*R) client.ID, want []int) (int, error) {
	if len(page) != len(want) {
		return len(page), differs(len(page), len(want))
	}
	for i := range page {
		if id(&page[i]) != client.Number(uint64(want[i])) {
			return len(page), fmt.Errorf("place %d of the page has point %v, want %d", i, id(&page[i]), want[i])
		}
	}
	return len(page), nil
}

const benchPage = 100

func (t truth) page(kith *client.Client, f *client.Filter, holds func(i, m int) bool) question {
	want := t.which(holds)
	want = want[:min(benchPage, len(want))]
	return question{name: "page of 100, filtered, in id order", run: func(ctx context.Context) (int, error) {
		page, _, err := kith.Scroll(ctx, payloadCollection, client.ScrollRequest{Filter: f, Limit: benchPage, Select: client.Select{Payload: true}})
		if err != nil {
			return 0, err
		}
		return same(page, func(r *client.Record) client.ID { return r.ID }, want)
	}}
}

func (t truth) ordered(kith *client.Client, kind, field string, value func(m int) int, holds func(i, m int) bool) question {
	want := t.which(holds)
	slices.SortStableFunc(want, func(a, b int) int { return cmp.Compare(value(mix(a)), value(mix(b))) })
	want = want[:min(benchPage, len(want))]
	few := all(client.Match("few", "kind-3"))
	return question{name: "page of 100, filtered, by " + kind, indexed: true, run: func(ctx context.Context) (int, error) {
		page, err := kith.ScrollBy(ctx, payloadCollection, client.OrderBy{Key: field}, client.ScrollRequest{Filter: few, Limit: benchPage})
		if err != nil {
			return 0, err
		}
		return same(page, func(r *client.OrderedRecord) client.ID { return r.ID }, want)
	}}
}

func (t truth) facet(kith *client.Client, name string, f *client.Filter, holds func(i, m int) bool) question {
	want := map[string]int{}
	for _, i := range t.which(holds) {
		want[fmt.Sprintf(`"kind-%d"`, mix(i)%20)]++
	}
	return question{name: name, indexed: true, run: func(ctx context.Context) (int, error) {
		hits, err := kith.Facet(ctx, payloadCollection, client.Facet{Key: "few", Limit: 100, Filter: f})
		if err != nil {
			return 0, err
		}
		for _, h := range hits {
			if want[string(h.Value)] != h.Count {
				return len(hits), fmt.Errorf("%s counts %d, want %d", h.Value, h.Count, want[string(h.Value)])
			}
		}
		return len(hits), differs(len(hits), len(want))
	}}
}

// nearest looks at the distances: of equal ones any point will do.
func (t truth) nearest(kith *client.Client, f *client.Filter, holds func(i, m int) bool) question {
	query := benchVector(-1)
	var want []float64
	for _, i := range t.which(holds) {
		sum := 0.0
		for d, x := range benchVector(i) {
			sum += float64(x-query[d]) * float64(x-query[d])
		}
		want = append(want, math.Sqrt(sum))
	}
	slices.Sort(want)
	want = want[:min(10, len(want))]
	return question{name: "10 nearest, filtered by keyword", run: func(ctx context.Context) (int, error) {
		hits, err := kith.Query(ctx, payloadCollection, client.Query{Vector: query, Filter: f, Limit: 10})
		if err != nil || len(hits) != len(want) {
			return len(hits), cmp.Or(err, differs(len(hits), len(want)))
		}
		for i, h := range hits {
			if math.Abs(float64(h.Score)-want[i]) > 1e-5 {
				return len(hits), fmt.Errorf("hit %d is at %g, want %g", i, h.Score, want[i])
			}
		}
		return len(hits), nil
	}}
}
