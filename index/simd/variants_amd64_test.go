//go:build !noasm

package simd

import "golang.org/x/sys/cpu"

// variants lists every kernel set of this machine; use selects it.
func variants() []variant {
	hasVNNI, hasCounts, has512, has2 := useVNNI, cpu.X86.HasAVX512VPOPCNTDQ, useAVX512, useAVX2
	set := func(level int) func() {
		return func() {
			useAVX2, useAVX512 = level > 0, level > 1
			useVNNI, usePopcount512 = level > 2, level > 2 && hasCounts
		}
	}
	list := []variant{{"scalar", set(0)}}
	if has2 {
		list = append(list, variant{"avx2", set(1)})
	}
	if has512 {
		list = append(list, variant{"avx512", set(2)})
	}
	if hasVNNI {
		list = append(list, variant{"avx512vnni", set(3)})
	}
	return list
}
