package simd

import (
	"math"
	"unsafe"

	"github.com/kithdb/kith/index"
)

// The scalar kernels of the narrow datatypes: the reference, as in scalar.go.

// half is the value of 16 bits.
type half func(uint16) float32

// widened calls with every row as float32s, beside the query.
func (value half) widened(query []uint16, base unsafe.Pointer, stride int, ids []uint32, each func(i int, q, row []float32)) {
	q, row := make([]float32, len(query)), make([]float32, len(query))
	for i, h := range query {
		q[i] = value(h)
	}
	for i, id := range ids {
		for j, h := range unsafe.Slice((*uint16)(unsafe.Add(base, int(id)*stride)), len(query)) {
			row[j] = value(h)
		}
		each(i, q, row)
	}
}

func dotHalfRowsScalar(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	half(index.FromFloat16).widened(query, base, stride, ids, func(i int, q, row []float32) { out[i] = -dotScalar(q, row) })
}

func l2HalfRowsScalar(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	half(index.FromFloat16).widened(query, base, stride, ids, func(i int, q, row []float32) { out[i] = l2Scalar(q, row) })
}

func l1HalfRowsScalar(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	half(index.FromFloat16).widened(query, base, stride, ids, func(i int, q, row []float32) { out[i] = l1Scalar(q, row) })
}

func dotBfloatRowsScalar(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	half(index.FromBfloat16).widened(query, base, stride, ids, func(i int, q, row []float32) { out[i] = -dotScalar(q, row) })
}

func l2BfloatRowsScalar(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	half(index.FromBfloat16).widened(query, base, stride, ids, func(i int, q, row []float32) { out[i] = l2Scalar(q, row) })
}

func l1BfloatRowsScalar(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	half(index.FromBfloat16).widened(query, base, stride, ids, func(i int, q, row []float32) { out[i] = l1Scalar(q, row) })
}

func byteRow(base unsafe.Pointer, stride int, id uint32, dim int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(base, int(id)*stride)), dim)
}

func dotBytes(a, b []byte) (sum uint32) {
	b = b[:len(a)]
	for i, x := range a {
		sum += uint32(x) * uint32(b[i])
	}
	return sum
}

func l2Bytes(a, b []byte) (sum uint32) {
	b = b[:len(a)]
	for i, x := range a {
		d := int32(x) - int32(b[i])
		sum += uint32(d * d)
	}
	return sum
}

func l1Bytes(a, b []byte) (sum uint32) {
	b = b[:len(a)]
	for i, x := range a {
		sum += uint32(max(x, b[i]) - min(x, b[i]))
	}
	return sum
}

func dotByteRowsScalar(query []byte, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	for i, id := range ids {
		out[i] = -float32(dotBytes(query, byteRow(base, stride, id, len(query))))
	}
}

func l2ByteRowsScalar(query []byte, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	for i, id := range ids {
		out[i] = float32(l2Bytes(query, byteRow(base, stride, id, len(query))))
	}
}

func l1ByteRowsScalar(query []byte, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	for i, id := range ids {
		out[i] = float32(l1Bytes(query, byteRow(base, stride, id, len(query))))
	}
}

// cosByteRowsScalar divides by both lengths; where one is zero, so is the dot
// product, and any divisor gives the 0 that is wanted.
func (q *Query) cosByteRowsScalar(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	for i, id := range ids {
		row := byteRow(base, stride, id, q.dim)
		lengths := float32(math.Sqrt(float64(max(q.norm*float32(dotBytes(row, row)), 1))))
		out[i] = -float32(dotBytes(q.bytes(), row)) / lengths
	}
}
