//go:build (!amd64 && !arm64) || noasm

package simd

import "unsafe"

func prefetch(unsafe.Pointer) {}

func prefetchRows(unsafe.Pointer, int, int, []uint32) {}
