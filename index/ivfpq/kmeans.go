package ivfpq

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/kithdb/kith/index"
)

const (
	rounds = 10
	// crowded and sparse are the shares of the mean size beyond which a cluster is
	// split, and below which it is given up for that.
	crowded = 2.5
	sparse  = 0.25
)

// clustering is k-means (Lloyd) with k-means++ seeding (Arthur and Vassilvitskii,
// 2007), in which crowded clusters are split at the expense of sparse ones. The
// same seed gives the same centres, however many work at them.
type clustering struct {
	k    int
	seed uint64
	crew *index.Crew
	unit bool // centres are made one long: spherical k-means
}

// run answers at most k centres, fewer where there are fewer points.
func (c clustering) run(p matrix) matrix {
	rng := rand.New(rand.NewPCG(c.seed, uint64(p.len())))
	if p.len() <= c.k {
		return c.finish(matrix{p.dim, slices.Clone(p.v)})
	}
	centres := c.begin(p, rng)
	near := make([]uint32, p.len())
	for round := range rounds {
		c.assign(p, centres, near)
		sizes := c.move(p, centres, near)
		if round < rounds-2 {
			balance(p, centres, near, sizes)
		}
	}
	return centres
}

// begin draws the first centres: each with a chance that grows with the squared
// distance to those before it.
func (c clustering) begin(p matrix, rng *rand.Rand) matrix {
	n := p.len()
	centres := newMatrix(c.k, p.dim)
	square, fresh := make([]float32, n), make([]float32, n)
	for i := range square {
		square[i] = float32(math.Inf(1))
	}
	next := rng.IntN(n)
	for k := range c.k {
		if !c.crew.Goes() {
			break
		}
		copy(centres.row(k), p.row(next))
		p.squares(centres.row(k), fresh)
		var sum float64
		for i, d := range fresh {
			square[i] = min(square[i], d)
			sum += float64(square[i])
		}
		next = drawn(square, sum*rng.Float64())
	}
	return c.finish(centres)
}

// drawn is the place at which the running sum of weights passes a value; the
// last one where weights are no numbers or all zero.
func drawn(weights []float32, value float64) int {
	var sum float64
	for i, w := range weights {
		if sum += float64(w); sum > value {
			return i
		}
	}
	return len(weights) - 1
}

func (c clustering) finish(centres matrix) matrix {
	if c.unit {
		for i := range centres.len() {
			normalise(centres.row(i))
		}
	}
	return centres
}

// assign sets near[i] to the centre nearest to point i.
func (c clustering) assign(p, centres matrix, near []uint32) {
	c.crew.Spread(p.len(), stretch, func(from, to int) {
		for i := from; i < to; i++ {
			row, _ := centres.nearest(p.row(i))
			near[i] = uint32(row)
		}
	})
}

// move puts every centre into the middle of its points, and answers how many
// these are. A centre without points stays.
func (c clustering) move(p, centres matrix, near []uint32) (sizes []int) {
	sizes = make([]int, centres.len())
	for _, k := range near {
		sizes[k]++
	}
	byCentre := order(near, sizes)
	starts := 0
	from := make([]int, len(sizes))
	for k, n := range sizes {
		from[k] = starts
		starts += n
	}
	c.crew.Spread(len(sizes), stretch, func(first, last int) {
		for k := first; k < last; k++ {
			if sizes[k] > 0 {
				middle(centres.row(k), p, byCentre[from[k]:from[k]+sizes[k]])
			}
		}
	})
	c.finish(centres)
	return sizes
}

// middle sets v to the mean of some rows, summed in their order.
func middle(v []float32, p matrix, rows []uint32) {
	clear(v)
	for _, r := range rows {
		for d, x := range p.row(int(r)) {
			v[d] += x
		}
	}
	inverse := 1 / float32(len(rows))
	for d := range v {
		v[d] *= inverse
	}
}

// order lists the points by their centre, those of one centre by number.
func order(near []uint32, sizes []int) []uint32 {
	at := make([]int, len(sizes))
	for k := 1; k < len(at); k++ {
		at[k] = at[k-1] + sizes[k-1]
	}
	out := make([]uint32, len(near))
	for i, k := range near {
		out[at[k]] = uint32(i)
		at[k]++
	}
	return out
}

// balance moves the centres of sparse clusters into crowded ones, onto a point
// that lies anywhere there: the next rounds part them.
func balance(p, centres matrix, near []uint32, sizes []int) {
	mean := float64(p.len()) / float64(len(sizes))
	up := bySize(sizes)
	for i := range len(up) / 2 {
		from, to := up[i], up[len(up)-1-i]
		empty := sizes[from] == 0 && sizes[to] > 1
		if !empty && (float64(sizes[from]) > sparse*mean || float64(sizes[to]) < crowded*mean) {
			return
		}
		copy(centres.row(int(from)), p.row(member(near, to, sizes[to]/2)))
	}
}

// bySize is the clusters by rising size.
func bySize(sizes []int) (up []uint32) {
	for k := range sizes {
		up = append(up, uint32(k))
	}
	slices.SortStableFunc(up, func(a, b uint32) int { return sizes[a] - sizes[b] })
	return up
}

// member is the point of a cluster that has so many before it there.
func member(near []uint32, cluster uint32, before int) int {
	for i, k := range near {
		if k == cluster {
			if before--; before < 0 {
				return i
			}
		}
	}
	return 0
}
