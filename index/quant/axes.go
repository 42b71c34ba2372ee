package quant

import (
	"math"
	"math/rand/v2"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

const (
	// spareAxes are followed beside those that are wanted: the wanted ones settle
	// the faster.
	spareAxes = 8
	// axisRounds is how often the axes are turned towards the largest variance.
	// The subspace settles by the ratio of the variances within and without each
	// time; where that is near 1, it does not matter which it is.
	axisRounds = 24
)

// centre is the mean of rows.
func centre(rows []float32, dim int) []float32 {
	sum := make([]float64, dim)
	for at := 0; at < len(rows); at += dim {
		for d, a := range rows[at : at+dim] {
			sum[d] += float64(a)
		}
	}
	mean := make([]float32, dim)
	for d := range mean {
		mean[d] = float32(sum[d] / float64(len(rows)/dim))
	}
	return mean
}

// covariance is the covariance of rows, row by row.
func covariance(rows, mean []float32, w *index.Crew) []float32 {
	const together = 16 // dimensions: a cache line of each row
	dim := len(mean)
	n := len(rows) / dim
	columns := make([]float32, len(rows)) // centred; one dimension after the other
	w.Spread(dim, together, func(from, to int) {
		for i := range n {
			for d, a := range rows[i*dim+from : i*dim+to] {
				columns[(from+d)*n+i] = a - mean[from+d]
			}
		}
	})
	cov := make([]float32, dim*dim)
	w.Each(dim, func(d int, _ *index.Crew) {
		for e := range d + 1 {
			v := simd.Dot(columns[d*n:(d+1)*n], columns[e*n:(e+1)*n]) / float32(n)
			cov[d*dim+e], cov[e*dim+d] = v, v
		}
	})
	return cov
}

// PrincipalAxes is the mean of samples, vectors of o.Dim values one after the other,
// and o.Axes axes at right angles and of length 1, one of o.Dim values after the other:
// a base of the space in which the samples vary most (principal component analysis).
// o.Metric does not matter. There must be a sample. What a crew that stopped found is
// of no use.
func PrincipalAxes(samples []float32, o ReducedOptions, w *index.Crew) (mean, axes []float32) {
	mean = centre(samples, o.Dim)
	return mean, principal(covariance(samples, mean, w), o, w)
}

// Project sets y to what x has along axes, which are len(x) values each, one after the
// other.
func Project(y, x, axes []float32) {
	for i := range y {
		y[i] = simd.Dot(x, axes[i*len(x):(i+1)*len(x)])
	}
}

// principal is an orthonormal base of the space of the largest variance, one axis
// after the other: subspace iteration (Golub and Van Loan, Matrix Computations,
// 8.2.4). The axes within the space are not told apart, since no distance in it
// depends on them.
func principal(cov []float32, o ReducedOptions, w *index.Crew) []float32 {
	dim := o.Dim
	count := min(o.Axes+spareAxes, dim)
	random := rand.New(rand.NewPCG(o.Seed, uint64(dim)))
	axes, next := make([]float32, count*dim), make([]float32, count*dim)
	for i := range axes {
		axes[i] = float32(random.NormFloat64())
	}
	orthonormal(axes, dim, random, w)
	if count == dim && o.Axes == dim {
		return axes // all of the space
	}
	for range axisRounds {
		w.Each(count, func(i int, _ *index.Crew) {
			for d := range dim {
				next[i*dim+d] = simd.Dot(axes[i*dim:(i+1)*dim], cov[d*dim:(d+1)*dim])
			}
		})
		axes, next = next, axes
		orthonormal(axes, dim, random, w)
	}
	return axes[:o.Axes*dim]
}

// orthonormal makes vectors orthonormal, one after the other (Gram and Schmidt,
// twice: float32 leaves too much the first time). One that is a mix of those
// before it is drawn anew.
func orthonormal(v []float32, dim int, random *rand.Rand, w *index.Crew) {
	for at := 0; at < len(v) && w.Goes(); at += dim {
		x := v[at : at+dim]
		for !settled(x, v[:at]) {
			for d := range x {
				x[d] = float32(random.NormFloat64())
			}
		}
	}
}

// settled takes what x has of others out of it and gives it length 1; false when
// next to nothing is left.
func settled(x, others []float32) bool {
	dim := len(x)
	for range 2 {
		if !scaled(x) {
			return false
		}
		for at := 0; at < len(others); at += dim {
			y := others[at : at+dim]
			part := simd.Dot(x, y)
			for d := range x {
				x[d] -= part * y[d]
			}
		}
		if simd.Dot(x, x) < 1e-6 {
			return false
		}
	}
	return scaled(x)
}

// scaled gives x length 1; false when it has none.
func scaled(x []float32) bool {
	most := float32(0)
	for _, a := range x {
		most = max(most, a, -a)
	}
	if !(most > 0) || most-most != 0 {
		return false
	}
	for d := range x {
		x[d] /= most // squares of the smallest and largest floats are none
	}
	by := 1 / float32(math.Sqrt(float64(simd.Dot(x, x))))
	for d := range x {
		x[d] *= by
	}
	return true
}
