//go:build !noasm

package simd

func spread4(out []int8, codes []byte) (sum int) {
	if useAVX2 {
		return 2*spread4AVX2(out, codes) - 15*len(out)
	}
	return spread4Scalar(out, codes, len(out))
}
