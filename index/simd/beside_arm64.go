//go:build !noasm

package simd

import "unsafe"

func points4(out []float32, codes []byte, step float32) {
	if useNEON {
		points4NEON(out, codes, step)
		return
	}
	points4Scalar(out, codes, step)
}

func signs(bits []byte, step, point []float32) (along, at float32) {
	if useNEON {
		return signsNEON(bits, step, point)
	}
	return signsScalar(bits, step, point)
}

func sketchWithin(s *Sketch, blocks unsafe.Pointer, words []uint64, out *float32) {
	if useNEON {
		sketchWithinNEON(s, blocks, words, out)
		return
	}
	sketchWithinScalar(s, blocks, words, out)
}

func sketchEstimates(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32) {
	if useNEON {
		sketchEstimatesNEON(s, block, out)
		return
	}
	sketchEstimatesScalar(s, block, out)
}

// points4NEON is Points4 of whole groups of 32, one at least.
//
//go:noescape
func points4NEON(out []float32, codes []byte, step float32)

// signsNEON is Signs of at least one byte.
//
//go:noescape
func signsNEON(bits []byte, step, point []float32) (along, at float32)

// sketchWithinNEON is Sketch.Within of at least one word.
//
//go:noescape
func sketchWithinNEON(s *Sketch, blocks unsafe.Pointer, words []uint64, out *float32)

// sketchEstimatesNEON is Sketch.Estimates.
//
//go:noescape
func sketchEstimatesNEON(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32)
