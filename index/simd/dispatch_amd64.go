//go:build !noasm

package simd

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate go -C _gen run . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg simd

// Detected once, never written outside tests. A branch on a boolean is foreseen
// by the processor, and unlike a function variable lets the compiler see that
// slices do not escape. Detection includes that the system saves the registers.
var (
	useAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasBMI2 && useAVX2
	useAVX2   = cpu.X86.HasAVX2 && cpu.X86.HasFMA
)

func level() string {
	switch {
	case useVNNI:
		return "avx512vnni"
	case useAVX512:
		return "avx512"
	case useAVX2:
		return "avx2"
	default:
		return "scalar"
	}
}

func dot(a, b []float32) float32 {
	switch {
	case useAVX512:
		return dotAVX512(a, b)
	case useAVX2:
		return dotAVX2(a, b)
	default:
		return dotScalar(a, b)
	}
}

func l2(a, b []float32) float32 {
	switch {
	case useAVX512:
		return l2AVX512(a, b)
	case useAVX2:
		return l2AVX2(a, b)
	default:
		return l2Scalar(a, b)
	}
}

func l1(a, b []float32) float32 {
	switch {
	case useAVX512:
		return l1AVX512(a, b)
	case useAVX2:
		return l1AVX2(a, b)
	default:
		return l1Scalar(a, b)
	}
}

func dotRows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		dotRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2:
		dotRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		dotRowsScalar(query, base, stride, ids, out)
	}
}

func l2Rows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		l2RowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2:
		l2RowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		l2RowsScalar(query, base, stride, ids, out)
	}
}

func l1Rows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		l1RowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2:
		l1RowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		l1RowsScalar(query, base, stride, ids, out)
	}
}
