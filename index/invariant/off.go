//go:build !invariants && !race

package invariant

// Enabled says whether assertions are compiled in.
const Enabled = false

// Check panics with "bug: " and the message unless ok; here it is compiled away.
func Check(bool, string) {}

// Below panics unless i < n; here it is compiled away.
func Below(_, _ int, _ string) {}
