package simd

import "unsafe"

// Prefetch asks memory for the cache line at p and the two behind it, without
// waiting. p may point anywhere: a prefetch never faults.
func Prefetch(p unsafe.Pointer) { prefetch(p) }

// PrefetchRows asks memory for the first bytes of rows, at least 1 of each,
// without waiting. Row r begins at base + r·stride bytes; it need not exist.
func PrefetchRows(base unsafe.Pointer, stride, bytes int, ids []uint32) {
	prefetchRows(base, stride, max(bytes, 1), ids)
}
