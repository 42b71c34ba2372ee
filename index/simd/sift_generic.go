//go:build noasm || (!amd64 && !arm64)

package simd

import "unsafe"

func sift(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	siftScalar(s, heads, stride, sums, below)
}

func sift16(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	sift16Scalar(s, heads, stride, sums, below)
}
