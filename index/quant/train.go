package quant

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/kithdb/kith/index"
)

// ErrFewSamples: a code needs more samples than there are.
var ErrFewSamples = errors.New("too few vectors to train a code")

func tooFew(have, want int) error {
	return fmt.Errorf("%w: %d, it takes %d", ErrFewSamples, have, want)
}

// Kind names a way to code.
type Kind uint8

// The kinds of codes that can be trained.
const (
	// Rotated turns vectors and codes dimensions by Depth: One to Two by Bits, Four
	// and Eight by Affine.
	Rotated Kind = iota + 1
	// Scalar codes dimensions as they are by levels that are the same for all
	// vectors.
	Scalar
	// Runs codes runs of dimensions by a Product.
	Runs
	// Along codes vectors along a few axes, by a Reduced; not under Manhattan.
	Along
)

// Options says what code to train.
type Options struct {
	Space    index.Space
	Dim      int
	Kind     Kind
	Depth    Depth   // of Rotated
	Query    int     // of Rotated up to Two: bits of a query's dimension, 1, 4 or 8
	Quantile float32 // of Scalar: the share of values within the levels, 0.5 to 1
	Run      int     // of Runs: dimensions that share a byte
	Axes     int     // of Along: 1 to Dim
	Seed     uint64
	Pace     index.Pace // of the training, which may take a minute
}

// Train makes a code of samples: vectors of Dim values as they are stored, one
// after the other. It takes one at least, and 256 for Runs: else the error is
// ErrFewSamples. Stopped, the error is index.ErrStopped. The same samples and seed give
// the same code. Every kind but Along is for every metric; under Manhattan, Rotated
// does not turn and looks distances up.
func Train(o Options, samples []float32) (Code, error) {
	if o.Dim < 1 || o.Dim > maxDim || len(samples) < o.Dim {
		return nil, tooFew(len(samples)/max(o.Dim, 1), 1)
	}
	w := index.NewCrew(o.Pace)
	code, err := o.fit(samples, w)
	if w.Stopped() {
		return nil, index.ErrStopped
	}
	return code, err
}

// fit trains with vectors of length 1 where the metric looks at directions alone.
func (o *Options) fit(samples []float32, w *index.Crew) (Code, error) {
	if !lengthy(o.Space) {
		return o.train(samples, w)
	}
	scaled := make([]float32, 0, len(samples))
	var buf []float32
	for at := 0; at < len(samples); at += o.Dim {
		buf = normalised(buf, samples[at:at+o.Dim])
		scaled = append(scaled, buf...)
	}
	code, err := o.train(scaled, w)
	if err != nil {
		return nil, err
	}
	return unit{code}, nil
}

func (o *Options) train(samples []float32, w *index.Crew) (Code, error) {
	flat := o.Space.Metric == index.Manhattan
	switch {
	case o.Kind == Along:
		return asCode(NewReduced(ReducedOptions{Metric: o.Space.Metric, Dim: o.Dim, Axes: o.Axes, Seed: o.Seed}, samples, w))
	case o.Kind == Runs:
		return productOf(o, max(o.Run, 1), samples, w)
	case o.Kind == Scalar && flat:
		mean := Mean(samples, o.Dim)
		return newLevels(mean, reach(samples, mean, o.Quantile)), nil
	case o.Kind == Scalar:
		mean := Mean(samples, o.Dim)
		const middle = 63.5 // of the levels 0 to 127
		step := reach(samples, mean, o.Quantile) / middle
		return NewAffine(AffineOptions{Metric: o.Space.Metric, Dim: o.Dim, Bits: 8, Plain: true, Step: step}, mean), nil
	case flat && o.Depth <= Four:
		return gridOf(o, samples, w), nil
	case flat:
		return nil, fmt.Errorf("bug: no code of depth %d for Manhattan", o.Depth)
	}
	mean := Mean(samples, o.Dim)
	switch o.Depth {
	case Four:
		return NewAffine(AffineOptions{Metric: o.Space.Metric, Dim: o.Dim, Bits: 4, Seed: o.Seed}, mean), nil
	case Eight:
		return NewAffine(AffineOptions{Metric: o.Space.Metric, Dim: o.Dim, Bits: 8, Seed: o.Seed}, mean), nil
	}
	return NewBits(BitsOptions{Metric: o.Space.Metric, Depth: o.Depth, Query: o.Query, Seed: o.Seed}, mean), nil
}

// asCode keeps a nil of a type from becoming a code.
func asCode(c *Reduced, err error) (Code, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// reach is the distance from the mean within which a share of all values lies; 0
// is all of them.
func reach(samples, mean []float32, share float32) float32 {
	away := make([]float32, len(samples))
	for i, x := range samples {
		x -= mean[i%len(mean)]
		away[i] = max(x, -x)
	}
	slices.Sort(away)
	if share == 0 {
		share = 1
	}
	return away[max(int(math.Ceil(float64(share)*float64(len(away)))), 1)-1]
}

// spacing is the lines that stand for a column of values with the least absolute
// error: each is the median of the values that are nearest to it.
func spacing(column []float32, lines int) []float32 {
	slices.Sort(column)
	at := make([]float32, lines)
	for i := range at {
		at[i] = column[(2*i+1)*len(column)/(2*lines)]
	}
	for range rounds {
		from := 0
		for i := range at {
			to := len(column)
			if i+1 < lines {
				to, _ = slices.BinarySearch(column, (at[i]+at[i+1])/2)
			}
			if to = max(to, from); to > from {
				at[i] = column[(from+to)/2]
			}
			from = to
		}
	}
	return at
}
