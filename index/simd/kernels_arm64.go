//go:build !noasm

package simd

// dotNEON is the dot product of a and b[:len(a)].
//
//go:noescape
func dotNEON(a, b []float32) float32

// dotRowsNEON sets out[i] to the dot product of the query and row ids[i], negated.
//
//go:noescape
func dotRowsNEON(query []float32, base *byte, stride int, ids []uint32, out []float32)

// l2NEON is the squared Euclidean distance of a and b[:len(a)].
//
//go:noescape
func l2NEON(a, b []float32) float32

// l2RowsNEON sets out[i] to the squared Euclidean distance of the query and row ids[i].
//
//go:noescape
func l2RowsNEON(query []float32, base *byte, stride int, ids []uint32, out []float32)

// l1NEON is the sum of absolute differences of a and b[:len(a)].
//
//go:noescape
func l1NEON(a, b []float32) float32

// l1RowsNEON sets out[i] to the sum of absolute differences of the query and row ids[i].
//
//go:noescape
func l1RowsNEON(query []float32, base *byte, stride int, ids []uint32, out []float32)
