package ivfpq

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
)

// firstOf keeps all hits, the nearest of them in front, as many as it says, and its
// bound holds for them; also where many are equal, or no numbers.
func FuzzFirstOf(f *testing.F) {
	f.Add(uint64(1), 1000, 100, 120, 1000)
	f.Add(uint64(2), 1000, 512, 512, 3)
	f.Add(uint64(3), 5, 9, 9, 1)
	f.Add(uint64(4), 40, 0, 0, 7)
	f.Fuzz(func(t *testing.T, seed uint64, size, least, spare, values int) {
		size, least, spare, values = size&4095, least&4095, spare&255, values&4095|1
		random := rand.New(rand.NewPCG(seed, 9))
		hits := make([]index.Hit, size)
		for i := range hits {
			hits[i] = index.Hit{Slot: index.Slot(i), Dist: float32(random.IntN(values))}
		}
		sorted := slices.Clone(hits)
		slices.SortFunc(sorted, byDistance)
		n, bound := firstOf(hits, least, least+spare)
		if n < min(least, size) || n > min(least+spare, size) {
			t.Fatalf("%d of %d, wanted %d to %d", n, size, least, least+spare)
		}
		for i, h := range hits {
			if i < n && h.Dist > bound {
				t.Fatalf("hit %d is at %v, the bound is %v", i, h.Dist, bound)
			}
			if n > 0 && i < n && h.Dist > sorted[n-1].Dist || n > 0 && i >= n && h.Dist < sorted[n-1].Dist {
				t.Fatalf("hit %d at %v, the %d nearest are up to %v", i, h.Dist, n, sorted[n-1].Dist)
			}
		}
		slices.SortFunc(hits, byDistance)
		if !slices.Equal(hits, sorted) {
			t.Fatal("hits were lost")
		}
	})
}

// What is no number does not keep it from ending.
func TestFirstOfWhatIsNoNumber(t *testing.T) {
	hits := make([]index.Hit, 100)
	for i := range hits {
		hits[i].Dist = float32(math.NaN())
	}
	if n, _ := firstOf(hits, 10, 10); n < 10 {
		t.Errorf("%d hits", n)
	}
}
