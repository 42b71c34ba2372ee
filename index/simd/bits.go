package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index/invariant"
)

// Bits is a query in the form that rows of 1-bit codes are compared with. A row
// is as one of Codes, its codes being bits: bit d%64 of the little-endian word
// d/64 is dimension d's. The distance is as that of Codes,
//
//	Add + row.add + row.mul·(Mul·Σ query[d]·bit[d] + Bias)
//
// with a query of a few bits in planes, so that the sum is one of population
// counts (Gao and Long, RaBitQ, arXiv 2405.12497).
type Bits struct {
	Add, Mul, Bias float32

	planes int
	words  []uint64 // the planes, most significant first, each as long as a row
}

// MaxPlanes is the most bits that a query of Bits has.
const MaxPlanes = 10

// bitWord is the dimensions that a row of bits is padded to.
const bitWord = 64

// Code1Bytes is the size of a row of 1-bit codes.
func Code1Bytes(dim int) int { return CodeHead + (dim+bitWord-1)/bitWord*8 }

// SetQuery makes planes of a query of whole numbers that fit so many bits with a
// sign (4: −8 to 7), 2 to MaxPlanes. It uses the memory of the last query again.
func (b *Bits) SetQuery(query []int16, planes int) {
	invariant.Check(planes >= 2 && planes <= MaxPlanes, "planes of a query of bits")
	size := (len(query) + bitWord - 1) / bitWord
	if n := size * planes; cap(b.words) < n {
		b.words = make([]uint64, n)
	} else {
		b.words = b.words[:n]
		clear(b.words)
	}
	b.planes = planes
	b.cut(query)
}

// Distances1 computes the distances to rows of 1-bit codes. See Query.Distances
// for base, stride, ids and out.
func (b *Bits) Distances1(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	invariant.Check(base != nil || len(ids) == 0, "rows of an empty arena")
	invariant.Check(b.planes > 0, "no query of bits was set")
	invariant.Check(stride >= CodeHead+len(b.words)/b.planes*8, "the query is longer than a row")
	bitRows(b, base, stride, ids, out)
}

// SharedBytes is the size of a row of 1-bit codes whose halves share sizes.
func SharedBytes(dim int) int { return CodeHead + sharedWords(dim)*3/2*8 }

// SharedDims is the dimensions that the halves of such a row hold: dim, rounded up
// to a whole word in each half.
func SharedDims(dim int) int { return sharedWords(dim) * bitWord }

func sharedWords(dim int) int { return (dim + 2*bitWord - 1) / (2 * bitWord) * 2 }

// DistancesShared computes the distances to rows of 1-bit codes whose halves share
// sizes. The query has SharedDims. A row has as many bits, and behind them half as
// many sizes: that of bit i is also that of bit i of the second half. In the
// distance a dimension's code is
//
//	3·bit[d], and 1 more where bit[d] is as its size
//
// so that 0 to 4 without 2 are the large and the small of both signs. See
// Query.Distances for base, stride, ids and out.
func (b *Bits) DistancesShared(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	invariant.Check(base != nil || len(ids) == 0, "rows of an empty arena")
	invariant.Check(b.planes > 0, "no query of bits was set")
	words := len(b.words) / b.planes
	invariant.Check(words%2 == 0, "halves of a query of bits differ")
	invariant.Check(stride >= CodeHead+words*3/2*8, "the query is longer than a row")
	sharedRows(b, base, stride, ids, out)
}
