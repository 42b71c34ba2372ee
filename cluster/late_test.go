package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// Points that took the slots of dead ones are found before any graph has them,
// whatever decides the filter: nothing, stored payloads, or a payload index.
func TestPointsInReusedSlotsAreFoundAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("a graph of 40,000 points; the race detector needs minutes for it")
	}
	const points, gone = 41_000, 1000 // from 40,000 on, a walk is weighed against reading all payloads
	n := openNode(t, t.TempDir(), func(o *Options) {
		o.Upkeep = shard.Upkeep{Garbage: 100, Tidy: 20, Stretch: 64, Calm: 20 * time.Millisecond}
	})
	defer func() { closeNode(t, n) }()
	c := newSchema(1)
	c.Optimizers.IndexingThreshold, c.HNSW.FullScanThreshold, c.HNSW.M, c.HNSW.EfConstruct = to(1), 10, 6, 16
	if err := n.Create(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	write := func(from, next uint64) {
		o := upsert(span(from, next)...)
		for i := range o.Points {
			o.Points[i].Payload = fmt.Appendf(nil, `{"side":"%s"}`, []string{"left", "right"}[i*i/3%2]) // in no step with a sample of every n-th
		}
		mustWrite(t, n, "c", o)
	}
	for from := uint64(0); from < points; from += 4100 {
		write(from, from+4100)
	}
	waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green && i.Status.IndexedVectors == points })
	var ids []point.ID
	for i := range uint64(gone) {
		ids = append(ids, point.Number(i))
	}
	mustWrite(t, n, "c", op.Op{Kind: op.Delete, IDs: ids})
	waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Deleted == 0 && i.Status.IndexedVectors == points-gone })
	if _, err := n.Update(t.Context(), "c", func(c *schema.Collection) error {
		c.Optimizers.MaxOptimizationThreads = to(0)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	write(100_000, 100_200)
	if st := waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Points == points-gone+200 }); st.Tail != 200 || st.IndexedVectors != points-gone {
		t.Fatalf("the graph has the new points, which this test is about: %+v", st)
	}
	for when, text := range map[string]string{"no filter": `{}`, "a filter by stored payloads": `{"must":[{"key":"side","match":{"value":"right"}}]}`} {
		f, err := filter.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, exact := found(t, n, f, false), found(t, n, f, true); got != exact {
			t.Errorf("%s: found %s, there are %s", when, got, exact)
		}
	}
}

func found(t *testing.T, n *Node, f *filter.Filter, exact bool) string {
	t.Helper()
	c, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	shards, err := c.Shards(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	out, err := query.Run(t.Context(), shards, c.Schema(), &query.Request{Vector: []float32{100_101, 1, 2, 3}, Limit: 5, Filter: f, Exact: exact, Ef: 32})
	if err != nil {
		t.Fatal(err)
	}
	ids := ""
	for _, hit := range out {
		ids += hit.ID.String() + " "
	}
	return ids
}
