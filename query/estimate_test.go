package query_test

import (
	"fmt"
	"testing"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
)

// Without an index, an approximate count is near the truth, a count that is
// small is the truth, and samples of a matrix hold matches only, each as likely
// as any other.
func TestEstimatesWithoutIndexes(t *testing.T) {
	w := newWorld(t, 6)
	const n = 12000
	points := make([]point.Point, n)
	for i := range points {
		points[i] = point.Point{ID: point.Number(uint64(i)), Payload: fmt.Appendf(nil, `{"a":%d,"b":%d}`, i%3, i%1000),
			Vectors: []point.Vector{{Name: "image", Values: []float32{float32(i), 1, 1, 1, 1}}}}
	}
	for from := 0; from < n; from += 2000 {
		w.apply(op.Op{Kind: op.Upsert, Shard: theShard, Points: points[from : from+2000]})
	}
	count := func(text string, exact bool) int {
		f, err := filter.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := query.Count(t.Context(), w.shards(), &query.CountRequest{Filter: f, Exact: exact})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	const third, rare = `{"must":[{"key":"a","match":{"value":1}}]}`, `{"must":[{"key":"b","match":{"value":7}}]}`
	if got := count(third, true); got != n/3 {
		t.Errorf("exactly %d, want %d", got, n/3)
	}
	if got := count(third, false); got < n/4 || got > n/2 {
		t.Errorf("about %d, want about %d", got, n/3)
	}
	if got := count(rare, false); got != n/1000 {
		t.Errorf("a rare value counts %d, want %d", got, n/1000)
	}
	for text, holds := range map[string]func(uint64) bool{third: func(id uint64) bool { return id%3 == 1 }, rare: func(id uint64) bool { return id%1000 == 7 }} {
		f, err := filter.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		low := 0
		for range 20 {
			m, err := query.Distances(t.Context(), w.shards(), w.c, &query.MatrixRequest{Filter: f, Using: "image", Sample: 10, Limit: 2})
			if err != nil || len(m.IDs) != 10 {
				t.Fatalf("%d points, %v", len(m.IDs), err)
			}
			for _, id := range m.IDs {
				if !holds(id.Uint64()) {
					t.Errorf("%s: point %s does not match", text, id)
				}
				if id.Uint64() < n/2 {
					low++
				}
			}
		}
		if low < 60 || low > 140 { // 100 expected, σ at most 7
			t.Errorf("%s: %d of 200 sampled points are in the lower half", text, low)
		}
	}
}
