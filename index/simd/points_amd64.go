//go:build !noasm

package simd

func points4(out []float32, codes []byte, step float32) {
	switch {
	case useAVX512:
		points4AVX512(out, codes, step)
	case useAVX2:
		points4AVX2(out, codes, step)
	default:
		points4Scalar(out, codes, step)
	}
}

func signs(bits []byte, step, point []float32) (along, at float32) {
	switch {
	case useAVX512:
		return signsAVX512(bits, step, point)
	case useAVX2:
		return signsAVX2(bits, step, point)
	default:
		return signsScalar(bits, step, point)
	}
}

// points4AVX2 is Points4 of whole groups of 32, one at least.
//
//go:noescape
func points4AVX2(out []float32, codes []byte, step float32)

// signsAVX2 is Signs of at least one byte.
//
//go:noescape
func signsAVX2(bits []byte, step, point []float32) (along, at float32)

// points4AVX512 is Points4 of whole groups of 32, one at least.
//
//go:noescape
func points4AVX512(out []float32, codes []byte, step float32)

// signsAVX512 is Signs of at least one byte.
//
//go:noescape
func signsAVX512(bits []byte, step, point []float32) (along, at float32)
