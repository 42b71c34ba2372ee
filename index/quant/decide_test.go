package quant

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
)

// guessed is hits at distances 0, 1, 2, … whose estimates err, in the order of
// these, and how many were measured.
func guessed(n int, deviation, bias float64) (hits []index.Hit, measure func([]index.Hit) []float32, measured *int) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		hits = append(hits, index.Hit{Slot: index.Slot(i), Dist: float32(float64(i) + bias + deviation*random.NormFloat64())})
	}
	index.SortHits(hits, nil)
	measured = new(int)
	return hits, func(some []index.Hit) (out []float32) {
		*measured += len(some)
		for _, h := range some {
			out = append(out, float32(h.Slot))
		}
		return out
	}, measured
}

// TestMeasuredAsTheErrorAsks asks for ten by codes of several errors: all are
// found, and a code that errs less has fewer measured.
func TestMeasuredAsTheErrorAsks(t *testing.T) {
	last := 0
	for _, deviation := range []float64{0, 1, 10, 40} {
		for _, bias := range []float64{-100, 0, 100} {
			hits, measure, measured := guessed(400, deviation, bias)
			got := Decide(&index.Query{K: 10}, hits, measure)
			for i, h := range got[:10] {
				if h.Slot != index.Slot(i) {
					t.Errorf("error %v, bias %v: %d is number %d", deviation, bias, h.Slot, i)
				}
			}
			if *measured < last || *measured > 40+int(8*deviation) {
				t.Errorf("error %v, bias %v: %d measured after %d", deviation, bias, *measured, last)
			}
			if bias == 100 {
				last = *measured
			}
		}
	}
}

func TestMeasuredAsAsked(t *testing.T) {
	for _, c := range []struct{ rescore, n, want int }{{-1, 50, 0}, {5, 50, 10}, {30, 50, 30}, {80, 50, 50}, {0, 3, 3}, {0, 0, 0}} {
		hits, measure, measured := guessed(c.n, 0, 0)
		before := slices.Clone(hits)
		got := Decide(&index.Query{K: 10, Rescore: c.rescore}, hits, measure)
		if *measured != c.want || c.rescore < 0 && !slices.Equal(got, before) {
			t.Errorf("rescore %d of %d: %d measured", c.rescore, c.n, *measured)
		}
	}
}
