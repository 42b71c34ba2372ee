package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index/invariant"
)

// Bits is a query in the form that rows of 1-bit codes are compared with. A row
// is as one of Codes, its head before its codes, which are planes of little-endian
// words: bit d%64 of word d/64 is dimension d's. What planes there are, and what the
// code of a dimension is, says the BitForm. The distance is as that of Codes,
//
//	Add + row.add + row.mul·(Mul·Σ query[d]·code[d] + Bias)
//
// with a query of a few bits in planes of its own, so that the sum is one of
// population counts (Gao and Long, RaBitQ, arXiv 2405.12497), or in bytes, where the
// machine multiplies and adds up 64 of them at once.
type Bits struct {
	Add, Mul, Bias float32

	form   BitForm
	words  int      // of a row's first plane
	count  int      // planes of the query
	planes []uint64 // of the query, most significant first; or else there are
	bytes  []int8   // the query, a byte a dimension, padded
	wide   []int16  // what planes are cut of
}

// BitForm is what the planes of a row are.
type BitForm uint8

const (
	// Alone is a code of one bit.
	Alone BitForm = iota
	// Shared has a second plane of half the length: a bit of it is a size that the
	// same dimension of both halves of the first plane, the signs, share. The code is
	// 3·sign, and 1 more where the sign is as the size: the large and the small of
	// both signs are −2, −1, 1 and 2, and 2 more.
	Shared
	// Paired has a second plane of the same length. The code is 2·bit, and 1 more
	// where the second has a bit.
	Paired
)

const (
	// MaxPlanes is the most bits that a query of Bits has.
	MaxPlanes = 8
	// bitWord is the dimensions that a plane is padded to.
	bitWord = 64
)

// Words is the words of a row's first plane: of Shared they are even.
func (f BitForm) Words(dim int) int {
	n := (dim + bitWord - 1) / bitWord
	if f == Shared {
		n += n % 2
	}
	return n
}

// RowBytes is the size of a row.
func (f BitForm) RowBytes(dim int) int { return CodeHead + 8*f.all(f.Words(dim)) }

// all is the words of a row whose first plane has so many.
func (f BitForm) all(words int) int {
	switch f {
	case Shared:
		return words + words/2
	case Paired:
		return 2 * words
	}
	return words
}

// SetQuery makes a query for rows of a form of whole numbers that fit so many bits
// with a sign (4: −8 to 7), 2 to MaxPlanes. It uses the memory of the last query
// again.
func (b *Bits) SetQuery(form BitForm, query []int8, planes int) {
	invariant.Check(planes >= 2 && planes <= MaxPlanes, "planes of a query of bits")
	b.form, b.words, b.count = form, form.Words(len(query)), planes
	b.bytes, b.planes = b.bytes[:0], b.planes[:0]
	if b.inBytes() {
		if n := b.words * bitWord; cap(b.bytes) < n {
			b.bytes = make([]int8, n)
		} else {
			b.bytes = b.bytes[:n]
			clear(b.bytes[len(query):])
		}
		copy(b.bytes, query)
		return
	}
	b.cut(b.widened(query))
}

// widened is what is cut into planes. The second plane of Paired is to it as more
// dimensions, and those of the first count double.
func (b *Bits) widened(query []int8) []int16 {
	n := b.words * bitWord
	size := n
	if b.form == Paired {
		size += n
		b.count++
	}
	if cap(b.wide) < size {
		b.wide = make([]int16, size)
	}
	wide := b.wide[:size]
	for d, q := range query {
		wide[d] = int16(q)
	}
	clear(wide[len(query):n])
	if b.form == Paired {
		copy(wide[n:], wide[:n])
		for d, q := range wide[n:] {
			wide[d] = 2 * q
		}
	}
	return wide
}

// cut makes planes of a padded query.
func (b *Bits) cut(query []int16) {
	n := len(query) / bitWord * b.count
	if cap(b.planes) < n {
		b.planes = make([]uint64, n)
	}
	b.planes = b.planes[:n]
	cutPlanes(b.planes, query, b.count)
}

// Distances1 computes the distances to rows of 1-bit codes of the query's form. See
// Query.Distances for base, stride, ids and out.
func (b *Bits) Distances1(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	invariant.Check(base != nil || len(ids) == 0, "rows of an empty arena")
	invariant.Check(b.count > 0, "no query of bits was set")
	invariant.Check(stride >= CodeHead+8*b.form.all(b.words), "the query is longer than a row")
	bitRows(b, base, stride, ids, out)
}
