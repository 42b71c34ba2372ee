package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index/invariant"
)

const (
	// SketchDims is how many coordinates a sketch has.
	SketchDims = 36
	// SketchRows is how many sketches are in a block.
	SketchRows = 8
	// SketchBytes is the size of a block: 16 bytes for each pair of coordinates, the
	// pair of each sketch in turn as int8, and then a float32 for each, its add. It
	// is five cache lines.
	SketchBytes = SketchRows * (SketchDims + 4)

	sketchAdds = SketchRows * SketchDims
)

// PutSketch writes sketch i of a block.
func PutSketch(block []byte, i int, y *[SketchDims]int8, add float32) {
	block = block[:SketchBytes]
	for d, c := range y {
		block[d/2*2*SketchRows+2*i+d%2] = byte(c)
	}
	*(*float32)(unsafe.Pointer(&block[sketchAdds+4*i])) = add
}

// Sketch estimates distances to sketches,
//
//	add + mul·(query · sketch)
//
// Its memory is of no use to others: Aim it.
type Sketch struct {
	pairs [SketchDims / 2][2 * SketchRows]int16 // each pair of the query for each row
	mul   float32
	limit float32
}

// Aim sets the query and what a product of integers counts.
func (s *Sketch) Aim(query *[SketchDims]int16, mul float32) {
	for i := range s.pairs {
		for r := range SketchRows {
			s.pairs[i][2*r], s.pairs[i][2*r+1] = query[2*i], query[2*i+1]
		}
	}
	s.mul = mul
}

// Within leaves those bits of words set whose sketches are not estimated to be
// beyond a limit; an estimate that is no number is not. Word k is of the sketches
// from 64·k on, of the blocks that begin at blocks. A block is read where one of
// its bits is set; there it must be, which Within cannot check. The estimates of
// these blocks are in out, 64 for each word; those of others are left as they were.
func (s *Sketch) Within(blocks unsafe.Pointer, limit float32, words []uint64, out []float32) {
	invariant.Check(blocks != nil || len(words) == 0, "blocks of an empty arena")
	if len(words) == 0 {
		return
	}
	out = out[:64*len(words)]
	s.limit = limit
	sketchWithin(s, blocks, words, &out[0])
}

// Estimates is the estimates of a block.
func (s *Sketch) Estimates(block unsafe.Pointer, out *[SketchRows]float32) {
	invariant.Check(block != nil, "a block of an empty arena")
	sketchEstimates(s, block, out)
}

func sketchWithinScalar(s *Sketch, blocks unsafe.Pointer, words []uint64, near *float32) {
	for k, word := range words {
		for b := range 64 / SketchRows {
			if word>>(b*SketchRows)&0xff == 0 {
				continue
			}
			at := k*64/SketchRows + b
			out := (*[SketchRows]float32)(unsafe.Add(unsafe.Pointer(near), at*SketchRows*4))
			sketchEstimatesScalar(s, unsafe.Add(blocks, at*SketchBytes), out)
			for i, d := range out {
				if d > s.limit {
					word &^= 1 << (b*SketchRows + i)
				}
			}
		}
		words[k] = word
	}
}

func sketchEstimatesScalar(s *Sketch, block unsafe.Pointer, out *[SketchRows]float32) {
	y := (*[SketchDims / 2][2 * SketchRows]int8)(block)
	adds := (*[SketchRows]float32)(unsafe.Add(block, sketchAdds))
	var sums [SketchRows]int32
	for i := range y {
		for r := range sums {
			sums[r] += int32(y[i][2*r])*int32(s.pairs[i][2*r]) + int32(y[i][2*r+1])*int32(s.pairs[i][2*r+1])
		}
	}
	for r, sum := range sums {
		out[r] = adds[r] + s.mul*float32(sum)
	}
}
