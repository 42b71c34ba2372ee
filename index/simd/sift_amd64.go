//go:build !noasm

package simd

import "unsafe"

func sift(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	switch {
	case useAVX512:
		siftAVX512(s, heads, stride, sums, below)
	case useAVX2:
		siftAVX2(s, heads, stride, sums, below)
	default:
		siftScalar(s, heads, stride, sums, below)
	}
}

func sift16(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	switch {
	case useAVX512:
		sift16AVX512(s, heads, stride, sums, below)
	case useAVX2:
		sift16AVX2(s, heads, stride, sums, below)
	default:
		sift16Scalar(s, heads, stride, sums, below)
	}
}

// siftAVX2 is Sift.Below of at least one block.
//
//go:noescape
func siftAVX2(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)

// sift16AVX2 is Sift.Below16 of at least one block.
//
//go:noescape
func sift16AVX2(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)

// siftAVX512 is Sift.Below of at least one block.
//
//go:noescape
func siftAVX512(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)

// sift16AVX512 is Sift.Below16 of at least one block.
//
//go:noescape
func sift16AVX512(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)
