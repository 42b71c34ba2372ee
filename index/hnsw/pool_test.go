package hnsw

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
)

// TestPoolKeepsTheNearest compares the pool with sorting everything that it was
// ever given: the same distances in the same order, equal ones included, and the
// first place that a batch changed.
func TestPoolKeepsTheNearest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		ef := 1 + random.IntN(70)
		w, all := &walker{}, []float32{}
		for range 1 + random.IntN(40) {
			was := slices.Clone(w.pool)
			w.fresh, w.dist = w.fresh[:0], w.dist[:0]
			for range random.IntN(33) {
				w.fresh = append(w.fresh, random.Uint32N(1000))
				w.dist = append(w.dist, float32(random.IntN(50))-25)
			}
			place := w.admitAll(ef)
			all = append(all, w.dist...)
			slices.Sort(all)
			all = all[:min(len(all), ef)]
			for i, d := range all {
				if len(w.pool) != len(all) || w.pool[i].dist != d {
					t.Fatalf("round %d, ef %d: the pool is %v, the nearest are %v", round, ef, w.pool, all)
				}
			}
			same := 0
			for same < min(len(was), len(w.pool)) && was[same] == w.pool[same] {
				same++
			}
			if same < min(place, len(w.pool)) {
				t.Fatalf("round %d: place %d changed before %d, which was answered", round, same, place)
			}
		}
	}
}

// TestAfter: the place is behind equals, at every length.
func TestAfter(t *testing.T) {
	for n := range 40 {
		list := make([]candidate, n)
		for i := range list {
			list[i].dist = float32(i / 3)
		}
		for at := float32(-1); at < 15; at += 0.5 {
			want := 0
			for want < n && list[want].dist <= at {
				want++
			}
			if got := after(list, at); got != want {
				t.Fatalf("%d candidates: %v goes to %d, not %d", n, at, got, want)
			}
		}
	}
}

// TestSortHits: the order is that of distance, then slot, for every float.
func TestSortHits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	some := []float32{0, 1, -1, 0.5, -0.5, math.MaxFloat32, -math.MaxFloat32, 1e-44, -1e-44, float32(math.Inf(1)), float32(math.Inf(-1))}
	w := &walker{}
	for n := range 100 {
		hits := make([]index.Hit, n)
		for i := range hits {
			hits[i] = index.Hit{Slot: index.Slot(random.Uint32()), Dist: some[random.IntN(len(some))]}
		}
		want := slices.Clone(hits)
		slices.SortFunc(want, func(a, b index.Hit) int {
			return cmp.Or(cmp.Compare(a.Dist, b.Dist), cmp.Compare(a.Slot, b.Slot))
		})
		if w.sortHits(hits); !slices.Equal(hits, want) {
			t.Fatalf("%v, not %v", hits, want)
		}
	}
}
