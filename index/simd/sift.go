package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/invariant"
)

// SiftHead is the bytes that a block of FastScan has for Sift: 32 float32, the
// add of each vector, and then 32, its mul. SiftHead16 is those of Below16, whose
// numbers are bfloat16.
const (
	SiftHead   = 2 * 4 * FastScanRows
	SiftHead16 = 2 * 2 * FastScanRows
)

// Sift turns the sums of FastScan into distances as Codes does,
//
//	add + mul·(Mul·sum + Bias)
//
// and tells which of them are below a limit.
type Sift struct{ Mul, Bias, Limit float32 }

// Below sets bit i of below[b] where the distance to vector i of block b is below
// the limit; one that is no number is not. sums has 32 for each block. The head
// of block b begins at heads + b·stride bytes. It panics if below is too short; it
// cannot check heads.
func (s *Sift) Below(heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	invariant.Check(stride >= SiftHead, "blocks overlap")
	if below = siftable(heads, sums, below); len(below) > 0 {
		sift(s, heads, stride, sums, below)
	}
}

// Below16 is Below with heads of bfloat16: half of the memory, for estimates that
// are off by more than their last bits.
func (s *Sift) Below16(heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	invariant.Check(stride >= SiftHead16, "blocks overlap")
	if below = siftable(heads, sums, below); len(below) > 0 {
		sift16(s, heads, stride, sums, below)
	}
}

// siftable is below as long as there are blocks.
func siftable(heads unsafe.Pointer, sums []uint16, below []uint32) []uint32 {
	invariant.Check(len(sums)%FastScanRows == 0, "half a block of sums")
	invariant.Check(heads != nil || len(sums) == 0, "a block of nothing")
	return below[:len(sums)/FastScanRows]
}

// At is the distance that a sum comes down to.
func (s *Sift) At(add, mul float32, sum uint16) float32 {
	return add + mul*(s.Mul*float32(sum)+s.Bias)
}

func siftScalar(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	for b := range below {
		head := (*[2][FastScanRows]float32)(unsafe.Add(heads, b*stride))
		mask := uint32(0)
		for i, sum := range sums[b*FastScanRows:][:FastScanRows] {
			if s.At(head[0][i], head[1][i], sum) < s.Limit {
				mask |= 1 << i
			}
		}
		below[b] = mask
	}
}

func sift16Scalar(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	for b := range below {
		head := (*[2][FastScanRows]uint16)(unsafe.Add(heads, b*stride))
		mask := uint32(0)
		for i, sum := range sums[b*FastScanRows:][:FastScanRows] {
			if s.At(index.FromBfloat16(head[0][i]), index.FromBfloat16(head[1][i]), sum) < s.Limit {
				mask |= 1 << i
			}
		}
		below[b] = mask
	}
}
