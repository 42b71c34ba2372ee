//go:build !noasm

package simd

func spread4(out []int8, codes []byte) (sum int) {
	if useNEON {
		return spread4NEON(out, codes)
	}
	return spread4Scalar(out, codes, len(out))
}

// spread4NEON sets out to twice each 4-bit code less 15 and adds that up; out is
// whole blocks of 32, at least one.
//
//go:noescape
func spread4NEON(out []int8, codes []byte) (sum int)
