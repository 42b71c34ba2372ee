//go:build !noasm

package simd

import "unsafe"

func sketchWithin(s *Sketch, blocks unsafe.Pointer, words []uint64, out *float32) {
	switch {
	case useAVX512:
		sketchWithinAVX512(s, blocks, words, out)
	case useAVX2:
		sketchWithinAVX2(s, blocks, words, out)
	default:
		sketchWithinScalar(s, blocks, words, out)
	}
}

func sketchEstimates(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32) {
	switch {
	case useAVX512:
		sketchEstimatesAVX512(s, block, out)
	case useAVX2:
		sketchEstimatesAVX2(s, block, out)
	default:
		sketchEstimatesScalar(s, block, out)
	}
}

// sketchWithinAVX2 is Sketch.Within of at least one word.
//
//go:noescape
func sketchWithinAVX2(s *Sketch, blocks unsafe.Pointer, words []uint64, out *float32)

// sketchEstimatesAVX2 is Sketch.Estimates.
//
//go:noescape
func sketchEstimatesAVX2(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32)

// sketchWithinAVX512 is Sketch.Within of at least one word.
//
//go:noescape
func sketchWithinAVX512(s *Sketch, blocks unsafe.Pointer, words []uint64, out *float32)

// sketchEstimatesAVX512 is Sketch.Estimates.
//
//go:noescape
func sketchEstimatesAVX512(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32)
