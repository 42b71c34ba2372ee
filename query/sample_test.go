package query

import (
	"slices"
	"testing"
)

// Every number is drawn as often as any other, and none twice.
func TestDistinctIsFair(t *testing.T) {
	const n, k, rounds = 20, 5, 20000
	var times [n]int
	for range rounds {
		got := distinct(k, n)
		if len(got) != k || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != k {
			t.Fatalf("drew %v", got)
		}
		for _, x := range got {
			times[x]++
		}
	}
	for x, c := range times { // 5000 expected, σ = 61
		if c < 4500 || c > 5500 {
			t.Errorf("%d was drawn %d times of %d", x, c, rounds)
		}
	}
	if got := distinct(9, 3); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("more than there are: %v", got)
	}
}
