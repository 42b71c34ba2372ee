package quant

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Beside codes what an Affine has coded as it is seen from a neighbour, by the
// signs of the first dimensions of the turned difference. What lies near is
// measured the more exactly, since the error is a share of the distance between
// the two.
//
// The distance of a code with the point v, as an Affine has it, is a part of the
// query's own, one of the code's, a(v), and −k·⟨Rq, v⟩, with k = 2 under Euclid and
// 1 otherwise. So for a step r = v − c from the neighbour's point c to v
//
//	d(q, v) = d(q, c) + a(v) − a(c) − k·⟨c, r⟩ − k·⟨Rq − c, r⟩
//
// and ⟨Rq − c, r⟩ ≈ s·(⟨Rq, sign r⟩ − ⟨c, sign r⟩) with the s that is exact for r
// itself, so that the estimate has no bias (Gao and Long, RaBitQ, arXiv
// 2405.12497; codes relative to a graph's node: Gou and others, SymphonyQG, arXiv
// 2411.12229). All but the product with Rq is known beforehand, and that one is
// the same look-up for every node of a walk. v is a code's point and c the vector
// itself: with two codes, the error of c's is in both factors, and the estimate has
// a bias. So one vector is read, and turned, for all of a node's neighbours.
//
// A Beside never changes, and any number of goroutines may use it.
type Beside struct {
	on    *Affine
	bits  int     // of a code: as many of the turned dimensions, the first
	share float32 // k
}

// Besides reports whether a Beside can stand on an Affine: it turns vectors, and these
// are long enough for signs to tell anything.
func Besides(a *Affine) bool { return a.Turned() && besideBits(a.dim()) > 0 }

// NewBeside makes the code beside an Affine that it can stand on (Besides).
func NewBeside(a *Affine) *Beside {
	b := &Beside{on: a, bits: besideBits(a.dim()), share: 1}
	if a.metric == index.Euclid {
		b.share = 2
	}
	return b
}

// mostBeside is enough bits to sift by: more make rows longer and sift little
// better.
const mostBeside = 256

// besideBits is how many bits stand beside a link: most of those of a short
// vector, so that the graph's memory stays within three times the vectors'. Whole
// bytes, and none below ten dimensions.
func besideBits(dim int) int { return min(dim*4/5&^7, mostBeside) }

// BesideLanes is how many codes a block has.
const BesideLanes = simd.FastScanRows

// tables is the number of look-ups: one for four dimensions.
func (b *Beside) tables() int { return b.bits / 4 }

// BlockBytes is the size of a block: what Sift needs of each lane, then the
// codes.
func (b *Beside) BlockBytes() int { return simd.SiftHead16 + simd.FastScanBytes(b.tables()) }

// Place is a point to look from. Its memory is used again by the next Stand.
type Place struct {
	point, step []float32
	own         float32 // a(c)
	signs       [mostBeside / 8]byte
}

// Stand makes p the place of a vector.
func (b *Beside) Stand(p *Place, v []float32) {
	p.point = append(p.point[:0], v...)
	p.own = b.on.centred(p.point, v)
	if b.on.metric != index.Euclid {
		p.own = -simd.Dot(b.on.mean, v)
	}
}

// Put writes the code of what a row of the Affine codes, seen from p, into a lane
// of a block.
func (b *Beside) Put(block []byte, lane int, p *Place, row []byte) {
	var own float32
	p.step, own = b.on.point(p.step, row)
	simd.Less(p.step, p.step, p.point)
	along, at := simd.Signs(p.signs[:], p.step[:b.bits], p.point)
	codes := block[simd.SiftHead16:]
	for i, signs := range p.signs[:b.bits/8] {
		simd.PutFastScan(codes, 2*i, lane, signs&15)
		simd.PutFastScan(codes, 2*i+1, lane, signs>>4)
	}
	scale := float32(0)
	if along > 0 {
		scale = b.share * simd.Dot(p.step, p.step) / along
	}
	b.lane(block, lane, own-p.own-b.share*simd.Dot(p.point, p.step)+scale*at, -scale)
}

// Clear empties a lane: it is never below a limit.
func (b *Beside) Clear(block []byte, lane int) {
	b.lane(block, lane, float32(math.Inf(1)), 0)
}

func (b *Beside) lane(block []byte, lane int, add, mul float32) {
	binary.LittleEndian.PutUint16(block[2*lane:], index.ToBfloat16(add))
	binary.LittleEndian.PutUint16(block[2*(BesideLanes+lane):], index.ToBfloat16(mul))
}

// Look is a query made ready for codes beside any node. Its memory is used again
// by the next Ask. One goroutine.
type Look struct {
	tables []uint8
	count  int
	sift   simd.Sift
	turned []float32
	sums   []uint16
	below  []uint32
	dist   float32 // of the last Below
}

// Ask makes l the question how far the vector is that q was asked last, of the
// code that b stands on.
func (b *Beside) Ask(q *Query, l *Look) {
	l.turned = append(l.turned[:0], q.scratch.floats[:b.bits]...)
	l.count = b.tables()
	if cap(l.tables) < l.count*simd.FastScanTable {
		l.tables = make([]uint8, l.count*simd.FastScanTable)
	}
	l.tables = l.tables[:l.count*simd.FastScanTable]
	widest, whole := simd.Fours(l.turned)
	top := float32(min(255, math.MaxUint16/l.count))
	l.sift.Mul, l.sift.Bias = 2*widest/top, -whole
	inverse := float32(0)
	if widest > 0 {
		inverse = top / (2 * widest)
	}
	simd.SignTables(l.tables, l.turned, 2*inverse)
}

// At is what Below compared with the limit of a lane of block k, which is at block.
func (l *Look) At(block unsafe.Pointer, k, lane int) float32 {
	head := (*[2][BesideLanes]uint16)(block)
	add, mul := index.FromBfloat16(head[0][lane]), index.FromBfloat16(head[1][lane])
	return l.dist + l.sift.At(add, mul, l.sums[k*BesideLanes+lane])
}

// Below finds the lanes of n blocks, the first of which is at blocks and each
// stride bytes behind the one before, whose distance is below limit; dist is the
// exact distance to the place that they are seen from. Bit i of below[k] is lane i
// of block k. It is valid until the next call.
func (l *Look) Below(blocks unsafe.Pointer, n, stride int, dist, limit float32) (below []uint32) {
	if cap(l.sums) < n*BesideLanes {
		l.sums, l.below = make([]uint16, n*BesideLanes), make([]uint32, n)
	}
	l.sums, l.below = l.sums[:n*BesideLanes], l.below[:n]
	for k := range n {
		block := unsafe.Add(blocks, k*stride)
		simd.FastScanBlocks(l.tables, unsafe.Add(block, simd.SiftHead16), l.count, l.sums[k*BesideLanes:][:BesideLanes])
	}
	l.dist, l.sift.Limit = dist, limit-dist
	l.sift.Below16(blocks, stride, l.sums, l.below)
	return l.below
}
