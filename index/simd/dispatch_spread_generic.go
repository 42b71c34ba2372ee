//go:build noasm || (!amd64 && !arm64)

package simd

func spread4(out []int8, codes []byte) (sum int) { return spread4Scalar(out, codes, len(out)) }
