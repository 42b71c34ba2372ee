package payload

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kithdb/kith/index"
)

// The slots of a range are those of its numbers, whatever has changed since they
// were packed, and whether slots have one number or several.
func TestSpansAreTheSlotsOfTheirNumbers(t *testing.T) {
	long := 0 // spans that leave out what is outside
	rapid.Check(t, func(t *rapid.T) {
		n, want := newNumbers(), map[uint32][]int{}
		floats := rapid.Bool().Draw(t, "floats")
		several := rapid.Bool().Draw(t, "several")
		for i := range rapid.IntRange(1, 200).Draw(t, "changes") {
			slot, key := uint32(rapid.IntRange(0, 90).Draw(t, "slot")), rapid.IntRange(0, 20).Draw(t, "key")
			if rapid.Bool().Draw(t, "behind all") { // as in a load: it needs no tree
				key = 21 + i
			}
			if !several || rapid.IntRange(0, 3).Draw(t, "clear") == 0 {
				for _, old := range want[slot] {
					n.of(floats).remove(newNumber(uint64(old), slot))
				}
				delete(want, slot)
			}
			if rapid.IntRange(0, 4).Draw(t, "put") > 0 {
				n.of(floats).put(newNumber(uint64(key), slot))
				n.of(!floats).put(newNumber(uint64(key/2), slot+100)) // of which nothing may be seen
				want[slot] = append(want[slot], key)
			}
			switch rapid.IntRange(0, 8).Draw(t, "pack") {
			case 0:
				n = n.pack()
			case 1:
				n.publish()
			}
		}
		low, high := rapid.IntRange(0, 4).Draw(t, "low"), rapid.IntRange(0, 221).Draw(t, "high")
		right := (*index.Set)(nil).Edit()
		for slot, keys := range want {
			if slices.ContainsFunc(keys, func(key int) bool { return low <= key && key <= high }) {
				right.Add(index.Slot(slot))
			}
		}
		var found index.Builder
		n.publish().span(floats, uint64(low), uint64(high), &found)
		if got, want := found.Done(), right.Done(); !equal(got, want) {
			t.Fatalf("%d slots from %d to %d, want %d", got.Len(), low, high, want.Len())
		}
		if n.onceOf(floats) != nil && high-low > 12 {
			long++
		}
	})
	if long == 0 {
		t.Error("no long span was drawn over slots that have one number each")
	}
}
