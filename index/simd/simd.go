// Package simd computes distances between vectors of float32, float16 or uint8:
// one pair (float32 only), or one query against many rows of an arena in a
// single call. And estimates of distances from codes of 8, 4 and 1 bit (Codes,
// Bits), sums of looked-up tables (FastScan), and the Hadamard transform. And what
// such codes are made of vectors with (Turn, Levels).
//
// Who calls: index/hnsw, index/flat, index/quant. It calls nothing of ours but
// index (for the metric's name). It never allocates, never keeps a slice and
// never reads a row that was not asked for.
//
// A list of rows goes through one call because that is where the time is: Go
// cannot inline assembly and has no prefetch, so the loop over the list lives in
// the assembly, which asks memory for the rows ahead while it computes.
//
// Sums are made in another order by each kernel, so results differ in the last
// bits between machines; on one machine the pair kernels and the Rows kernels give
// equal results for the same two vectors, wherever the row stands in the list.
//
// Assembly cannot be preempted, so a call keeps the garbage collector waiting:
// give it hundreds of rows, not millions.
//
// Codes, bits and scans add whole numbers and round in one order: they give the
// same bits on every machine.
//
// Invariants:
//
//	I1. len(out) >= len(ids); out beyond len(ids) is not touched.
//	I2. Rows are base + id*stride bytes, len(query) float32 each, readable.
package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/invariant"
)

// Distances computes out[i], the index's distance between the query and row
// ids[i] (smaller is nearer, see index.Hit), under the metric. A row r is
// len(query) float32s at base + r*stride bytes; ids may repeat and be in any
// order. It panics if out is shorter than ids; it cannot check base and ids.
func Distances(m index.Metric, query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch m {
	case index.Euclid:
		L2Rows(query, base, stride, ids, out)
	case index.Manhattan:
		L1Rows(query, base, stride, ids, out)
	default:
		NegDotRows(query, base, stride, ids, out)
	}
}

// Distance is the index's distance between two vectors under the metric; they
// must be of one length.
func Distance(m index.Metric, a, b []float32) float32 {
	switch m {
	case index.Euclid:
		return L2(a, b)
	case index.Manhattan:
		return L1(a, b)
	default:
		return -Dot(a, b)
	}
}

// Dot is the dot product of a and b[:len(a)].
func Dot(a, b []float32) float32 {
	b = b[:len(a)]
	return dot(a, b)
}

// L2 is the squared Euclidean distance of a and b[:len(a)].
func L2(a, b []float32) float32 {
	b = b[:len(a)]
	return l2(a, b)
}

// L1 is the sum of absolute differences of a and b[:len(a)].
func L1(a, b []float32) float32 {
	b = b[:len(a)]
	return l1(a, b)
}

// NegDotRows is Distances for Dot and Cosine: the negated dot product.
func NegDotRows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	checkRows(query, base, stride, ids)
	dotRows(query, base, stride, ids, out)
}

// L2Rows is Distances for Euclid: the squared distance.
func L2Rows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	checkRows(query, base, stride, ids)
	l2Rows(query, base, stride, ids, out)
}

// L1Rows is Distances for Manhattan: the sum of absolute differences.
func L1Rows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	checkRows(query, base, stride, ids)
	l1Rows(query, base, stride, ids, out)
}

func checkRows(query []float32, base unsafe.Pointer, stride int, ids []uint32) {
	invariant.Check(base != nil || len(ids) == 0, "rows of an empty arena")
	invariant.Check(stride >= 4*len(query), "the query is longer than a row")
}

// Level names the kernels in use: "avx512vnni", "avx512", "avx2", "neon" or "scalar".
// GODEBUG=cpu.avx512f=off leaves AVX2, as cpu.avx2=off the scalar ones.
func Level() string { return level() }
