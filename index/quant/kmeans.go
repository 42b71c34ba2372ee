package quant

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
)

// rounds is how often the points of a run are moved to the middle of what they
// stand for: more of them hardly change what a search finds.
const rounds = 10

// train places the points of every run among the samples, which are vectors one
// after the other, at least 256. workers share the runs.
func (p *Product) train(samples []float32, seed uint64, workers int) {
	p.each(workers, func(run int) {
		from, to := p.span(run)
		k := &kmeans{p: p, run: run, out: make([]float32, centres), random: rand.New(rand.NewPCG(seed, uint64(run)))}
		k.cut(samples, from, to)
		k.spread()
		for range rounds {
			if !k.move() {
				return
			}
		}
	})
}

// each calls f once for every run.
func (p *Product) each(workers int, f func(run int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range max(min(workers, p.runs()), 1) {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < p.runs(); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	wg.Wait()
}

// kmeans places the points of one run.
type kmeans struct {
	p       *Product
	run     int
	size    int         // dimensions
	parts   [][]float32 // what the samples have of the run
	nearest []int       // by sample: its point in the last round
	out     []float32
	random  *rand.Rand
}

func (k *kmeans) cut(samples []float32, from, to int) {
	k.size = to - from
	for at := 0; at < len(samples); at += k.p.dim {
		k.parts = append(k.parts, samples[at+from:at+to])
	}
	k.nearest = make([]int, len(k.parts))
	for i := range k.nearest {
		k.nearest[i] = -1
	}
}

func (k *kmeans) point(i int) []float32 {
	return k.p.of(k.run)[i*k.size : (i+1)*k.size]
}

// spread begins with samples far from each other: each next one is drawn with
// the square of its distance to the nearest point so far as its weight (Arthur
// and Vassilvitskii, k-means++, SODA 2007).
func (k *kmeans) spread() {
	away := make([]float32, len(k.parts))
	total := k.begin(k.parts[k.random.IntN(len(k.parts))], away)
	for i := 1; i < centres; i++ {
		at := k.random.IntN(len(k.parts)) // where all samples are points already
		if left := k.random.Float64() * total; total > 0 {
			for at = 0; at < len(away)-1 && left >= float64(away[at]); at++ {
				left -= float64(away[at])
			}
		}
		copy(k.point(i), k.parts[at])
		total = 0
		for j, part := range k.parts {
			away[j] = min(away[j], square(part, k.point(i)))
			total += float64(away[j])
		}
	}
}

func (k *kmeans) begin(first, away []float32) (total float64) {
	copy(k.point(0), first)
	for j, part := range k.parts {
		away[j] = square(part, first)
		total += float64(away[j])
	}
	return total
}

// square is the squared distance of two short vectors, for which a kernel's call
// would cost more than its work.
func square(a, b []float32) (sum float32) {
	b = b[:len(a)]
	for i, x := range a {
		x -= b[i]
		sum += x * x
	}
	return sum
}

// move has every sample choose its nearest point, and puts the points into the
// middle of those that chose them. It answers whether any chose anew.
func (k *kmeans) move() (moved bool) {
	sums, counts := make([]float32, centres*k.size), make([]int, centres)
	for i, part := range k.parts {
		k.p.measure(k.p.nearness(), k.run, part, k.out)
		at := least(k.out)
		moved = moved || at != k.nearest[i]
		k.nearest[i] = at
		counts[at]++
		for d, x := range part {
			sums[at*k.size+d] += x
		}
	}
	for i, n := range counts {
		to := k.point(i)
		if n == 0 { // nobody's: it may be of more use elsewhere
			copy(to, k.parts[k.random.IntN(len(k.parts))])
			moved = true
			continue
		}
		for d := range to {
			to[d] = sums[i*k.size+d] / float32(n)
		}
	}
	return moved
}

// grid places the points of every run on a grid, whose lines are the levels that
// suit each dimension by itself: a code of few bits a dimension for metrics that
// a turn would change. values are the vectors one after the other, lines the
// levels of a dimension; lines to the power of the run fits a byte.
func (p *Product) grid(samples []float32, lines, workers int) {
	p.each(workers, func(run int) {
		from, to := p.span(run)
		levels := make([][]float32, to-from)
		for d := range levels {
			levels[d] = spacing(column(samples, p.dim, from+d), lines)
		}
		points := p.of(run)
		for i := range centres {
			for d, rest := 0, i; d < len(levels); d++ {
				points[i*len(levels)+d] = levels[d][rest%lines]
				rest /= lines
			}
		}
	})
}

func column(samples []float32, dim, d int) []float32 {
	out := make([]float32, 0, len(samples)/dim)
	for at := d; at < len(samples); at += dim {
		out = append(out, samples[at])
	}
	return out
}

// productOf trains a Product.
func productOf(o *Options, run int, samples []float32) (*Product, error) {
	if len(samples) < centres*o.Dim {
		return nil, tooFew(len(samples)/o.Dim, centres)
	}
	p := newProduct(o.Space.Metric, o.Dim, min(run, o.Dim))
	p.train(samples, o.Seed, o.Workers)
	return p, nil
}

// gridOf is the code of few bits a dimension under Manhattan.
func gridOf(o *Options, samples []float32) *Product {
	lines, run := 2, 8
	switch o.Depth {
	case OneAndHalf:
		lines, run = 3, 5
	case Two:
		lines, run = 4, 4
	case Four:
		lines, run = 16, 2
	}
	p := newProduct(index.Manhattan, o.Dim, min(run, o.Dim))
	p.grid(samples, lines, o.Workers)
	return p
}
