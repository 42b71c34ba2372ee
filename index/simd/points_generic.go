//go:build noasm || (!amd64 && !arm64)

package simd

func points4(out []float32, codes []byte, step float32) { points4Scalar(out, codes, step) }

func signs(bits []byte, step, point []float32) (along, at float32) {
	return signsScalar(bits, step, point)
}
