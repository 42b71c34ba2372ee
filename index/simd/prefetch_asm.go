//go:build (amd64 || arm64) && !noasm

package simd

import "unsafe"

//go:noescape
func prefetch(p unsafe.Pointer)

//go:noescape
func prefetchRows(base unsafe.Pointer, stride, bytes int, ids []uint32)
