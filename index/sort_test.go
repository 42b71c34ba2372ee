package index_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
)

// TestSortHits: the order is that of distance, then slot, for every float.
func TestSortHits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	some := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -0.5, math.MaxFloat32, -math.MaxFloat32, 1e-44, -1e-44, float32(math.Inf(1)), float32(math.Inf(-1))}
	var words []uint64
	for n := range 100 {
		hits := make([]index.Hit, n)
		for i := range hits {
			hits[i] = index.Hit{Slot: index.Slot(random.Uint32()), Dist: some[random.IntN(len(some))]}
		}
		want := slices.Clone(hits)
		slices.SortFunc(want, func(a, b index.Hit) int {
			return cmp.Or(cmp.Compare(a.Dist, b.Dist), cmp.Compare(a.Slot, b.Slot))
		})
		if words = index.SortHits(hits, words); !slices.Equal(hits, want) {
			t.Fatalf("%v, not %v", hits, want)
		}
	}
}
