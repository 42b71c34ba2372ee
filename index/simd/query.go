package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/invariant"
)

// Query is a vector in the form of the rows that it is compared with, be it a
// user's or a row itself. It borrows its memory: use it no longer than that.
type Query struct {
	at    unsafe.Pointer
	dim   int
	space index.Space
	norm  float32 // squared length; Cosine over Uint8 only
}

// Row makes a query of a stored row, whole and in place.
func Row(s index.Space, row []byte) Query {
	q := Query{at: unsafe.Pointer(unsafe.SliceData(row)), dim: len(row), space: s}
	switch s.Datatype { // a graph makes queries by the thousand: no division
	case index.Float16, index.Bfloat16:
		q.dim /= 2
	case index.Uint8:
		if s.Metric == index.Cosine {
			q.norm = normBytes(row)
		}
	default:
		q.dim /= 4
	}
	return q
}

// Encoded makes a query of a vector. Float32 is used where it lies; for the
// other datatypes its stored form is written into buf, which is answered, grown
// where it was too short, to be lent again.
func Encoded(s index.Space, v []float32, buf []byte) (Query, []byte) {
	if s.Datatype.Bytes() == 4 {
		return Query{at: unsafe.Pointer(unsafe.SliceData(v)), dim: len(v), space: s}, buf
	}
	n := len(v) * s.Datatype.Bytes()
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	s.Datatype.Encode(buf, v)
	return Row(s, buf), buf
}

// normBytes is a row's squared length.
func normBytes(row []byte) float32 {
	var ids [1]uint32
	var out [1]float32
	dotByteRows(row, unsafe.Pointer(unsafe.SliceData(row)), len(row), ids[:], out[:])
	return -out[0]
}

func (q *Query) floats() []float32 { return unsafe.Slice((*float32)(q.at), q.dim) }
func (q *Query) halves() []uint16  { return unsafe.Slice((*uint16)(q.at), q.dim) }
func (q *Query) bytes() []byte     { return unsafe.Slice((*byte)(q.at), q.dim) }

// Distances computes out[i], the index's distance between the query and row
// ids[i] (smaller is nearer, see index.Hit). A row r begins at base + r*stride
// bytes; ids may repeat and be in any order. It panics if out is shorter than
// ids; it cannot check base and ids.
func (q *Query) Distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch q.space.Datatype {
	case index.Float16:
		q.halfDistances(base, stride, ids, out)
	case index.Bfloat16:
		q.bfloatDistances(base, stride, ids, out)
	case index.Uint8:
		q.byteDistances(base, stride, ids, out)
	default:
		Distances(q.space.Metric, q.floats(), base, stride, ids, out)
	}
}

func (q *Query) halfDistances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	q.check(base, stride, ids)
	switch q.space.Metric {
	case index.Euclid:
		l2HalfRows(q.halves(), base, stride, ids, out)
	case index.Manhattan:
		l1HalfRows(q.halves(), base, stride, ids, out)
	default:
		dotHalfRows(q.halves(), base, stride, ids, out)
	}
}

func (q *Query) bfloatDistances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	q.check(base, stride, ids)
	switch q.space.Metric {
	case index.Euclid:
		l2BfloatRows(q.halves(), base, stride, ids, out)
	case index.Manhattan:
		l1BfloatRows(q.halves(), base, stride, ids, out)
	default:
		dotBfloatRows(q.halves(), base, stride, ids, out)
	}
}

// byteDistances computes in integers, exactly, and rounds once at the end: 2¹⁶
// dimensions of 255² just fit 32 bits.
func (q *Query) byteDistances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	q.check(base, stride, ids)
	switch q.space.Metric {
	case index.Euclid:
		l2ByteRows(q.bytes(), base, stride, ids, out)
	case index.Manhattan:
		l1ByteRows(q.bytes(), base, stride, ids, out)
	case index.Cosine:
		q.cosByteRows(base, stride, ids, out)
	default:
		dotByteRows(q.bytes(), base, stride, ids, out)
	}
}

func (q *Query) check(base unsafe.Pointer, stride int, ids []uint32) {
	invariant.Check(base != nil || len(ids) == 0, "rows of an empty arena")
	invariant.Check(stride >= q.space.Datatype.Bytes()*q.dim, "the query is longer than a row")
}
