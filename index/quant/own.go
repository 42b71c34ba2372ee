package quant

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// AskCode makes q the question how far the vector of a code is from other codes,
// by what the code says of it: the vector itself is not looked at. Two codes are
// as far from each other as the other way round. Those of vectors that are nearly
// the same are a little nearer than nothing, as both are off the same way.
func (a *Affine) AskCode(row []byte, q *Query) {
	c := &q.affine
	if n := simd.CodeDims(a.dim()); cap(c.Query) < n {
		c.Query = make([]int8, n)
	} else {
		c.Query = c.Query[:n]
	}
	c.four = a.bits == 4
	// From the middle, in halves of a step: odd whole numbers.
	var sum int
	if c.four {
		sum = spread4(c.Query, row, a.dim())
	} else {
		sum = spread8(c.Query, row, a.dim())
	}
	head := a.headAt()
	add, mul := simd.RowHead(row, head)
	scale := -mul
	if a.metric == index.Euclid {
		scale /= 2
	} else {
		add += simd.Dot(a.mean, a.mean) + 2*a.shared(head)
	}
	c.Mul, c.Head, c.Add = scale/2, head, add
	c.Bias = -c.Mul * float32(sum) * float32(a.levels()) / 2
	q.kind = c
}

// point is where a code stands, turned and seen from the mean, in memory of its
// own or dst's, and the part of the distance that is the row's own.
func (a *Affine) point(dst []float32, row []byte) (point []float32, own float32) {
	if cap(dst) < a.dim() {
		dst = make([]float32, a.dim())
	}
	dst = dst[:a.dim()]
	head := a.headAt()
	own, mul := simd.RowHead(row, head)
	own += a.shared(head)
	step := -mul
	if a.metric == index.Euclid {
		step /= 2
	}
	if a.bits == 4 {
		simd.Points4(dst, row, step)
		return dst, own
	}
	middle := float32(a.levels()) / 2
	for d := range dst {
		dst[d] = step * (float32(row[d]) - middle)
	}
	return dst, own
}

const (
	low4  = 0x0f0f_0f0f_0f0f_0f0f
	each  = 0x0101_0101_0101_0101
	high1 = 0x8080_8080_8080_8080
)

// spread4 writes twice each 4-bit code less 15, zeros behind the last dimension,
// and answers their sum. Eight at a time, in one word.
func spread4(out []int8, codes []byte, dim int) int {
	words := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(out))), len(out))
	sum := 0
	for d := 0; d < len(out); d += 32 { // of which simd.Codes has the nibbles in 16 bytes
		for k := range 4 {
			x := binary.LittleEndian.Uint64(codes[d/2+k%2*8:]) >> (k / 2 * 4) & low4
			mask := firstBytes(dim - d - 8*k)
			x &= mask
			binary.LittleEndian.PutUint64(words[d+8*k:], less(2*x, 15)&mask)
			sum += int(x * each >> 56) // eight of at most 15: a byte holds it
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

// less takes n from each byte of x.
func less(x, n uint64) uint64 {
	n *= each
	return ((x | high1) - n&^high1) ^ ((x ^ ^n) & high1)
}

// spread8 is spread4 of 8-bit codes: twice each less 127.
func spread8(out []int8, codes []byte, dim int) int {
	const even = 0x00ff_00ff_00ff_00ff
	words := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(out))), len(out))
	sum := 0
	for d := 0; d < len(out); d += 8 {
		mask := firstBytes(dim - d)
		x := binary.LittleEndian.Uint64(codes[d:]) & mask
		binary.LittleEndian.PutUint64(words[d:], less(2*x, 127)&mask)
		sum += int((x&even + x>>8&even) * 0x0001_0001_0001_0001 >> 48)
	}
	return 2*sum - 127*dim
}
