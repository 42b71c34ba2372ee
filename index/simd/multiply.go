package simd

// Multiply multiplies each of v by the number of by in its place. It panics if by
// is shorter.
func Multiply(v, by []float32) {
	multiply(v, by[:len(v)])
}

// Turn is a round of a rotation: v multiplied by the numbers of by, then Hadamard of
// the products, in the place of v. Its length is a power of two. It panics if by is
// shorter.
func Turn(v, by []float32) { turn(v, by[:len(v)]) }

func turnInSteps(v, by []float32) {
	multiply(v, by)
	Hadamard(v)
}
