package simd

import "unsafe"

// Prefetch asks memory for the cache line at p and the two behind it, without
// waiting. p may point anywhere: a prefetch never faults.
func Prefetch(p unsafe.Pointer) { prefetch(p) }
