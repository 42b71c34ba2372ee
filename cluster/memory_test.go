package cluster

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// Many writers at once cannot pass on one reading: 885 MiB are taken, and 15 are
// left below 90 %.
func TestBudgetCountsWhatItPromised(t *testing.T) {
	b := newBudget(1000<<20, func() int64 { return 885 << 20 })
	for i, refused := range []bool{false, false, false, true} {
		if err := b.admit("a test", 4<<20, 90); errors.Is(err, ErrMemory) != refused {
			t.Errorf("admission %d: %v", i, err)
		}
	}
	if err := b.admit("a test", 21<<20, 90); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "1000 MiB") {
		t.Errorf("more than there is: %v", err)
	}
	if none := newBudget(-1, func() int64 { return 1 << 60 }); none.admit("a test", 1<<60, 1) != nil {
		t.Error("no limit refuses")
	}
}

// limited is a node with a collection, and what sets how much of its limit is in use,
// in percent.
func limited(t *testing.T) (n *Node, at func(percent int64)) {
	t.Helper()
	const limit = 1 << 30
	var percent atomic.Int64
	n = openNode(t, t.TempDir(), func(o *Options) {
		o.MemoryLimit = limit
		o.resident = func() int64 { return percent.Load() * (limit / 100) }
	})
	t.Cleanup(func() { closeNode(t, n) })
	c := newSchema(1)
	c.Optimizers.IndexingThreshold = to(1)
	if err := n.Create(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	return n, func(p int64) {
		percent.Store(p)
		time.Sleep(2 * readingAge)
	}
}

// Near the limit what takes memory is refused in turn, and a build waits for it
// while the collection answers from what is there.
func TestMemoryLimitStopsWhatTakesMost(t *testing.T) {
	n, at := limited(t)
	mustWrite(t, n, "c", upsert(span(0, 300)...))
	status := waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green })
	if status.IndexedVectors != 300 {
		t.Fatalf("%d vectors indexed", status.IndexedVectors)
	}

	at(86)
	if err := n.Create(t.Context(), "d", newSchema(1)); !errors.Is(err, ErrMemory) {
		t.Errorf("a collection at 86 %%: %v", err)
	}
	at(91)
	col, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := col.Write(t.Context(), []op.Op{upsert(span(300, 3000)...)}, Applied); !errors.Is(err, ErrMemory) {
		t.Errorf("a large write at 91 %%: %v", err)
	}
	mustWrite(t, n, "c", upsert(span(300, 500)...))
	info := waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Paused != "" })
	if info.Green || info.IndexedVectors != 300 || info.Tail != 200 || info.OptimizerError != "" || !strings.Contains(info.Paused, "MiB") {
		t.Errorf("while the build waits: %+v", info)
	}
	mustFind(t, n, "c", 450)

	at(97)
	if _, err := col.Write(t.Context(), []op.Op{upsert(501)}, Applied); !errors.Is(err, ErrMemory) {
		t.Errorf("a small write at 97 %%: %v", err)
	}
	mustWrite(t, n, "c", op.Op{Kind: op.Delete, IDs: []point.ID{point.Number(1)}})
	mustFind(t, n, "c", 450)

	at(10)
	mustWrite(t, n, "c", upsert(501)) // has the builder look at once
	info = waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green && i.Status.Paused == "" })
	if info.IndexedVectors != 500 {
		t.Errorf("with memory again: %+v", info)
	}
}

// Codes of another kind are asked for like vectors: where there is no memory for
// them, searches go on by what they go by, and once there is the codes come by
// themselves.
func TestMemoryLimitHoldsUpCodes(t *testing.T) {
	const points = 2000
	n, at := limited(t)
	mustWrite(t, n, "c", upsert(span(0, points)...))
	waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green })
	at(91)
	if _, err := n.Update(t.Context(), "c", func(c *schema.Collection) error {
		c.Quantization = []byte(`{"scalar":{"type":"int8"}}`)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	held := waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Paused != "" })
	if held.Green || !strings.Contains(held.Paused, "MiB") || held.OptimizerError != "" {
		t.Errorf("without memory for the codes: %+v", held)
	}
	mustFind(t, n, "c", 450)
	at(10)
	coded := waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green && i.Status.Paused == "" })
	if coded.ResidentBytes < held.ResidentBytes+points*4 {
		t.Errorf("%d bytes with codes, %d without", coded.ResidentBytes, held.ResidentBytes)
	}
	mustFind(t, n, "c", 450)
}

func waitUntil(t *testing.T, n *Node, name string, until func(*Info) bool) shard.Status {
	t.Helper()
	c, err := n.Collection(name)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		info, err := c.Info()
		if err != nil {
			t.Fatal(err)
		}
		if until(&info) {
			return info.Status
		}
		if time.Now().After(end) {
			t.Fatalf("still %+v", info.Status)
		}
	}
}

// mustFind asks for the point whose vector was written with its number.
func mustFind(t *testing.T, n *Node, name string, id uint64) {
	t.Helper()
	if got := nearest(t, n, name, []float32{float32(id), 1, 2, 3}); got != fmt.Sprint(id) {
		t.Errorf("%s: found %s, want %d", name, got, id)
	}
}

func nearest(t *testing.T, n *Node, name string, vector []float32) string {
	t.Helper()
	return nearestBy(t, n, name, vector, true)
}

// nearestBy finds by what every acknowledged write left, or by what is here.
func nearestBy(t *testing.T, n *Node, name string, vector []float32, linear bool) string {
	t.Helper()
	c, err := n.Collection(name)
	if err != nil {
		t.Fatal(err)
	}
	shards, err := c.Shards(t.Context(), linear)
	if err != nil {
		t.Fatal(err)
	}
	found, err := query.Run(t.Context(), shards, c.Schema(), &query.Request{Vector: vector, Limit: 1})
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %+v (%v)", name, found, err)
	}
	return found[0].ID.String()
}
