//go:build (amd64 || arm64) && !noasm

package simd

import "unsafe"

//go:noescape
func prefetch(p unsafe.Pointer)
