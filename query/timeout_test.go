package query_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
)

// A read whose time has passed answers that, and does next to nothing.
func TestReadsEndWithTheirTime(t *testing.T) {
	w := newWorld(t, 5)
	const n = 20000
	points := make([]point.Point, n)
	for i := range points {
		points[i] = point.Point{ID: point.Number(uint64(i)), Payload: []byte(`{"city":"Berlin","n":1}`),
			Vectors: []point.Vector{{Name: "image", Values: w.vector(5)}}}
	}
	for from := 0; from < n; from += 2000 {
		w.apply(op.Op{Kind: op.Upsert, Shard: theShard, Points: points[from : from+2000]})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slow, err := filter.Parse([]byte(`{"must":[{"key":"city","match":{"value":"Berlin"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	path, err := filter.ParsePath("city")
	if err != nil {
		t.Fatal(err)
	}
	near := query.Request{Vector: []float32{1, 2, 3, 4, 5}, Using: "image", Limit: 10}
	filtered, exact, wide := near, near, near
	filtered.Filter, exact.Exact, wide.Ef = slow, true, n
	for name, read := range map[string]func() error{
		"scan":   func() error { return second(query.Run(ctx, w.shards(), w.c, &exact)) },
		"filter": func() error { return second(query.Run(ctx, w.shards(), w.c, &filtered)) },
		"walk":   func() error { return second(query.Run(ctx, w.shards(), w.c, &wide)) },
		"list":   func() error { return second(query.Run(ctx, w.shards(), w.c, &query.Request{Limit: n, Filter: slow})) },
		"count": func() error {
			return second(query.Count(ctx, w.shards(), &query.CountRequest{Filter: slow, Exact: true}))
		},
		"about": func() error { return second(query.Count(ctx, w.shards(), &query.CountRequest{Filter: slow})) },
		"groups": func() error {
			return second(query.Groups(ctx, w.shards(), w.c, &query.GroupsRequest{Request: near, By: path, Size: 3}))
		},
		"matrix": func() error {
			return second(query.Distances(ctx, w.shards(), w.c, &query.MatrixRequest{Using: "image", Sample: 1000, Limit: 3, Filter: slow}))
		},
		"scroll": func() error {
			_, _, err := query.Scroll(ctx, w.shards(), &query.ScrollRequest{Filter: slow, Limit: n})
			return err
		},
	} {
		if err := read(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the context's error", name, err)
		}
	}
	for name, r := range map[string]query.Request{"scan": exact, "filter": filtered, "walk": wide} {
		work, err := query.WorkOf(ctx, w.shards(), &r)
		if !errors.Is(err, context.Canceled) || work.Distances > n/4 {
			t.Errorf("%s: %+v of work after the end, %v", name, work, err)
		}
		whole, err := query.WorkOf(t.Context(), w.shards(), &r)
		if err != nil || whole.Distances < n/4 && name != "filter" {
			t.Errorf("%s: %+v of work when left alone, %v: too little to tell", name, whole, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
