//go:build !noasm

package simd

import "unsafe"

func sift(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	if useNEON {
		siftNEON(s, heads, stride, sums, below)
		return
	}
	siftScalar(s, heads, stride, sums, below)
}

func sift16(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32) {
	if useNEON {
		sift16NEON(s, heads, stride, sums, below)
		return
	}
	sift16Scalar(s, heads, stride, sums, below)
}

// siftNEON is Sift.Below of at least one block.
//
//go:noescape
func siftNEON(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)

// sift16NEON is Sift.Below16 of at least one block.
//
//go:noescape
func sift16NEON(s *Sift, heads unsafe.Pointer, stride int, sums []uint16, below []uint32)
