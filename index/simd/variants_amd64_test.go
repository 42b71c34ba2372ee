//go:build !noasm

package simd

// variants lists every kernel set of this machine; use selects it.
func variants() []variant {
	has512, has2 := useAVX512, useAVX2
	set := func(avx512, avx2 bool) func() { return func() { useAVX512, useAVX2 = avx512, avx2 } }
	list := []variant{{"scalar", set(false, false)}}
	if has2 {
		list = append(list, variant{"avx2", set(false, true)})
	}
	if has512 {
		list = append(list, variant{"avx512", set(true, true)})
	}
	return list
}
