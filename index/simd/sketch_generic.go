//go:build noasm || (!amd64 && !arm64)

package simd

import "unsafe"

func sketchWithin(s *Sketch, blocks unsafe.Pointer, words []uint64, out *float32) {
	sketchWithinScalar(s, blocks, words, out)
}

func sketchEstimates(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32) {
	sketchEstimatesScalar(s, block, out)
}
