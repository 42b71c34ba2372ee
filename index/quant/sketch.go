package quant

import (
	"math"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Sketch is how vectors are told apart at first sight: by their coordinates along
// the few axes of the largest variance, as int8. What lies across the axes is taken
// to be unlike in any two vectors:
//
//	q·x ≈ (Uᵀ(q − mean))·(Uᵀ(x − mean)) + q·mean + mean·(x − mean)
//	|q − x|² ≈ |q − mean|² + |x − mean|² − 2·(Uᵀ(q − mean))·(Uᵀ(x − mean))
//
// It says nothing of distances between near vectors, whose parts across the axes
// are alike. Among vectors that are far from a query it is as good as a code ten
// times as long, and a pass over sketches reads memory from front to back.
//
// It never changes, and any number of goroutines may use it.
type Sketch struct {
	metric index.Metric // not Manhattan
	mean   []float32
	axes   []float32 // simd.SketchDims of them, as Reduced has them
	step   float32   // between two values of a coordinate
}

const (
	// sketchShare is what the axes must have of the variance.
	sketchShare = 0.4
	// sketchRoom is how much larger a coordinate may be than those of all samples.
	// A vector with a larger one is never told apart.
	sketchRoom = 1.25
	// MaxSketchSamples is how many samples a Sketch makes use of.
	MaxSketchSamples = 1 << 12
)

// NewSketch finds the axes of samples, vectors of o.Dim values as they are stored,
// one after the other; o.Axes is not looked at. nil: the samples are too few, or
// vary along too many axes, or no axes keep the metric's distances.
func NewSketch(o ReducedOptions, samples []float32) *Sketch {
	o.Axes = simd.SketchDims
	if o.Metric == index.Manhattan || !o.Metric.Valid() || o.Dim < o.Axes || len(samples) < 2*o.Axes*o.Dim {
		return nil
	}
	samples = samples[:min(len(samples)/o.Dim, MaxSketchSamples)*o.Dim]
	c := &Sketch{metric: o.Metric, mean: centre(samples, o.Dim)}
	cov := covariance(samples, c.mean)
	all := float32(0)
	for d := range o.Dim {
		all += cov[d*o.Dim+d]
	}
	c.axes = principal(cov, o)
	most := c.measured(samples)
	if !(most.along >= sketchShare*all) || !(most.coordinate > 0) || math.IsInf(float64(most.coordinate), 0) {
		return nil
	}
	c.step = most.coordinate * sketchRoom / math.MaxInt8
	return c
}

// spread is how far samples go along the axes.
type spread struct {
	along      float32 // the variance
	coordinate float32 // the largest one
}

func (c *Sketch) measured(samples []float32) (s spread) {
	dim := len(c.mean)
	x := make([]float32, dim)
	var y [simd.SketchDims]float32
	sum := 0.0
	for at := 0; at < len(samples); at += dim {
		simd.Less(x, samples[at:at+dim], c.mean)
		c.along(&y, x)
		sum += float64(simd.Dot(y[:], y[:]))
		for _, a := range y {
			s.coordinate = max(s.coordinate, a, -a)
		}
	}
	s.along = float32(sum / float64(len(samples)/dim))
	return s
}

// along is the coordinates of a centred vector.
func (c *Sketch) along(y *[simd.SketchDims]float32, x []float32) {
	for i := range y {
		y[i] = simd.Dot(x, c.axes[i*len(x):(i+1)*len(x)])
	}
}

// Put writes the sketch of a vector, as it is stored, as sketch i of a block of
// simd.SketchBytes.
func (c *Sketch) Put(block []byte, i int, v []float32, s *Scratch) {
	x := s.take(len(c.mean))
	simd.Less(x, v[:len(c.mean)], c.mean)
	add := simd.Dot(x, x)
	if c.metric != index.Euclid {
		add = -simd.Dot(c.mean, x)
	}
	var y [simd.SketchDims]float32
	var code [simd.SketchDims]int8
	c.along(&y, x)
	for d, a := range y {
		a = float32(math.RoundToEven(float64(a / c.step)))
		if !(a >= -math.MaxInt8 && a <= math.MaxInt8) {
			a, add = 0, float32(math.Inf(-1))
		}
		code[d] = int8(a)
	}
	simd.PutSketch(block, i, &code, add)
}

// Sketched is a vector made ready to be compared with sketches. Its memory is used
// again by the next Ask. One goroutine.
type Sketched struct {
	simd.Sketch
	// Add is what the estimates of the embedded Sketch, and its limits, lack of
	// distances.
	Add float32

	scratch Scratch
}

// Ask makes q the question how far the vector is from sketches.
func (c *Sketch) Ask(v []float32, q *Sketched) {
	x := q.scratch.take(len(c.mean))
	v = v[:len(c.mean)]
	simd.Less(x, v, c.mean)
	mul := -c.step
	if c.metric == index.Euclid {
		q.Add, mul = simd.Dot(x, x), -2*c.step
	} else {
		q.Add = -simd.Dot(v, c.mean)
	}
	var y [simd.SketchDims]float32
	var code [simd.SketchDims]int16
	c.along(&y, x)
	most := simd.Largest(y[:])
	if !(most > 0) || math.IsInf(float64(most), 0) {
		q.Aim(&code, 0)
		return
	}
	for d, a := range y {
		code[d] = int16(math.RoundToEven(float64(a / most * math.MaxInt16)))
	}
	q.Aim(&code, mul*most/math.MaxInt16)
}
