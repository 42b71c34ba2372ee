package quant

import "math"

// Lack sums up by how much estimates were too low: mean and variance by Welford's
// method. Whatever measures some of what it has estimated decides by it what else
// to measure. The zero value is of none; one goroutine.
type Lack struct {
	n          int
	mean, sums float64
}

// Add takes one distance less its estimate.
func (l *Lack) Add(x float64) {
	l.n++
	d := x - l.mean
	l.mean += d / float64(l.n)
	l.sums += d * (x - l.mean)
}

// Known reports whether there was any.
func (l *Lack) Known() bool { return l.n > 0 }

// Most is by how much an estimate may be too high if its error lies within so many
// standard deviations; infinite after fewer than two.
func (l *Lack) Most(deviations float64) float64 {
	if l.n < 2 {
		return math.Inf(1)
	}
	return deviations*math.Sqrt(l.sums/float64(l.n-1)) - l.mean
}
