// Package quant turns vectors into short codes and compares queries with them.
// A search walks on codes, which are a small part of the memory of the vectors,
// and lets the vectors themselves decide at the end.
//
// Who calls: index/hnsw and the other indexes, storage/shard trains. It calls
// index/simd. It owns no memory of rows: codes lie in the caller's arenas.
package quant

import (
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Code is a trained way to make codes. It never changes, and any number of
// goroutines may use it.
type Code interface {
	// RowBytes is the size of one vector's code.
	RowBytes() int
	// Encode writes the code of a vector, as it is stored (normalised for
	// Cosine), into row.
	Encode(row []byte, v []float32, s *Scratch)
	// Ask makes q the question how far the vector is from codes.
	Ask(v []float32, q *Query)
	// AppendBinary appends what Open makes the same Code of again.
	AppendBinary(dst []byte) []byte
}

// Scratch is memory that encoding needs, one for each goroutine. The zero value
// is ready.
type Scratch struct {
	floats []float32
	unit   []float32 // a vector at length 1
	trial  []byte    // codes that may be better than those that there are
	parity simd.Parities
}

// take is n floats of it; what they hold is left over.
func (s *Scratch) take(n int) []float32 {
	if cap(s.floats) < n {
		s.floats = make([]float32, n)
	}
	return s.floats[:n]
}

// asked is a kind of code made ready for one vector.
type asked interface {
	distances(base unsafe.Pointer, stride int, ids []uint32, out []float32)
}

// Query is a vector made ready to be compared with codes. Its memory is used
// again by the next Ask. One goroutine.
type Query struct {
	kind    asked
	scratch Scratch
	affine  affineQuery
	reduced reducedQuery
	bits    bitsQuery
	levels  levelsQuery
	product productQuery
}

// Distances estimates out[i], the index's distance (see index.Hit) between the
// vector and the one whose code is row ids[i], which begins at base + ids[i]·stride
// bytes. It panics if out is shorter than ids; it cannot check base and ids.
func (q *Query) Distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	q.kind.distances(base, stride, ids, out)
}

// Guided is an index whose searches may go by codes.
type Guided interface {
	// Guide has searches go by a code, and measure the best by their vectors at
	// the end. Every slot is encoded before the new code takes over from the old;
	// nil takes it away. Not beside Insert; searches go on. On error, which
	// index.ErrStopped is, nothing has changed.
	Guide(code Code, p index.Pace) error
	// Code is the code that searches go by, nil when they go by the vectors.
	Code() Code
}
