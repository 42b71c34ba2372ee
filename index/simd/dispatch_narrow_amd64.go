//go:build !noasm && amd64

package simd

import "unsafe"

func dotHalfRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	dotHalfRowsScalar(query, base, stride, ids, out)
}

func l2HalfRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l2HalfRowsScalar(query, base, stride, ids, out)
}

func l1HalfRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	l1HalfRowsScalar(query, base, stride, ids, out)
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
