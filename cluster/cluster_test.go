package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/crashed"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openNode(t *testing.T, dir string, change ...func(*Options)) *Node {
	t.Helper()
	o := Options{Dir: dir, Groups: 3, Logger: quiet(), DiskReserve: -1, MemTableBytes: 1 << 20}
	for _, c := range change {
		c(&o)
	}
	n, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return n
}

func closeNode(t *testing.T, n *Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func newSchema(shards uint32) schema.Collection {
	c := schema.Defaults()
	c.ShardNumber = shards
	c.Vectors = []schema.Vector{{Size: 4, Metric: index.Euclid}}
	return c
}

func upsert(ids ...uint64) op.Op {
	o := op.Op{Kind: op.Upsert}
	for _, id := range ids {
		o.Points = append(o.Points, point.Point{
			ID: point.Number(id), Payload: fmt.Appendf(nil, `{"n":%d}`, id),
			Vectors: []point.Vector{{Values: []float32{float32(id), 1, 2, 3}}},
		})
	}
	return o
}

func span(from, to uint64) (ids []uint64) {
	for i := from; i < to; i++ {
		ids = append(ids, i)
	}
	return ids
}

func mustWrite(t *testing.T, n *Node, name string, ops ...op.Op) {
	t.Helper()
	c, err := n.Collection(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(t.Context(), ops, Applied); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func mustCount(t *testing.T, n *Node, name string, want int) {
	t.Helper()
	c, err := n.Collection(name)
	if err != nil {
		t.Fatal(err)
	}
	shards, err := c.Shards(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	got, err := query.Count(t.Context(), shards, &query.CountRequest{Exact: true})
	if err != nil || got != want {
		t.Fatalf("%s has %d points (%v), want %d", name, got, err, want)
	}
}

func TestWritesSurviveReopen(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	for _, shards := range []uint32{1, 4, 7} {
		name := fmt.Sprint("c", shards)
		if err := n.Create(t.Context(), name, newSchema(shards)); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, n, name, upsert(span(0, 500)...))
		mustWrite(t, n, name, op.Op{Kind: op.Delete, IDs: []point.ID{point.Number(3), point.Number(4), point.Number(9999)}})
		mustWrite(t, n, name, op.Op{Kind: op.Delete, Filter: []byte(`{"must":{"key":"n","range":{"lt":100}}}`)})
		mustCount(t, n, name, 400)
	}
	closeNode(t, n)
	n = openNode(t, dir)
	defer closeNode(t, n)
	if got := n.Names(); !slices.Equal(got, []string{"c1", "c4", "c7"}) {
		t.Fatalf("names: %v", got)
	}
	for _, name := range n.Names() {
		mustCount(t, n, name, 400)
	}
}

// A copy of the files as they lie is what kill -9 leaves.
func TestCrashReplaysTheLog(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir, func(o *Options) { o.LogBytes = 32 << 10 })
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(2)); err != nil {
		t.Fatal(err)
	}
	for round := range uint64(3) {
		for i := range uint64(10) {
			mustWrite(t, n, "c", upsert(span(round*1000+i*50, round*1000+i*50+50)...))
		}
		again := openNode(t, crashed.Copy(t, dir))
		mustCount(t, again, "c", 500*int(round+1))
		closeNode(t, again)
	}
}

func TestConcurrentWritesToManyCollections(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			name := fmt.Sprint("c", w%4)
			if err := n.Create(t.Context(), name, newSchema(2)); err != nil && !errors.Is(err, ErrExists) {
				t.Error(err)
			}
			for i := range uint64(20) {
				c, err := n.Collection(name)
				if err == nil {
					_, err = c.Write(t.Context(), []op.Op{upsert(uint64(w)*1000 + i)}, Applied)
				}
				if err != nil && !errors.Is(err, ErrNotFound) { // being made by the other
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, name := range n.Names() {
		if ok, err := n.Delete(t.Context(), name); !ok || err != nil {
			t.Errorf("delete %s: %v %v", name, ok, err)
		}
	}
	if s := n.Stats(); s.Shards != 0 || s.Collections != 0 {
		t.Fatalf("left behind: %+v", s)
	}
}

func TestAliases(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	for _, name := range []string{"a", "b"} {
		if err := n.Create(t.Context(), name, newSchema(1)); err != nil {
			t.Fatal(err)
		}
	}
	do := func(actions ...AliasAction) error { return n.ChangeAliases(t.Context(), actions) }
	if err := do(AliasAction{Kind: CreateAlias, Alias: "live", Collection: "a"}); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "live", upsert(1))
	mustCount(t, n, "a", 1)
	swap := []AliasAction{{Kind: DeleteAlias, Alias: "live"}, {Kind: CreateAlias, Alias: "live", Collection: "b"}}
	if err := do(swap...); err != nil {
		t.Fatal(err)
	}
	mustCount(t, n, "live", 0)
	if err := do(AliasAction{Kind: DeleteAlias, Alias: "live"}, AliasAction{Kind: CreateAlias, Alias: "x", Collection: "none"}); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an alias to nothing: %v", err)
	}
	mustCount(t, n, "live", 0) // the failed change left everything
	if err := do(AliasAction{Kind: CreateAlias, Alias: "a", Collection: "b"}); !errors.Is(err, ErrExists) {
		t.Fatalf("an alias over a collection: %v", err)
	}
	if err := n.Create(t.Context(), "live", newSchema(1)); !errors.Is(err, ErrExists) {
		t.Fatalf("a collection over an alias: %v", err)
	}
	if err := do(AliasAction{Kind: RenameAlias, Alias: "live", NewAlias: "now"}); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	n = openNode(t, dir)
	defer closeNode(t, n)
	if got := n.Aliases(); !slices.Equal(got, []Alias{{"now", "b"}}) {
		t.Fatalf("aliases: %v", got)
	}
	if _, err := n.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if got := n.Aliases(); len(got) != 0 {
		t.Fatalf("an alias outlives its collection: %v", got)
	}
}

func TestDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	if _, err := Open(t.Context(), Options{Dir: dir, Logger: quiet()}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second opener: %v", err)
	}
	closeNode(t, n)
	if _, err := Open(t.Context(), Options{Dir: dir, Groups: 1, Logger: quiet()}); err == nil {
		t.Error("fewer groups than before were accepted")
	}
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte(`{"kith_data_format":99}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir, Groups: 3, Logger: quiet()}); !errors.Is(err, ErrFormat) {
		t.Errorf("an unknown format: %v", err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.doc"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: foreign, Logger: quiet()}); !errors.Is(err, ErrFormat) {
		t.Errorf("somebody's directory: %v", err)
	}
}

func TestReconcileMendsHalfDoneChanges(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	if err := n.Create(t.Context(), "gone", newSchema(3)); err != nil {
		t.Fatal(err)
	}
	// A crash after the cluster group's entry and before those of the groups.
	c := newSchema(3)
	if _, err := n.command(t.Context(), command{Create: &createCommand{Name: "half", Schema: &c, Groups: 3}}); err != nil {
		t.Fatal(err)
	}
	name := "gone"
	if _, err := n.command(t.Context(), command{Delete: &name}); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	n = openNode(t, dir)
	defer closeNode(t, n)
	mustWrite(t, n, "half", upsert(span(0, 50)...))
	mustCount(t, n, "half", 50)
	if s := n.Stats(); s.Shards != 3 {
		t.Fatalf("%d shards are left, want 3", s.Shards)
	}
}

func TestUpdateKeepsBothOfTwoChanges(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(2)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := n.Update(t.Context(), "c", func(c *schema.Collection) error {
				seen := map[string]int{}
				if c.Metadata != nil {
					if err := json.Unmarshal(c.Metadata, &seen); err != nil {
						return err
					}
				}
				seen[fmt.Sprint(i)] = i
				var err error
				c.Metadata, err = json.Marshal(seen)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	if err := json.Unmarshal(c.Schema().Metadata, &seen); err != nil || len(seen) != 8 {
		t.Fatalf("%d of 8 changes are left (%v)", len(seen), err)
	}
}

func TestDroppedCollectionsGiveTheirDiskBack(t *testing.T) {
	n := openNode(t, t.TempDir(), func(o *Options) { o.Groups = 1 })
	defer closeNode(t, n)
	wide := newSchema(1)
	wide.Vectors[0].Size = 1024
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"a", "b", "c"} {
		if err := n.Create(t.Context(), name, wide); err != nil {
			t.Fatal(err)
		}
		for batch := range uint64(20) {
			o := op.Op{Kind: op.Upsert}
			for i := range uint64(128) {
				v := make([]float32, 1024)
				for d := range v {
					v[d] = rng.Float32()
				}
				o.Points = append(o.Points, point.Point{ID: point.Number(batch*128 + i), Vectors: []point.Vector{{Values: v}}})
			}
			mustWrite(t, n, name, o)
		}
	}
	for _, g := range n.groups {
		if err := g.snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	before := n.Stats().Groups[0].Store.DiskBytes
	for _, name := range []string{"a", "c"} {
		if _, err := n.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		if n.Stats().Groups[0].Store.DiskBytes < before/2 {
			mustCount(t, n, "b", 20*128)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%d of %d bytes are still on the disk", n.Stats().Groups[0].Store.DiskBytes, before)
}

func TestFullDiskRefusesWritesAndServesReads(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(1)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(1, 2, 3))
	free, err := n.disk.free()
	if err != nil {
		t.Fatal(err)
	}
	n.disk.reserve = free + free/2
	c, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(t.Context(), []op.Op{upsert(4)}, Applied); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("write on a full disk: %v", err)
	}
	if err := n.Create(t.Context(), "d", newSchema(1)); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("create on a full disk: %v", err)
	}
	mustCount(t, n, "c", 3)
	mustWrite(t, n, "c", op.Op{Kind: op.Delete, IDs: []point.ID{point.Number(1)}})
	n.disk.reserve = 1
	mustWrite(t, n, "c", upsert(4))
	mustCount(t, n, "c", 3)
}

// A failed sync leaves unknown bytes on the disk: nothing may be added to them.
func TestFailedSyncStopsWritesAndServesReads(t *testing.T) {
	n := openNode(t, t.TempDir(), func(o *Options) { o.Groups = 1 })
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(1)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(1))
	why := fmt.Errorf("%w: input/output error", ErrFailed)
	n.groups[0].member.log.fault.Store(&why)
	c, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(t.Context(), []op.Op{upsert(2)}, Applied); !errors.Is(err, ErrFailed) {
		t.Fatalf("write after a failed sync: %v", err)
	}
	shards, err := c.Shards(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := query.Count(t.Context(), shards, &query.CountRequest{Exact: true}); got != 1 || err != nil {
		t.Fatalf("count: %d, %v", got, err)
	}
}

func TestClosedNodeRefuses(t *testing.T) {
	n := openNode(t, t.TempDir())
	if err := n.Create(t.Context(), "c", newSchema(1)); err != nil {
		t.Fatal(err)
	}
	c, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	if _, err := c.Write(t.Context(), []op.Op{upsert(1)}, Applied); !errors.Is(err, ErrClosed) {
		t.Fatalf("write after close: %v", err)
	}
}

func TestLargeWriteBecomesSeveralEntries(t *testing.T) {
	c := &Collection{r: &record{Shards: []placement{{Shard: 1, Group: 0}}}}
	w := &writer{c: c, groups: map[schema.GroupID]*entries{}}
	big := make([]float32, 1<<20)
	o := op.Op{Kind: op.Upsert}
	for i := range uint64(20) {
		o.Points = append(o.Points, point.Point{ID: point.Number(i), Vectors: []point.Vector{{Values: big}}})
	}
	w.add(&o)
	w.add(&op.Op{Kind: op.CreateIndex, Field: "n"})
	next := upsert(1)
	w.add(&next)
	points, last := 0, uint64(0)
	list := w.groups[0].list
	for i, ops := range list {
		for _, o := range ops {
			for _, p := range o.Points[:min(len(o.Points), 20)] {
				if i < len(list)-1 && p.ID.Uint64() < last {
					t.Error("points lost their order")
				}
				last = p.ID.Uint64()
				points++
			}
			if o.Kind == op.CreateIndex && len(ops) > 1 {
				t.Error("an index operation shares its entry")
			}
		}
	}
	if points != 21 || len(list) != 6 {
		t.Fatalf("%d points in %d entries, want 21 in 6", points, len(list))
	}
}
