//go:build noasm || (!amd64 && !arm64)

package simd

import "unsafe"

func dot(a, b []float32) float32 { return dotScalar(a, b) }
func l2(a, b []float32) float32  { return l2Scalar(a, b) }
func l1(a, b []float32) float32  { return l1Scalar(a, b) }

func dotRows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	dotRowsScalar(query, base, stride, ids, out)
}

func l2Rows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l2RowsScalar(query, base, stride, ids, out)
}

func l1Rows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l1RowsScalar(query, base, stride, ids, out)
}

func level() string { return "scalar" }
