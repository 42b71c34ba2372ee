package query

import (
	"math/rand/v2"
	"slices"
)

// distinct draws k different numbers below n, each set of them as likely as any
// other, in rising order. (Floyd's algorithm.)
func distinct(k, n int) []int {
	if k >= n {
		out := make([]int, n)
		for i := range out {
			out[i] = i
		}
		return out
	}
	drawn := make(map[int]struct{}, k)
	for i := n - k; i < n; i++ {
		x := rand.IntN(i + 1)
		if _, taken := drawn[x]; taken {
			x = i
		}
		drawn[x] = struct{}{}
	}
	out := make([]int, 0, k)
	for x := range drawn {
		out = append(out, x)
	}
	slices.Sort(out)
	return out
}
