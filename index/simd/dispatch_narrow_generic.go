//go:build noasm || !amd64

package simd

import "unsafe"

// float16, bfloat16 and uint8 have assembly on amd64 only.

func dotHalfRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	dotHalfRowsScalar(query, base, stride, ids, out)
}

func l2HalfRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l2HalfRowsScalar(query, base, stride, ids, out)
}

func l1HalfRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l1HalfRowsScalar(query, base, stride, ids, out)
}

func dotBfloatRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	dotBfloatRowsScalar(query, base, stride, ids, out)
}

func l2BfloatRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l2BfloatRowsScalar(query, base, stride, ids, out)
}

func l1BfloatRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l1BfloatRowsScalar(query, base, stride, ids, out)
}

func dotByteRows(query []byte, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	dotByteRowsScalar(query, base, stride, ids, out)
}

func l2ByteRows(query []byte, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l2ByteRowsScalar(query, base, stride, ids, out)
}

func l1ByteRows(query []byte, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l1ByteRowsScalar(query, base, stride, ids, out)
}

func (q *Query) cosByteRows(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	q.cosByteRowsScalar(base, stride, ids, out)
}
