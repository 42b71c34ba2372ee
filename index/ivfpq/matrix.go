package ivfpq

import (
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index"
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

// crew is the goroutines of a long piece of work, which step aside between small
// parts of it. Once it is told to stop it leaves out what is left: whoever had it work
// asks stopped before the result is used.
type crew struct {
	pace index.Pace
	halt atomic.Bool
}

// one is a crew of one for a part of the work, which steps aside and stops with all.
func (c *crew) one() *crew {
	return &crew{pace: index.Pace{Go: func(int) bool { return c.goes(0) }}}
}

// goes asks whether a worker is to go on.
func (c *crew) goes(worker int) bool {
	if !c.halt.Load() && !c.pace.Goes(worker) {
		c.halt.Store(true)
	}
	return !c.halt.Load()
}

// stopped says whether something was left out.
func (c *crew) stopped() bool { return c.halt.Load() }

// spread calls do for [0, n) in stretches and waits. What a stretch does must not
// depend on which goroutine does it.
func (c *crew) spread(n int, do func(from, to int)) {
	const stretch = 128
	c.each((n+stretch-1)/stretch, func(i int) { do(i*stretch, min((i+1)*stretch, n)) })
}

// each calls do for every number below n, one at a time, and waits.
func (c *crew) each(n int, do func(i int)) {
	var next atomic.Int64
	workers := index.Pace{Workers: min(c.pace.Hands(), n)}
	workers.Each(func(worker int) {
		for i := next.Add(1) - 1; i < int64(n) && c.goes(worker); i = next.Add(1) - 1 {
			do(int(i))
		}
	})
}
