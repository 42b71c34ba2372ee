package index

import "math"

// MaxBfloat16 is the largest finite bfloat16.
const MaxBfloat16 = 0x1.fep127

// ToBfloat16 rounds to the nearest bfloat16, the upper half of a float32, to the
// even of two, and gives its bits. What rounds beyond MaxBfloat16 becomes infinite.
func ToBfloat16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		return uint16(b>>16) | 0x40 // quiet: the part that is cut off may have been all that made it no number
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// FromBfloat16 is the value of a bfloat16's bits, exactly.
func FromBfloat16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }
