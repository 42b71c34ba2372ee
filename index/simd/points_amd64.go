//go:build !noasm

package simd

func points4(out []float32, codes []byte, step float32) {
	if useAVX2 {
		points4AVX2(out, codes, step)
		return
	}
	points4Scalar(out, codes, step)
}

func signs(bits []byte, step, point []float32) (along, at float32) {
	if useAVX2 {
		return signsAVX2(bits, step, point)
	}
	return signsScalar(bits, step, point)
}

// points4AVX2 is Points4 of whole groups of 32, one at least.
//
//go:noescape
func points4AVX2(out []float32, codes []byte, step float32)

// signsAVX2 is Signs of at least one byte.
//
//go:noescape
func signsAVX2(bits []byte, step, point []float32) (along, at float32)
