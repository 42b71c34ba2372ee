package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index/invariant"
)

// Codes is a query in the form that rows of 8- or 4-bit codes are compared with.
//
// A row is the codes of its dimensions and two float32, its add and its mul, at
// Head: behind the codes, or in the room that the last dimensions leave, so that
// 100 dimensions of 4 bits are one cache line. Codes of 4 bits that leave none have
// them in themselves, as bfloat16: see Parities. The distance to it is
//
//	Add + row.add + row.mul·(Mul·Σ Query[d]·code[d] + Bias)
//
// so that one kernel serves every affine code and every metric that comes down
// to a dot product: quant says what goes into add and mul. The sum is exact.
type Codes struct {
	// Query is one int8 a dimension in the order of the codes, CodeDims of them,
	// those behind the last dimension 0. −127 to 127.
	Query []int8
	// Head is where in a row its add and mul are: Code8Head or Code4Head, which may
	// be InCodes.
	Head           int
	Add, Mul, Bias float32
}

const (
	// CodeHead is the bytes of a row that are not codes: add and mul.
	CodeHead = 8
	// codeBlock is the dimensions that a row is padded to.
	codeBlock = 32
)

// CodeDims is dim with its padding: a row has a code for each of them.
func CodeDims(dim int) int { return (dim + codeBlock - 1) / codeBlock * codeBlock }

// Code8Bytes is the size of a row of 8-bit codes: of each byte 0 to 127 is used,
// so that products of two of them fit the 16 bits of AVX2's dot product.
func Code8Bytes(dim int) int { return max(CodeDims(dim), Code8Head(dim)+CodeHead) }

// Code8Head is where add and mul are in a row of 8-bit codes.
func Code8Head(dim int) int { return headAt(dim, CodeDims(dim)) }

// Code4Bytes is the size of a row of 4-bit codes. Of each 32 dimensions the first
// 16 are in the low halves of 16 bytes, the others in the high halves.
func Code4Bytes(dim int) int { return max(CodeDims(dim)/2, endOf(Code4Head(dim))) }

// Code4Head is where add and mul are in a row of 4-bit codes: in the codes
// themselves, InCodes, where none are free and there are enough of them.
func Code4Head(dim int) int {
	const half = codeBlock / 2
	size := CodeDims(dim) / 2
	at := headAt(dim/codeBlock*half+min(dim%codeBlock, half), size)
	if at == size && size >= leastHolding {
		return InCodes
	}
	return at
}

// endOf is where a row's head ends.
func endOf(head int) int {
	if head == InCodes {
		return parityBytes
	}
	return head + CodeHead
}

// headAt is where add and mul go when so many bytes of a row's codes are used: the
// last bytes of the codes, which count for nothing there, when they are free.
func headAt(used, size int) int {
	if size-used >= CodeHead {
		return size - CodeHead
	}
	return size
}

// Distances8 computes the distances to rows of 8-bit codes. See Query.Distances
// for base, stride, ids and out.
func (c *Codes) Distances8(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	c.check(base, stride-max(len(c.Query), c.Head+CodeHead), len(ids))
	code8Rows(c, base, stride, ids, out)
}

// Distances4 computes the distances to rows of 4-bit codes.
func (c *Codes) Distances4(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	out = out[:len(ids)]
	c.check(base, stride-max(len(c.Query)/2, endOf(c.Head)), len(ids))
	code4Rows(c, base, stride, ids, out)
}

func (c *Codes) check(base unsafe.Pointer, spare, rows int) {
	invariant.Check(base != nil || rows == 0, "rows of an empty arena")
	invariant.Check(spare >= 0, "the query is longer than a row")
	invariant.Check(len(c.Query)%codeBlock == 0, "a query of codes is not padded")
}
