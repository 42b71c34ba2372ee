package cluster

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// An index of new settings that is half built when the node stops goes on with the
// next start. A graph of the old settings serves meanwhile, and what was written
// and deleted between is in the new one, or not.
func TestRebuildGoesOnAfterARestart(t *testing.T) {
	if testing.Short() {
		t.Skip("two graphs of 8,000 points; the race detector needs minutes for them")
	}
	for _, kind := range []string{schema.Graph, schema.Hashed} {
		t.Run("from "+kind, func(t *testing.T) { rebuildGoesOn(t, kind) })
	}
}

func rebuildGoesOn(t *testing.T, kind string) {
	const points = 8000
	dir, log := t.TempDir(), new(logged)
	options := func(o *Options) { imaged(o, log); o.Upkeep.Image = -1 }
	n := openNode(t, dir, options)
	c := newSchema(1)
	c.Optimizers.IndexingThreshold, c.HNSW.M, c.HNSW.EfConstruct, c.HNSW.FullScanThreshold = to(1), 8, 32, 10
	if kind != schema.Graph {
		c.Vectors[0].Index = &schema.Index{Type: kind, Tables: 4, Bits: 8}
	}
	if err := n.Create(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	for from := uint64(0); from < points; from += 2000 {
		mustWrite(t, n, "c", upsert(span(from, from+2000)...))
	}
	waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green && i.Status.IndexedVectors == points })
	mustShape(t, n, 16, 400)
	for until := time.Now().Add(30 * time.Second); !rebuilding(t, n); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("no rebuild is seen")
		}
	}
	closeNode(t, n)
	if halves(t, dir) != 1 {
		t.Fatal("the half that was built is not saved")
	}

	n = openNode(t, dir, options)
	if st := waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Points == points }); kind == schema.Graph && st.IndexedVectors != points {
		t.Errorf("%d of %d vectors are in the index that serves", st.IndexedVectors, points)
	}
	mustWrite(t, n, "c", op.Op{Kind: op.Delete, IDs: []point.ID{point.Number(17), point.Number(7000)}}, upsert(90_000))
	for until := time.Now().Add(30 * time.Second); halves(t, dir) > 0 || rebuilding(t, n); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the rebuild does not end")
		}
	}
	waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green && i.Status.IndexedVectors == points-1 })
	if !strings.Contains(log.String(), "goes on") {
		t.Error("it was built from the start")
	}
	check := func() {
		t.Helper()
		mustCount(t, n, "c", points-1)
		for _, id := range []uint64{0, 16, 18, 4000, 6999, 7001, points - 1, 90_000} {
			mustFindAt(t, n, float32(id), id)
		}
	}
	check()
	closeNode(t, n)
	log.reset()
	n = openNode(t, dir, options)
	defer func() { closeNode(t, n) }()
	waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green && i.Status.IndexedVectors == points-1 })
	check()
	if text := log.String(); strings.Contains(text, "goes on") || strings.Contains(text, "not usable") {
		t.Errorf("the new graph is not there after a restart: %s", text)
	}
}

func mustShape(t *testing.T, n *Node, m, ef int) {
	t.Helper()
	_, err := n.Update(t.Context(), "c", func(c *schema.Collection) error {
		c.HNSW.M, c.HNSW.EfConstruct = m, ef
		c.Vectors[0].Index = nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rebuilding says whether a block of a rebuild is done and others are not.
func rebuilding(t *testing.T, n *Node) bool {
	t.Helper()
	c, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	work, err := c.Work()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(work[0].Running, func(j shard.Job) bool { return j.Kind == shard.Reindexing && j.Done > 0 })
}

// halves counts the files of indexes that do not serve yet.
func halves(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "groups", "*", "index", "*", "*.next"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}
