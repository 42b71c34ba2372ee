package simd

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"

	"github.com/kithdb/kith/index/invariant"
)

// Where the last codes of a row leave no room for its add and mul, they are in the
// codes: both as bfloat16, add in the lower half of 32 bits, and bit i of these is
// the parity of four codes, both that byte i has and both of byte i + 32. So a row
// of 768 dimensions is six cache lines and no more. Nothing is masked in a product: the codes
// count as they are, and the encoder takes some that are not the nearest.

const (
	// InCodes is the Head of rows whose add and mul are in their codes.
	InCodes = 0
	// parityBytes is how many bytes of codes they are in.
	parityBytes = 64
	// leastHolding is how many bytes of codes a row has at least that holds them: 32
	// bits of 128 codes cost more recall than a line less is worth.
	leastHolding = 128
)

// Parities are the changes to a row of 4-bit codes by which its parities become
// others: for each bit one code that moves to a level beside its own. One goroutine.
type Parities struct {
	now   uint32
	along [32]float32 // what the product of the numbers with the codes grows by
	norm  [32]float32 // what that of the codes with themselves grows by
	flips [32]flip
}

// flip is what changes a byte of codes.
type flip struct{ at, by uint8 }

// Weigh finds for each bit which of its four codes, those of x that Put4 wrote, is
// to move if it must change: the one whose number's distance grows least by it. A
// code behind the last number costs nothing. It panics if there are fewer codes
// than the head is in.
func (p *Parities) Weigh(l Levels, codes []byte, x []float32) {
	codes = codes[:parityBytes]
	p.now = parities(codes)
	var least [32]uint32
	l.costs(&least, x)
	for bit, key := range least {
		k := int(key & 3)
		p.take(bit, k, codes[bit+k/2*32], l, x)
	}
}

// costsScalar sets the keys of all bits: the lowest cost of their codes, and in the
// lowest two bits which of them it is.
func (l Levels) costsScalar(keys *[32]uint32, x []float32) {
	for bit := range keys {
		keys[bit] = math.MaxUint32
	}
	for k := range 4 {
		for bit := range keys {
			key := uint32(k)
			if d := parityDim(bit, k); d < len(x) {
				key |= l.cost(x[d]) &^ 3
			}
			keys[bit] = min(keys[bit], key)
		}
	}
}

// parityDim is the dimension of the k-th code of a bit.
func parityDim(bit, k int) int {
	const half = codeBlock / 2
	return bit/half*codeBlock + bit%half + k/2*parityBytes + k%2*half
}

// cost is what it costs to give a number the second nearest level, as the bits of a
// float above 0, which are in the floats' order: the growth of its squared distance,
// in steps.
func (l Levels) cost(f float32) uint32 {
	at := float32(f*l.Inverse) + l.half()
	c := min(max(int32(at), 0), int32(l.Most))
	off := at - 0.5 - float32(c)
	return math.Float32bits(1-2*off*float32(l.beside(c, off))) &^ (1 << 31)
}

// beside is on which side of a level the second nearest one is, of a number so far
// above it.
func (l Levels) beside(c int32, off float32) int32 {
	by := 1 - 2*int32(math.Float32bits(off)>>31)
	if c == 0 {
		by = 1
	}
	if c == int32(l.Most) {
		by = -1
	}
	return by
}

// take has a bit change by the k-th of its codes, which is in byte b.
func (p *Parities) take(bit, k int, b byte, l Levels, x []float32) {
	high := 4 * (k % 2)
	c := int32(b >> high & 15)
	by, along, norm := int32(1), float32(0), float32(0)
	if d := parityDim(bit, k); d < len(x) {
		by = l.beside(c, float32(x[d]*l.Inverse)+l.middle()-float32(c))
		along, norm = x[d]*float32(by), 1+2*float32(by)*(float32(c)-l.middle())
	}
	p.along[bit], p.norm[bit] = along, norm
	p.flips[bit] = flip{uint8(bit + k/2*32), uint8(c^(c+by)) << high}
}

// Growth is what the products of the numbers with the codes, and of the codes with
// themselves, grow by when those of some bits become the ones of head.
func (p *Parities) Growth(head, of uint32) (along, norm float32) {
	for set := (p.now ^ head) & of; set != 0; set &= set - 1 {
		bit := bits.TrailingZeros32(set)
		along, norm = along+p.along[bit], norm+p.norm[bit]
	}
	return along, norm
}

// Put makes the parities of the codes that were weighed those of head.
func (p *Parities) Put(codes []byte, head uint32) {
	for set := p.now ^ head; set != 0; set &= set - 1 {
		f := p.flips[bits.TrailingZeros32(set)]
		codes[f.at] ^= f.by
	}
}

// parities is what is in a row's codes.
func parities(codes []byte) (head uint32) {
	const lowest, gather = 0x0101_0101_0101_0101, 0x0102_0408_1020_4080
	codes = codes[:parityBytes]
	for k := range 4 {
		w := binary.LittleEndian.Uint64(codes[8*k:]) ^ binary.LittleEndian.Uint64(codes[32+8*k:])
		w = (w ^ w>>4) & lowest
		head |= uint32(w*gather>>56) << (8 * k)
	}
	return head
}

// RowHead is add and mul of a row of Codes whose Head is given.
func RowHead(row []byte, head int) (add, mul float32) {
	if head == InCodes {
		both := parities(row)
		return math.Float32frombits(both << 16), math.Float32frombits(both &^ 0xffff)
	}
	row = row[head : head+CodeHead]
	return math.Float32frombits(binary.LittleEndian.Uint32(row)), math.Float32frombits(binary.LittleEndian.Uint32(row[4:]))
}

// AddOf is add of the row that begins at row.
func (c *Codes) AddOf(row unsafe.Pointer) float32 { return c.headOf(row)[0] }

// headOf is add and mul of the row that begins at row.
func (c *Codes) headOf(row unsafe.Pointer) [2]float32 {
	if c.Head == InCodes {
		invariant.Check(len(c.Query) >= 2*parityBytes, "a head in fewer codes than it takes")
		add, mul := RowHead(unsafe.Slice((*byte)(row), parityBytes), InCodes)
		return [2]float32{add, mul}
	}
	return *(*[2]float32)(unsafe.Add(row, c.Head))
}
