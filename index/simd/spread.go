package simd

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/kithdb/kith/index/invariant"
)

// Spread4 makes a row of 4-bit codes a query: it writes twice each code less 15,
// which is where the code stands beside the middle in halves of a step, zeros behind
// the last dimension, and answers their sum. out has CodeDims(dim) places.
func Spread4(out []int8, codes []byte, dim int) (sum int) {
	invariant.Check(len(out) == CodeDims(dim) && len(codes) >= len(out)/2, "codes of another length")
	whole := dim / codeBlock * codeBlock
	if whole > 0 {
		sum = spread4(out[:whole], codes)
	}
	return sum + spread4Scalar(out[whole:], codes[whole/2:], dim-whole)
}

const (
	low4  = 0x0f0f_0f0f_0f0f_0f0f
	ones8 = 0x0101_0101_0101_0101
	high1 = 0x8080_8080_8080_8080
)

// spread4Scalar takes eight at a time, in one word.
func spread4Scalar(out []int8, codes []byte, dim int) int {
	words := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(out))), len(out))
	sum := 0
	for d := 0; d < len(out); d += codeBlock { // of which Codes has the nibbles in 16 bytes
		for k := range 4 {
			x := binary.LittleEndian.Uint64(codes[d/2+k%2*8:]) >> (k / 2 * 4) & low4
			mask := firstBytes(dim - d - 8*k)
			x &= mask
			binary.LittleEndian.PutUint64(words[d+8*k:], lessEach(2*x, 15)&mask)
			sum += int(x * ones8 >> 56) // eight of at most 15: a byte holds it
		}
	}
	return 2*sum - 15*dim
}

// firstBytes has ones in the first n bytes of a word, none below 0, all from 8 on.
func firstBytes(n int) uint64 {
	if n >= 8 {
		return math.MaxUint64
	}
	return 1<<(8*max(n, 0)) - 1
}

// lessEach takes n from each byte of x.
func lessEach(x, n uint64) uint64 {
	n *= ones8
	return ((x | high1) - n&^high1) ^ ((x ^ ^n) & high1)
}

// Spread8 is Spread4 of 8-bit codes: twice each less 127.
func Spread8(out []int8, codes []byte, dim int) int {
	const even = 0x00ff_00ff_00ff_00ff
	words := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(out))), len(out))
	sum := 0
	for d := 0; d < len(out); d += 8 {
		mask := firstBytes(dim - d)
		x := binary.LittleEndian.Uint64(codes[d:]) & mask
		binary.LittleEndian.PutUint64(words[d:], lessEach(2*x, 127)&mask)
		sum += int((x&even + x>>8&even) * 0x0001_0001_0001_0001 >> 48)
	}
	return 2*sum - 127*dim
}
