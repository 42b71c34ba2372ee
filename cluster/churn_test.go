package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/shard"
)

// After any number of replacements a collection takes about as many slots as it
// has points: slots go round, and what is left in the calm is cleared away, on
// the disk as well. The points are those that were written last, also after a
// restart.
func TestChurnLeavesWhatAFreshBuildHas(t *testing.T) {
	const points, rounds = 2000, 3
	dir := t.TempDir()
	upkeep := func(o *Options) {
		o.Upkeep = shard.Upkeep{Garbage: 100, Tidy: 20, Stretch: 64, Calm: 20 * time.Millisecond}
	}
	n := openNode(t, dir, upkeep)
	c := newSchema(1)
	c.Optimizers.IndexingThreshold = to(1)
	if err := n.Create(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	at := func(round int, i uint64) uint64 { return (i+uint64(round)*points/2)%points + uint64(round)*points }
	for round := range rounds + 1 {
		for from := uint64(0); from < points; from += 100 {
			o := upsert(span(from, from+100)...)
			for i := range o.Points {
				id := (from + uint64(i)) * []uint64{1, 769, 331, 1207}[round] % points // scattered anew in each round
				o.Points[i].ID = point.Number(id)
				o.Points[i].Vectors = []point.Vector{{Values: []float32{float32(at(round, id)), 1, 2, 3}}}
			}
			// One goes before it comes again.
			mustWrite(t, n, "c", op.Op{Kind: op.Delete, IDs: []point.ID{o.Points[7].ID}}, o)
		}
		waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green })
	}
	check := func(when string) {
		t.Helper()
		mustCount(t, n, "c", points)
		for i := uint64(0); i < points; i += 97 {
			mustFindAt(t, n, float32(at(rounds, i)), i)
		}
		if t.Failed() {
			t.Fatal(when)
		}
	}
	st := waitUntil(t, n, "c", func(i *Info) bool {
		return i.Status.Green && i.Status.Deleted < 60 && i.Status.Slots < points*115/100
	})
	if st.Points != points || st.IndexedVectors != points {
		t.Errorf("%+v", st)
	}
	check("churned")
	// Links are packed once an eighth of theirs is to spare. Churn leaves half of
	// them, and at its end none for a moment: so for half a second.
	calm := 0
	waitUntil(t, n, "c", func(i *Info) bool {
		if calm++; i.Status.SpareBytes >= i.Status.ResidentBytes/8 {
			calm = 0
		}
		return calm > 100
	})
	check("packed")
	closeNode(t, n)
	n = openNode(t, dir, upkeep)
	defer func() { closeNode(t, n) }()
	st = waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green })
	if st.Slots >= points*115/100 {
		t.Errorf("%d slots after a restart", st.Slots)
	}
	check("after a restart")
}

// churning is a node that tidies up soon, with so many points.
func churning(t *testing.T, points uint64) *Node {
	t.Helper()
	n := openNode(t, t.TempDir(), func(o *Options) {
		o.Upkeep = shard.Upkeep{Garbage: 100, Tidy: 20, Stretch: 1024, Calm: 20 * time.Millisecond}
	})
	c := newSchema(1)
	c.Optimizers.IndexingThreshold = to(1)
	if err := n.Create(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, n, "c", upsert(span(0, points)...))
	return n
}

// mustDelete deletes the points from one number to another.
func mustDelete(t *testing.T, n *Node, from, to uint64) {
	t.Helper()
	gone := op.Op{Kind: op.Delete}
	for _, id := range span(from, to) {
		gone.IDs = append(gone.IDs, point.Number(id))
	}
	mustWrite(t, n, "c", gone)
}

// The last quarter of the points goes, and nothing stands above what is left: there
// is nothing to move, and the slots are given up all the same. Then no work waits.
func TestNothingToMoveIsCut(t *testing.T) {
	const points, left = 2000, 1500
	n := churning(t, points)
	defer closeNode(t, n)
	waitUntil(t, n, "c", func(i *Info) bool { return i.Status.Green && i.Status.IndexedVectors == points })
	mustDelete(t, n, left, points)
	col, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, n, "c", func(i *Info) bool {
		work, err := col.Work()
		if err != nil {
			t.Fatal(err)
		}
		w := work[0]
		return i.Status.Slots < left+20 && len(w.Running)+len(w.Queued) == 0
	})
	mustFindAt(t, n, left-1, left-1)
	mustWrite(t, n, "c", upsert(span(left, points)...))
	mustFindAt(t, n, points-1, points-1)
}

// An eighth of the points goes: their rows leave the disk in the calm.
func TestAnEighthLeavesTheDisk(t *testing.T) {
	const points, left = 2000, 1750
	n := churning(t, points)
	defer closeNode(t, n)
	mustDelete(t, n, left, points)
	col, err := n.Collection("c")
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, n, "c", func(*Info) bool {
		work, err := col.Work()
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(work[0].Past, func(j shard.Job) bool { return j.Kind == shard.Reclaiming && j.Error == "" })
	})
	mustCount(t, n, "c", left)
}

func mustFindAt(t *testing.T, n *Node, first float32, id uint64) {
	t.Helper()
	if got := nearest(t, n, "c", []float32{first, 1, 2, 3}); got != fmt.Sprint(id) {
		t.Errorf("nearest to %v is %s, want %d", first, got, id)
	}
}
