package simd

// Multiply multiplies each of v by the number of by in its place. It panics if by
// is shorter.
func Multiply(v, by []float32) {
	multiply(v, by[:len(v)])
}
