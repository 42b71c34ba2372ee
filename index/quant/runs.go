package quant

import "github.com/kithdb/kith/index"

// train places the points of every run among the samples, which are vectors one
// after the other, at least 256. The crew shares the runs.
func (p *Product) train(samples []float32, seed uint64, w *index.Crew) {
	w.Each(p.runs(), func(run int, w *index.Crew) {
		from, to := p.span(run)
		var parts []float32
		for at := 0; at < len(samples); at += p.dim {
			parts = append(parts, samples[at+from:at+to]...)
		}
		p.book(run).Train(p.nearness(), parts, seed, uint64(run), w)
	})
}

// grid places the points of every run on a grid, whose lines are the levels that
// suit each dimension by itself: a code of few bits a dimension for metrics that
// a turn would change. values are the vectors one after the other, lines the
// levels of a dimension; lines to the power of the run fits a byte.
func (p *Product) grid(samples []float32, lines int, w *index.Crew) {
	w.Each(p.runs(), func(run int, _ *index.Crew) {
		from, to := p.span(run)
		levels := make([][]float32, to-from)
		for d := range levels {
			levels[d] = spacing(column(samples, p.dim, from+d), lines)
		}
		columns := p.book(run).Columns
		for i := range centres {
			for d, rest := 0, i; d < len(levels); d++ {
				columns[d*centres+i] = levels[d][rest%lines]
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
func productOf(o *Options, run int, samples []float32, w *index.Crew) (*Product, error) {
	if len(samples) < centres*o.Dim {
		return nil, tooFew(len(samples)/o.Dim, centres)
	}
	p := newProduct(o.Space.Metric, o.Dim, min(run, o.Dim))
	p.train(samples, o.Seed, w)
	return p, nil
}

// gridOf is the code of few bits a dimension under Manhattan.
func gridOf(o *Options, samples []float32, w *index.Crew) *Product {
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
	p.grid(samples, lines, w)
	return p
}
