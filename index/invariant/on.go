//go:build invariants || race

package invariant

import "fmt"

// Enabled says whether assertions are compiled in.
const Enabled = true

// Check panics with "bug: " and the message unless ok. The arguments are
// computed at the call, so keep them cheap or guard them with Enabled.
func Check(ok bool, message string) {
	if !ok {
		panic("bug: " + message)
	}
}

// Below panics unless i < n.
func Below(i, n int, what string) {
	if uint(i) >= uint(n) {
		panic(fmt.Sprintf("bug: %s %d of %d", what, i, n))
	}
}
