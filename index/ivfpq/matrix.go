package ivfpq

import (
	"math"
	"unsafe"

	"github.com/kithdb/kith/index/simd"
)

// batch is how many rows one kernel call compares: assembly is not preempted,
// and the distances stay in the first-level cache.
const batch = 256

// upTo is the numbers 0 to batch−1, as the kernels take them.
var upTo = func() (ids [batch]uint32) {
	for i := range ids {
		ids[i] = uint32(i)
	}
	return ids
}()

// matrix is rows of float32 side by side.
type matrix struct {
	dim int
	v   []float32
}

func newMatrix(rows, dim int) matrix { return matrix{dim: dim, v: make([]float32, rows*dim)} }

func (m matrix) len() int            { return len(m.v) / m.dim }
func (m matrix) row(i int) []float32 { return m.v[i*m.dim : (i+1)*m.dim] }

// part is rows [from, to), in place.
func (m matrix) part(from, to int) matrix { return matrix{m.dim, m.v[from*m.dim : to*m.dim]} }

// pick is a copy of some rows.
func (m matrix) pick(rows []uint32) matrix {
	out := newMatrix(len(rows), m.dim)
	for i, r := range rows {
		copy(out.row(i), m.row(int(r)))
	}
	return out
}

// squares sets out[i] to the squared distance between v and row i.
func (m matrix) squares(v, out []float32) {
	m.batches(out, func(base unsafe.Pointer, ids []uint32, out []float32) {
		simd.L2Rows(v, base, 4*m.dim, ids, out)
	})
}

func (m matrix) batches(out []float32, do func(base unsafe.Pointer, ids []uint32, out []float32)) {
	n := m.len()
	out = out[:n]
	for at := 0; at < n; at += batch {
		few := min(batch, n-at)
		do(unsafe.Pointer(&m.v[at*m.dim]), upTo[:few], out[at:at+few])
	}
}

// nearest is the row nearest to v, the first of equals, and its squared distance.
func (m matrix) nearest(v []float32) (row int, square float32) {
	var out [batch]float32
	square = float32(math.Inf(1))
	for at := 0; at < m.len(); at += batch {
		few := min(batch, m.len()-at)
		simd.L2Rows(v, unsafe.Pointer(&m.v[at*m.dim]), 4*m.dim, upTo[:few], out[:])
		if i := least(out[:few]); out[i] < square {
			row, square = at+i, out[i]
		}
	}
	return row, square
}

// least is the place of the least value, the first of equals.
func least(v []float32) (at int) {
	best := float32(math.Inf(1))
	for i, d := range v {
		if d < best {
			at, best = i, d
		}
	}
	return at
}

// normalise makes v one long; zeros stay.
func normalise(v []float32) {
	length := math.Sqrt(float64(simd.Dot(v, v)))
	if length == 0 || math.IsInf(length, 0) {
		return
	}
	inverse := float32(1 / length)
	for i := range v {
		v[i] *= inverse
	}
}

// stretch is how many rows are one part of a crew's work.
const stretch = 128
