package quant

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// AskCode makes q the question how far the vector of a code is from other codes,
// by what the code says of it: the vector itself is not looked at. Two codes are
// as far from each other as the other way round. Those of vectors that are nearly
// the same are a little nearer than nothing, as both are off the same way.
func (a *Affine) AskCode(row []byte, q *Query) {
	c := &q.affine
	if n := simd.CodeDims(a.dim()); cap(c.Query) < n {
		c.Query = make([]int8, n)
	} else {
		c.Query = c.Query[:n]
	}
	c.four = a.bits == 4
	// From the middle, in halves of a step: odd whole numbers.
	var sum int
	if c.four {
		sum = simd.Spread4(c.Query, row, a.dim())
	} else {
		sum = simd.Spread8(c.Query, row, a.dim())
	}
	head := a.headAt()
	add, mul := simd.RowHead(row, head)
	scale := -mul
	if a.metric == index.Euclid {
		scale /= 2
	} else {
		add += a.square + 2*a.shared(head)
	}
	c.Mul, c.Head, c.Add = scale/2, head, add
	c.Bias = -c.Mul * float32(sum) * float32(a.levels()) / 2
	q.kind = c
}

// point is where a code stands, turned and seen from the mean, in memory of its
// own or dst's, and the part of the distance that is the row's own.
func (a *Affine) point(dst []float32, row []byte) (point []float32, own float32) {
	if cap(dst) < a.dim() {
		dst = make([]float32, a.dim())
	}
	dst = dst[:a.dim()]
	head := a.headAt()
	own, mul := simd.RowHead(row, head)
	own += a.shared(head)
	step := -mul
	if a.metric == index.Euclid {
		step /= 2
	}
	if a.bits == 4 {
		simd.Points4(dst, row, step)
		return dst, own
	}
	middle := float32(a.levels()) / 2
	for d := range dst {
		dst[d] = step * (float32(row[d]) - middle)
	}
	return dst, own
}
