//go:build !noasm

package simd

// code8SumsNEON sets out[i] to the sum of products of the query and row ids[i].
//
//go:noescape
func code8SumsNEON(query []int8, base *byte, stride int, ids []uint32, out []int32)

// code4SumsNEON is code8SumsNEON of rows of 4-bit codes.
//
//go:noescape
func code4SumsNEON(query []int8, base *byte, stride int, ids []uint32, out []int32)

// fastScanNEON sets out to the sums of the tables' entries for blocks of 32
// vectors; out is not empty.
//
//go:noescape
func fastScanNEON(luts []uint8, blocks *byte, out []uint16)

// butterfliesNEON makes sums and differences of a[i] and b[i]; their length is a
// multiple of 4.
//
//go:noescape
func butterfliesNEON(a, b []float32)
