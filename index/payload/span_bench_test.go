package payload

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kithdb/kith/index"
)

// BenchmarkSpan is the slots of a range of numbers, by the share of them that it
// holds.
func BenchmarkSpan(b *testing.B) {
	const slots = 340_000
	n := newNumbers()
	for value, slot := range rand.New(rand.NewPCG(1, 2)).Perm(slots) {
		n.ints.put(newNumber(orderedInt(int64(value)), uint32(slot)))
	}
	n = n.pack()
	for _, percent := range []int{1, 20, 50, 90} {
		b.Run(fmt.Sprint(percent), func(b *testing.B) {
			for b.Loop() {
				var set index.Builder
				n.span(false, orderedInt(0), orderedInt(int64(slots*percent/100-1)), &set)
				if set.Done().Len() != slots*percent/100 {
					b.Fatal("wrong")
				}
			}
		})
	}
}
