package simd

import (
	"math"
	"testing"
)

// variant is one set of kernels.
type variant struct {
	name string
	use  func()
}

// each runs the test under every set of kernels that this machine has, and
// leaves the best in use, which is the last.
func each(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			best := variants()
			defer best[len(best)-1].use()
			v.use()
			if Level() != v.name {
				t.Fatalf("kernels %q in use", Level())
			}
			test(t)
		})
	}
}

// closeTo compares sums that are added up in another order.
func closeTo(a, b float32) bool {
	if same(a, b) || math.IsInf(float64(a), 0) || math.IsInf(float64(b), 0) { // by the order of adding
		return true
	}
	return math.Abs(float64(a)-float64(b)) <= 1e-4*max(math.Abs(float64(a)), math.Abs(float64(b)))
}
