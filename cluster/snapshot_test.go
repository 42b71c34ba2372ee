package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/archive"
	"github.com/kithdb/kith/storage/crashed"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// contents is what a collection holds, by id.
func contents(t *testing.T, n *Node, name string) map[string]string {
	t.Helper()
	c, err := n.Collection(name)
	if err != nil {
		t.Fatal(err)
	}
	shards, err := c.Shards(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	all := point.Selector{Payload: point.PayloadSelector{Enable: true}, Vector: point.VectorSelector{Enable: true}}
	points, next, err := query.Scroll(t.Context(), shards, &query.ScrollRequest{Limit: 1 << 20, Select: all})
	if err != nil || next != nil {
		t.Fatal(err, next)
	}
	out := map[string]string{}
	for _, p := range points {
		out[p.ID.String()] = fmt.Sprintf("%d %s %v", p.Version, p.Payload, p.Vectors)
	}
	return out
}

func mustSnapshot(t *testing.T, n *Node, name string, shard int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := n.Snapshot(t.Context(), name, shard, &b); err != nil {
		t.Fatal(err)
	}
	if _, _, err := archive.Verify(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatalf("our own snapshot: %v", err)
	}
	return b.Bytes()
}

func sameContents(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Fatalf("%d points, want %d, or they differ", len(got), len(want))
	}
}

// noLitter says that a closed node's directory has no rows, files or shards of
// recoveries beside the collections'.
func noLitter(t *testing.T, n *Node) {
	t.Helper()
	want := 0
	for _, r := range n.meta.records() {
		want += len(r.Shards)
	}
	if got := n.Stats().Shards; got != want {
		t.Errorf("%d shards are open, the collections have %d", got, want)
	}
	for _, g := range n.groups {
		left, _ := filepath.Glob(filepath.Join(n.o.Dir, "groups", fmt.Sprintf("%03d", g.id), "transfer", "*"))
		indexes, _ := filepath.Glob(filepath.Join(n.o.Dir, "groups", fmt.Sprintf("%03d", g.id), "index", "*"))
		for _, dir := range indexes {
			if !slices.ContainsFunc(g.replica.Shards(), func(id schema.ShardID) bool { return fmt.Sprint(id) == filepath.Base(dir) }) {
				left = append(left, dir)
			}
		}
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestRecoverUnderTheSameAndAnotherNameAndNode(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	for _, shards := range []uint32{1, 5} {
		name := fmt.Sprint("c", shards)
		if err := n.Create(t.Context(), name, newSchema(shards)); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, n, name, op.Op{Kind: op.CreateIndex, Field: "n", FieldSchema: []byte(`"integer"`)})
		mustWrite(t, n, name, upsert(span(0, 700)...))
		mustWrite(t, n, name, upsert(point0, 3), op.Op{Kind: op.Delete, IDs: []point.ID{point.Number(7)}})
		before := contents(t, n, name)
		snap := mustSnapshot(t, n, name, WholeCollection)
		mustWrite(t, n, name, upsert(span(5000, 5100)...))
		if err := n.Recover(t.Context(), "other", WholeCollection, bytes.NewReader(snap)); err != nil {
			t.Fatal(err)
		}
		if err := n.Recover(t.Context(), name, WholeCollection, bytes.NewReader(snap)); err != nil {
			t.Fatal(err)
		}
		sameContents(t, contents(t, n, name), before)
		sameContents(t, contents(t, n, "other"), before)
		mustWrite(t, n, name, op.Op{Kind: op.Delete, Filter: []byte(`{"must":{"key":"n","range":{"lt":100}}}`)})
		mustCount(t, n, name, 700-99)
		mustCount(t, n, "other", len(before))
		again := openNode(t, t.TempDir())
		if err := again.Recover(t.Context(), "moved", WholeCollection, bytes.NewReader(snap)); err != nil {
			t.Fatal(err)
		}
		sameContents(t, contents(t, again, "moved"), before)
		noLitter(t, again)
		closeNode(t, again)
		if ok, err := n.Delete(t.Context(), "other"); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	noLitter(t, n)
	was := contents(t, n, "c5")
	closeNode(t, n)
	n = openNode(t, dir)
	defer closeNode(t, n)
	sameContents(t, contents(t, n, "c5"), was)
	noLitter(t, n)
}

const point0 = 701

func TestRecoverOneShard(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(3)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 300)...))
	before := contents(t, n, "c")
	snap := mustSnapshot(t, n, "c", 1)
	mustWrite(t, n, "c", op.Op{Kind: op.Delete, Filter: []byte(`{}`)})
	mustCount(t, n, "c", 0)
	if err := n.Recover(t.Context(), "c", 2, bytes.NewReader(snap)); !errors.Is(err, ErrSnapshot) {
		t.Errorf("points of shard 1 were taken into shard 2: %v", err)
	}
	mustCount(t, n, "c", 0)
	if err := n.Recover(t.Context(), "c", 1, bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	got := contents(t, n, "c")
	for id, text := range got {
		if before[id] != text {
			t.Errorf("point %s is %s, was %s", id, text, before[id])
		}
	}
	if len(got) == 0 || len(got) >= 300 {
		t.Errorf("%d points of a shard", len(got))
	}
	for _, wrong := range []error{
		n.Recover(t.Context(), "c", WholeCollection, bytes.NewReader(snap)),
		n.Recover(t.Context(), "c", 3, bytes.NewReader(snap)),
		n.Recover(t.Context(), "nobody", 0, bytes.NewReader(snap)),
	} {
		if !errors.Is(wrong, ErrSnapshot) && !errors.Is(wrong, ErrNotFound) {
			t.Errorf("not refused: %v", wrong)
		}
	}
	noLitter(t, n)
}

func TestIncompatibleSnapshotsAreRefused(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := errors.Join(n.Create(t.Context(), "a", newSchema(1)), n.Create(t.Context(), "b", newSchema(2))); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "b", upsert(1, 2, 3))
	snap := mustSnapshot(t, n, "a", WholeCollection)
	if err := n.Recover(t.Context(), "b", WholeCollection, bytes.NewReader(snap)); !errors.Is(err, ErrSnapshot) {
		t.Errorf("shards differ: %v", err)
	}
	mustCount(t, n, "b", 3)
	noLitter(t, n)
}

// TestTheCutIsAPrefix takes snapshots while clients write, each one point after
// the other, over all shards and groups.
func TestTheCutIsAPrefix(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(7)); err != nil {
		t.Fatal(err)
	}
	const clients, most = 6, 4000
	var stop atomic.Bool
	var acknowledged [clients]atomic.Int64
	var wg sync.WaitGroup
	for w := range clients {
		wg.Go(func() {
			c, err := n.Collection("c")
			for i := 0; i < most && err == nil && !stop.Load(); i++ {
				_, err = c.Write(t.Context(), []op.Op{upsert(uint64(w*10000 + i))}, Applied)
				acknowledged[w].Store(int64(i + 1))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	for round := range 4 {
		var least [clients]int64
		for w := range least {
			least[w] = acknowledged[w].Load()
		}
		snap := mustSnapshot(t, n, "c", WholeCollection)
		name := fmt.Sprint("r", round)
		if err := n.Recover(t.Context(), name, WholeCollection, bytes.NewReader(snap)); err != nil {
			t.Fatal(err)
		}
		got := contents(t, n, name)
		for w := range clients {
			i := 0
			for ; got[fmt.Sprint(w*10000+i)] != ""; i++ {
				delete(got, fmt.Sprint(w*10000+i))
			}
			if int64(i) < least[w] {
				t.Errorf("client %d had %d writes acknowledged, the snapshot has %d", w, least[w], i)
			}
		}
		if len(got) > 0 {
			t.Errorf("round %d: %d points without those that their client wrote before", round, len(got))
		}
	}
	stop.Store(true)
	wg.Wait()
	noLitter(t, n)
}

// TestRecoverWhileServing reads and writes while the collection is replaced:
// reads see one state whole, and nobody is told that it does not exist.
func TestRecoverWhileServing(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(4)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 100)...))
	small := mustSnapshot(t, n, "c", WholeCollection)
	mustWrite(t, n, "c", upsert(span(100, 300)...))
	large := mustSnapshot(t, n, "c", WholeCollection)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			c, err := n.Collection("c")
			if err == nil {
				_, err = c.Write(t.Context(), []op.Op{upsert(50)}, Applied)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Go(func() {
		for !stop.Load() {
			c, err := n.Collection("c")
			if err != nil {
				t.Error(err)
				return
			}
			shards, err := c.Shards(t.Context(), false)
			if err != nil {
				t.Error(err)
				return
			}
			got, err := query.Count(t.Context(), shards, &query.CountRequest{Exact: true})
			if errors.Is(err, op.ErrNoShard) {
				continue // the server asks again: see its test
			}
			if err != nil || got != 100 && got != 300 {
				t.Errorf("%d points: %v", got, err)
				return
			}
		}
	})
	for i := range 10 {
		snap := small
		if i%2 == 1 {
			snap = large
		}
		if err := n.Recover(t.Context(), "c", WholeCollection, bytes.NewReader(snap)); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	mustCount(t, n, "c", 300)
	noLitter(t, n)
}

func TestDamagedSnapshotsChangeNothing(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(2)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 200)...))
	snap := mustSnapshot(t, n, "c", WholeCollection)
	mustWrite(t, n, "c", upsert(span(200, 250)...))
	before := contents(t, n, "c")
	for at := 0; at < len(snap); at += 1 + len(snap)/40 {
		cut := snap[:at]
		flipped := bytes.Clone(snap)
		flipped[at] ^= 0x10
		for what, bad := range map[string]io.Reader{"cut": bytes.NewReader(cut), "flipped": bytes.NewReader(flipped)} {
			err := n.Recover(t.Context(), "c", WholeCollection, bad)
			if !errors.Is(err, ErrSnapshot) || !maps.Equal(contents(t, n, "c"), before) {
				t.Fatalf("%s at %d: %v", what, at, err)
			}
		}
	}
	if err := n.Recover(t.Context(), "c", WholeCollection, bytes.NewReader(append(bytes.Clone(snap), 'x'))); !errors.Is(err, ErrSnapshot) {
		t.Errorf("a byte behind the end: %v", err)
	}
	sameContents(t, contents(t, n, "c"), before)
	noLitter(t, n)
}

func TestNodeSnapshot(t *testing.T) {
	n := openNode(t, t.TempDir())
	want := map[string]map[string]string{}
	for _, shards := range []uint32{1, 3} {
		name := fmt.Sprint("c", shards)
		if err := n.Create(t.Context(), name, newSchema(shards)); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, n, name, upsert(span(uint64(shards), 100)...))
		want[name] = contents(t, n, name)
	}
	if err := n.ChangeAliases(t.Context(), []AliasAction{{Kind: CreateAlias, Alias: "a", Collection: "c3"}}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := n.SnapshotNode(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	dir := t.TempDir()
	again := openNode(t, dir, func(o *Options) { o.Groups = 2 })
	if err := again.RecoverNode(t.Context(), bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	closeNode(t, again)
	again = openNode(t, dir)
	defer closeNode(t, again)
	for name := range want {
		sameContents(t, contents(t, again, name), want[name])
	}
	if got := again.Aliases(); !slices.Equal(got, []Alias{{"a", "c3"}}) {
		t.Errorf("aliases: %v", got)
	}
	noLitter(t, again)
}

// TestACrashAtEachStepOfARecovery copies the files as they lie after each step,
// which is what kill -9 leaves, and opens the copies.
func TestACrashAtEachStepOfARecovery(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(2)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 400)...))
	snap := mustSnapshot(t, n, "c", WholeCollection)
	after := contents(t, n, "c")
	mustWrite(t, n, "c", upsert(span(400, 500)...))
	before := contents(t, n, "c")

	a, err := archive.NewReader(bytes.NewReader(snap))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	r := &recovery{n: n, a: a}
	crash := func(step string, want map[string]string) {
		t.Helper()
		again := openNode(t, crashed.Copy(t, dir))
		defer closeNode(t, again)
		if !maps.Equal(contents(t, again, "c"), want) {
			t.Errorf("%s: the other state came up, or a mix", step)
		}
		noLitter(t, again)
	}
	if err := r.receive(t.Context(), "c", WholeCollection); err != nil {
		t.Fatal(err)
	}
	crash("received", before)
	p := r.plans[0]
	if err := p.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	crash("ingested", before)
	for i, m := range p.imports {
		if err := m.Publish(); err != nil {
			t.Fatal(err)
		}
		crash(fmt.Sprint("published ", i), before)
	}
	old, _ := n.Collection("c")
	now, err := n.command(t.Context(), command{Replace: &replaceCommand{Name: "c", Schema: p.schema, Shards: p.places, Revision: old.r.Revision}})
	if err != nil {
		t.Fatal(err)
	}
	crash("switched", after)
	if err := r.settle(t.Context(), p, now, old.r.Shards); err != nil {
		t.Fatal(err)
	}
	crash("settled", after)
	p.imports = nil
	sameContents(t, contents(t, n, "c"), after)
	noLitter(t, n)
}

// TestWorkBehindWaitsForRecoveredRows lets the optimizer run while a shard is
// loaded and not yet published: what it finds then must not come into an index.
func TestWorkBehindWaitsForRecoveredRows(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(1)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", op.Op{Kind: op.CreateIndex, Field: "n", FieldSchema: []byte(`"integer"`)})
	mustWrite(t, n, "c", upsert(span(0, 200)...))
	snap := mustSnapshot(t, n, "c", WholeCollection)
	a, err := archive.NewReader(bytes.NewReader(snap))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	r := &recovery{n: n, a: a}
	if err := r.receive(t.Context(), "d", WholeCollection); err != nil {
		t.Fatal(err)
	}
	if err := r.plans[0].ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // for what must not happen
	if err := r.plans[0].imports[0].Publish(); err != nil {
		t.Fatal(err)
	}
	if err := r.switchTo(t.Context(), r.plans[0]); err != nil {
		t.Fatal(err)
	}
	d, err := n.Collection("d")
	if err != nil {
		t.Fatal(err)
	}
	shards, err := d.Shards(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // from the rows, and, most likely, from memory
		got, err := query.InOrder(t.Context(), shards, &query.ScrollRequest{Limit: 300, OrderBy: &query.OrderBy{Field: "n"}})
		if err != nil || len(got) != 200 {
			t.Fatalf("%d points in order, want 200: %v", len(got), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestGraphsTravel restores a collection with a graph: nothing is left to index.
func TestGraphsTravel(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	s := newSchema(1)
	one := 1
	s.Optimizers.IndexingThreshold = &one
	if err := n.Create(t.Context(), "c", s); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 2000)...))
	for _, g := range n.groups { // a graph on disk, as a running optimizer leaves it
		for {
			c, _ := n.Collection("c")
			if info, err := c.Info(); err != nil || info.Status.Green {
				break
			}
		}
		if err := g.replica.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	snap := mustSnapshot(t, n, "c", WholeCollection)
	m, _, err := archive.Verify(bytes.NewReader(snap))
	if err != nil || len(m.Collections[0].Shards[0].Graphs) != 1 {
		t.Fatalf("graphs in the snapshot: %+v, %v", m, err)
	}
	if err := n.Recover(t.Context(), "d", WholeCollection, bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	d, err := n.Collection("d")
	if err != nil {
		t.Fatal(err)
	}
	place := d.r.Shards[0]
	if _, err := os.Stat(filepath.Join(n.o.Dir, "groups", fmt.Sprintf("%03d", place.Group), "index", fmt.Sprint(place.Shard), "0.graph")); err != nil {
		t.Error(err)
	}
	if info, err := d.Info(); err != nil || info.Status.IndexedVectors != 2000 {
		t.Errorf("%+v, %v", info.Status, err)
	}
}
