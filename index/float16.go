package index

import "math"

const (
	signBit      = 1 << 31
	overflowBits = 0x4780_0000 // 65536, above every finite float16
	infinityBits = 0x7f80_0000
	normalBits   = 0x3880_0000 // 2⁻¹⁴, the least normal float16
	// rebias moves an exponent from float16's bias of 15 to float32's of 127.
	rebias = (127 - 15) << 23
)

// ToFloat16 rounds to the nearest float16, to the even of two, and gives its
// bits. What rounds beyond MaxFloat16 becomes infinite.
func ToFloat16(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & (signBit >> 16))
	b &^= signBit
	switch {
	case b > infinityBits:
		return sign | 0x7e00 // not a number
	case b >= overflowBits:
		return sign | 0x7c00
	case b < normalBits:
		// One half's last bit is 2⁻²⁴, a subnormal's step: the addition rounds.
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-math.Float32bits(0.5))
	}
	b += 0xfff + b>>13&1 // half a step, less a little where the last bit is even
	return sign | uint16((b-rebias)>>13)
}

// FromFloat16 is the value of a float16's bits, exactly.
func FromFloat16(h uint16) float32 {
	b := uint32(h&0x7fff) << 13
	sign := uint32(h&0x8000) << 16
	switch {
	case h&0x7c00 == 0x7c00: // infinite, or not a number
		return math.Float32frombits(sign | b | infinityBits)
	case h&0x7c00 == 0:
		return math.Float32frombits(sign | math.Float32bits(float32(h&0x3ff)*0x1p-24))
	}
	return math.Float32frombits(sign | (b + rebias))
}
