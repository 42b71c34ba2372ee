package simd

import (
	"math"

	"github.com/kithdb/kith/index/invariant"
)

// middle4 is the middle of the 4-bit codes.
const middle4 = 7.5

// Points4 sets out to step·(c − 7.5) for each 4-bit code c of a row of Codes. It
// panics if the row has fewer codes.
func Points4(out []float32, codes []byte, step float32) {
	whole := len(out) / 32
	codes = codes[:(len(out)+31)/32*16]
	if whole > 0 {
		points4(out[:32*whole], codes, step)
	}
	points4Scalar(out[32*whole:], codes[16*whole:], step)
}

func points4Scalar(out []float32, codes []byte, step float32) {
	for d := range out {
		c := codes[d/32*16+d%16] >> (d % 32 / 16 * 4) & 15
		out[d] = step * (float32(c) - middle4)
	}
}

// Signs puts a bit for each number of step into bits, 1 where it has no sign, the
// first into the lowest bit of the first byte. along is the sum of their
// magnitudes, at that of what point has in their places, each with the sign of the
// step's turned round where that has one: the products of both with the signs. The
// length of step is a multiple of 8. It panics if point or bits is shorter.
func Signs(bits []byte, step, point []float32) (along, at float32) {
	invariant.Check(len(step)%8 == 0, "half a byte of signs")
	bits, point = bits[:len(step)/8], point[:len(step)]
	if len(bits) == 0 {
		return 0, 0
	}
	return signs(bits, step, point)
}

func signsScalar(bits []byte, step, point []float32) (along, at float32) {
	clear(bits)
	for d, f := range step {
		if math.Float32bits(f)>>31 == 0 {
			bits[d/8] |= 1 << (d % 8)
			along, at = along+f, at+point[d]
		} else {
			along, at = along-f, at-point[d]
		}
	}
	return along, at
}
