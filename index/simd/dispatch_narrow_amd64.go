//go:build !noasm && amd64

package simd

import "unsafe"

// Every processor with AVX2 has F16C; a hypervisor may hide it all the same.
var useF16C = hasF16C()

func dotHalfRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		dotHalfRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2 && useF16C:
		dotHalfRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		dotHalfRowsScalar(query, base, stride, ids, out)
	}
}

func dotByteRows(query []byte, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		dotByteRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2:
		dotByteRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		dotByteRowsScalar(query, base, stride, ids, out)
	}
}

func l2HalfRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		l2HalfRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2 && useF16C:
		l2HalfRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		l2HalfRowsScalar(query, base, stride, ids, out)
	}
}

func l2ByteRows(query []byte, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		l2ByteRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2:
		l2ByteRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		l2ByteRowsScalar(query, base, stride, ids, out)
	}
}

func l1HalfRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		l1HalfRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2 && useF16C:
		l1HalfRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		l1HalfRowsScalar(query, base, stride, ids, out)
	}
}

func l1ByteRows(query []byte, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		l1ByteRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2:
		l1ByteRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		l1ByteRowsScalar(query, base, stride, ids, out)
	}
}

func (q *Query) cosByteRows(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		cosByteRowsAVX512(q.bytes(), q.norm, (*byte)(base), stride, ids, out)
	case useAVX2:
		cosByteRowsAVX2(q.bytes(), q.norm, (*byte)(base), stride, ids, out)
	default:
		q.cosByteRowsScalar(base, stride, ids, out)
	}
}

func dotBfloatRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		dotBfloatRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2:
		dotBfloatRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		dotBfloatRowsScalar(query, base, stride, ids, out)
	}
}

func l2BfloatRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		l2BfloatRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2:
		l2BfloatRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		l2BfloatRowsScalar(query, base, stride, ids, out)
	}
}

func l1BfloatRows(query []uint16, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useAVX512:
		l1BfloatRowsAVX512(query, (*byte)(base), stride, ids, out)
	case useAVX2:
		l1BfloatRowsAVX2(query, (*byte)(base), stride, ids, out)
	default:
		l1BfloatRowsScalar(query, base, stride, ids, out)
	}
}
