//go:build !noasm

package simd

func variants() []variant {
	return []variant{
		{"scalar", func() { useNEON = false }},
		{"neon", func() { useNEON = true }},
	}
}
