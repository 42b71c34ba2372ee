package simd

import (
	"slices"
	"testing"
	"unsafe"
)

// TestPrefetchChangesNothing: rows may lie anywhere, even outside of memory, and
// lists be empty; what is there and in the list stays as it is.
func TestPrefetchChangesNothing(t *testing.T) {
	block := make([]byte, 1024)
	for i := range block {
		block[i] = byte(i * 7)
	}
	base := unsafe.Pointer(&block[0])
	for _, ids := range [][]uint32{nil, {0}, {3, 1, 3}, {1 << 31, 0, ^uint32(0)}} {
		for _, bytes := range []int{-1, 0, 1, 63, 64, 65, 72, 400} {
			was := slices.Clone(ids)
			PrefetchRows(base, 72, bytes, ids)
			if !slices.Equal(ids, was) {
				t.Fatalf("%d bytes of rows %v: the list became %v", bytes, was, ids)
			}
		}
	}
	for i, b := range block {
		if b != byte(i*7) {
			t.Fatalf("byte %d changed", i)
		}
	}
}
