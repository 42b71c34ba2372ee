package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/crashed"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

func addVector(t *testing.T, n *Node, name string, size int) {
	t.Helper()
	if _, err := n.Update(t.Context(), "c", func(c *schema.Collection) error {
		return c.AddVector(schema.Vector{Name: name, Size: size, Metric: index.Dot})
	}); err != nil {
		t.Fatalf("add %q: %v", name, err)
	}
}

func dropVector(t *testing.T, n *Node, name string) {
	t.Helper()
	if _, err := n.Update(t.Context(), "c", func(c *schema.Collection) error { c.DropVector(name); return nil }); err != nil {
		t.Fatalf("drop %q: %v", name, err)
	}
}

func setVector(name string, values []float32, ids ...uint64) op.Op {
	o := op.Op{Kind: op.UpdateVectors}
	for _, id := range ids {
		o.Points = append(o.Points, point.Point{ID: point.Number(id), Vectors: []point.Vector{{Name: name, Values: values}}})
	}
	return o
}

// holders are how many points have the vector with these values.
func holders(t *testing.T, n *Node, name string, values []float32) (count int) {
	t.Helper()
	c, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	shards, err := c.Shards(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	points, _, err := query.Scroll(t.Context(), shards, &query.ScrollRequest{Limit: 1000, Select: point.Selector{Vector: point.VectorSelector{Enable: true}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		switch v := p.Vector(name); {
		case v == nil:
		case slices.Equal(v, values):
			count++
		default:
			t.Fatalf("point %s has %v, want %v or nothing", p.ID, v, values)
		}
	}
	return count
}

// A vector that is removed and added anew is another vector, whatever was
// closed, killed or half done in between.
func TestVectorsComeAndGo(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	if err := n.Create(t.Context(), "c", newSchema(4)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 40)...))
	for round := range 4 {
		size := 2 + round%2
		values := make([]float32, size)
		values[0] = float32(round + 1)
		addVector(t, n, "v", size)
		addVector(t, n, "v", size) // the same again
		if got := holders(t, n, "v", values); got != 0 {
			t.Fatalf("round %d: a new vector is there in %d points", round, got)
		}
		mustWrite(t, n, "c", setVector("v", values, span(0, 10)...))
		switch round % 3 {
		case 0:
			closeNode(t, n)
			n = openNode(t, dir)
		case 1: // killed: the files as they are
			dir = crashed.Copy(t, dir)
			closeNode(t, n)
			n = openNode(t, dir)
		}
		if got := holders(t, n, "v", values); got != 10 {
			t.Fatalf("round %d: %d points have the vector, want 10", round, got)
		}
		if _, err := n.Update(t.Context(), "c", func(c *schema.Collection) error {
			return c.AddVector(schema.Vector{Name: "v", Size: 9, Metric: index.Dot})
		}); err == nil {
			t.Fatalf("round %d: a vector changed its size", round)
		}
		dropVector(t, n, "v")
		dropVector(t, n, "v")
		mustCount(t, n, "c", 40)
		c, err := n.Collection("c")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(t.Context(), []op.Op{setVector("v", values, 1)}, Applied); err == nil {
			t.Fatalf("round %d: a vector that is gone was written", round)
		}
	}
	closeNode(t, n)
}

// A crash between the map of collections and the groups: the vector was removed
// and added anew, and no shard knows. The start mends it, and does not take the
// old rows for the new vector's.
func TestReconcileTellsVectorsOfOneNameApart(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	if err := n.Create(t.Context(), "c", newSchema(3)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 20)...))
	addVector(t, n, "v", 2)
	mustWrite(t, n, "c", setVector("v", []float32{1, 2}, span(0, 20)...))
	if _, err := n.tryUpdate(t.Context(), "c", func(c *schema.Collection) error {
		c.DropVector("v")
		return c.AddVector(schema.Vector{Name: "v", Size: 2, Metric: index.Dot})
	}); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	n = openNode(t, dir)
	defer closeNode(t, n)
	if got := holders(t, n, "v", nil); got != 0 {
		t.Fatalf("%d points have what was removed", got)
	}
	mustWrite(t, n, "c", setVector("v", []float32{3, 4}, 7))
	if got := holders(t, n, "v", []float32{3, 4}); got != 1 {
		t.Fatalf("%d points have the new vector, want 1", got)
	}
}

// Writers, readers and changes of one vector at a time: every write is done or
// refused, and nothing else breaks.
func TestVectorsGoWhileTheyAreUsed(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(2)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, 50)...))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		wg.Go(func() {
			for i := uint64(0); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				c, err := n.Collection("c")
				if err != nil {
					t.Error(err)
					return
				}
				// May be refused: the vector comes and goes.
				_, _ = c.Write(t.Context(), []op.Op{setVector("v", []float32{1, 2}, i%50)}, Applied)
				shards, err := c.Shards(t.Context(), false)
				if err == nil {
					_, err = query.Run(t.Context(), shards, c.Schema(), &query.Request{Vector: []float32{1, 2}, Using: "v", Limit: 5, Exact: w == 0})
				}
				var gone *schema.FieldError
				if err != nil && !errors.As(err, &gone) {
					t.Errorf("search: %v", err)
					return
				}
			}
		})
	}
	for range 15 {
		addVector(t, n, "v", 2)
		dropVector(t, n, "v")
	}
	close(stop)
	wg.Wait()
	mustCount(t, n, "c", 50)
	addVector(t, n, "v", 3)
	if got := holders(t, n, "v", nil); got != 0 {
		t.Errorf("%d points have a vector that was just added", got)
	}
}

// The files of removed vectors go, also when a crash kept them.
func TestFilesOfRemovedVectorsGo(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	if err := n.Create(t.Context(), "c", newSchema(1)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(1))
	c, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	p := c.r.Shards[0]
	stray := filepath.Join(dir, "groups", fmt.Sprintf("%03d", p.Group), "index", fmt.Sprint(p.Shard), "7.graph")
	closeNode(t, n)
	if err := os.MkdirAll(filepath.Dir(stray), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stray, []byte("of a vector that was removed"), 0o644); err != nil {
		t.Fatal(err)
	}
	n = openNode(t, dir)
	defer closeNode(t, n)
	if _, err := os.Stat(stray); !os.IsNotExist(err) {
		t.Errorf("a graph of no vector is still there: %v", err)
	}
}

// A write whose time is up before it is proposed is not proposed.
func TestExpiredWritesProposeNothing(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer closeNode(t, n)
	if err := n.Create(t.Context(), "c", newSchema(2)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(1, 2))
	c, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	before := n.Stats().Groups
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Write(ctx, []op.Op{upsert(span(10, 30)...)}, Applied); !errors.Is(err, ErrTimeout) {
		t.Errorf("a write without time: %v", err)
	}
	if _, err := n.Update(ctx, "c", func(c *schema.Collection) error {
		return c.AddVector(schema.Vector{Name: "v", Size: 2, Metric: index.Dot})
	}); !errors.Is(err, ErrTimeout) {
		t.Errorf("a change without time: %v", err)
	}
	for i, g := range n.Stats().Groups {
		if g.LogLast != before[i].LogLast {
			t.Errorf("group %d: the log went from %d to %d", i, before[i].LogLast, g.LogLast)
		}
	}
	mustCount(t, n, "c", 2)
	if _, ok := c.Schema().Vector("v"); ok {
		t.Error("the vector was added")
	}
}
