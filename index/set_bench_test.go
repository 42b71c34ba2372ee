package index

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkAnd meets what a filter matches with what has a vector, nearly all, and
// with the members of a tree, nearly the same.
func BenchmarkAnd(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, of := range []int{100_000, 1_000_000} {
		all, some, members := (*Set)(nil).Edit(), (*Set)(nil).Edit(), (*Set)(nil).Edit()
		for i := range of {
			all.Add(Slot(i))
			if rng.IntN(10) == 0 {
				some.Add(Slot(i))
				if rng.IntN(10000) > 0 {
					members.Add(Slot(i))
				}
			}
		}
		set := some.Done()
		for name, o := range map[string]*Set{"all": all.Done(), "members": members.Done()} {
			b.Run(fmt.Sprintf("%s/%d", name, of), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					set.And(o)
				}
			})
		}
	}
}
