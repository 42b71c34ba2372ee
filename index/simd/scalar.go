package simd

import (
	"math"
	"unsafe"
)

// The scalar kernels are what every other kernel is tested against, and what
// runs where there is nothing better. b is at least as long as a.

func dotScalar(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

func l2Scalar(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		d0, d1, d2, d3 := a[0]-b[0], a[1]-b[1], a[2]-b[2], a[3]-b[3]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		a, b = a[4:], b[4:]
	}
	for i := range a {
		d := a[i] - b[i]
		s0 += d * d
	}
	return s0 + s1 + (s2 + s3)
}

func l1Scalar(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += abs(a[0] - b[0])
		s1 += abs(a[1] - b[1])
		s2 += abs(a[2] - b[2])
		s3 += abs(a[3] - b[3])
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += abs(a[i] - b[i])
	}
	return s0 + s1 + (s2 + s3)
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func row(base unsafe.Pointer, stride int, id uint32, dim int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(base, int(id)*stride)), dim)
}

func dotRowsScalar(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	for i, id := range ids {
		out[i] = -dotScalar(query, row(base, stride, id, len(query)))
	}
}

func l2RowsScalar(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	for i, id := range ids {
		out[i] = l2Scalar(query, row(base, stride, id, len(query)))
	}
}

func l1RowsScalar(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	for i, id := range ids {
		out[i] = l1Scalar(query, row(base, stride, id, len(query)))
	}
}
