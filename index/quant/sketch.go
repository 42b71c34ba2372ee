package quant

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Sketch is how vectors are told apart at first sight: by their coordinates along
// the few axes of the largest variance, as int8 with a step for each axis, and along
// the first of these once more, as int8, what the first left. A second row has the
// axes that come next, for those whose sketches are not too far. What lies across the
// axes is taken to be unlike in any two vectors:
//
//	q·x ≈ (Uᵀ(q − mean))·(Uᵀ(x − mean)) + q·mean + mean·(x − mean)
//	|q − x|² ≈ |q − mean|² + |x − mean|² − 2·(Uᵀ(q − mean))·(Uᵀ(x − mean))
//
// It says nothing of distances between near vectors, whose parts across the axes
// are alike. Among vectors that are far from a query it is as good as a code ten
// times as long, and a pass over sketches reads memory from front to back. Beside a
// code that is a product (Affine) the code says what lies across the axes, and no
// more than that (Rest): both together are off by a third of what the code alone is.
//
// It never changes, and any number of goroutines may use it.
type Sketch struct {
	metric index.Metric // not Manhattan
	mean   []float32
	axes   []float32 // sketchAxes and nextAxes of them, as Reduced has them
	turned []float32 // the first of these, dimension by dimension
	steps  [allAxes]float32
}

const (
	// fineAxes are the axes along which a sketch has two bytes.
	fineAxes   = 4
	sketchAxes = simd.SketchDims - fineAxes
	// nextAxes are the axes of the second row, a cache line with what is beside them.
	nextAxes = 56
	allAxes  = sketchAxes + nextAxes
	// MinSketchDim is how many dimensions vectors have at least: as many as axes.
	MinSketchDim = allAxes
	// mostNext is the largest of a second row's values, which are of 7 bits, from
	// their middle.
	mostNext = 63
	// fine is how many steps of the second byte are one of the first.
	fine = 2 * math.MaxInt8
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
// vary along too many axes, or no axes keep the metric's distances. What a crew that
// stopped found is of no use.
func NewSketch(o ReducedOptions, samples []float32, w *index.Crew) *Sketch {
	o.Axes = allAxes
	if o.Metric == index.Manhattan || !o.Metric.Valid() || o.Dim < o.Axes || len(samples) < 2*o.Axes*o.Dim {
		return nil
	}
	samples = samples[:min(len(samples)/o.Dim, MaxSketchSamples)*o.Dim]
	c := &Sketch{metric: o.Metric, mean: centre(samples, o.Dim)}
	cov := covariance(samples, c.mean, w)
	all := float32(0)
	for d := range o.Dim {
		all += cov[d*o.Dim+d]
	}
	c.axes = principal(cov, o, w)
	most := c.measured(samples)
	if !(most.along >= sketchShare*all) {
		return nil
	}
	for i, a := range most.coordinates {
		if !(a > 0) || math.IsInf(float64(a), 0) {
			return nil
		}
		c.steps[i] = a * sketchRoom / math.MaxInt8
		if i >= sketchAxes {
			c.steps[i] = a * sketchRoom / mostNext
		}
	}
	c.turn()
	return c
}

// turn makes what follows from the rest.
func (c *Sketch) turn() {
	dim := len(c.mean)
	c.turned = make([]float32, sketchAxes*dim)
	for i := range sketchAxes {
		for d := range dim {
			c.turned[d*sketchAxes+i] = c.axes[i*dim+d]
		}
	}
}

// spread is how far samples go along the axes.
type spread struct {
	along       float32          // the variance along the first
	coordinates [allAxes]float32 // the largest along each
}

func (c *Sketch) measured(samples []float32) (s spread) {
	dim := len(c.mean)
	x := make([]float32, dim)
	var y [allAxes]float32
	sum := 0.0
	for at := 0; at < len(samples); at += dim {
		simd.Less(x, samples[at:at+dim], c.mean)
		c.along(&y, x)
		sum += float64(simd.Dot(y[:sketchAxes], y[:sketchAxes]))
		for i, a := range y {
			s.coordinates[i] = max(s.coordinates[i], a, -a)
		}
	}
	s.along = float32(sum / float64(len(samples)/dim))
	return s
}

// along is the coordinates of a centred vector.
func (c *Sketch) along(y *[allAxes]float32, x []float32) {
	for i := range y {
		y[i] = simd.Dot(x, c.axes[i*len(x):(i+1)*len(x)])
	}
}

// SketchNextBytes is the size of a sketch's second row.
func SketchNextBytes() int { return simd.Code8Bytes(nextAxes) }

// Put writes the sketch of a vector, as it is stored, as sketch i of a block of
// simd.SketchBytes, and its second row.
func (c *Sketch) Put(block []byte, i int, next []byte, v []float32, s *Scratch) {
	x := s.take(len(c.mean))
	simd.Less(x, v[:len(c.mean)], c.mean)
	add := simd.Dot(x, x)
	if c.metric != index.Euclid {
		add = -simd.Dot(c.mean, x)
	}
	var y [allAxes]float32
	var code [simd.SketchDims]int8
	c.along(&y, x)
	for d, a := range y[:sketchAxes] {
		a /= c.steps[d]
		whole := float32(math.RoundToEven(float64(a)))
		if !(whole >= -math.MaxInt8 && whole <= math.MaxInt8) {
			add = float32(math.Inf(-1))
			continue
		}
		code[d] = int8(whole)
		if d < fineAxes {
			code[sketchAxes+d] = int8(math.RoundToEven(float64((a - whole) * fine)))
		}
	}
	simd.PutSketch(block, i, &code, add)
	c.putNext(next, y[sketchAxes:])
}

// putNext writes a second row: nothing is its vector's own but the coordinates.
func (c *Sketch) putNext(row []byte, y []float32) {
	add := float32(0)
	clear(row)
	for d, a := range y {
		whole := float32(math.RoundToEven(float64(a / c.steps[sketchAxes+d])))
		if !(whole >= -mostNext && whole <= mostNext) {
			whole, add = 0, float32(math.Inf(-1))
		}
		row[d] = byte(whole + mostNext)
	}
	head := row[simd.Code8Head(nextAxes):]
	binary.LittleEndian.PutUint32(head, math.Float32bits(add))
	binary.LittleEndian.PutUint32(head[4:], math.Float32bits(1))
}

// Sketched is a vector made ready to be compared with sketches. Its memory is used
// again by the next Ask. One goroutine.
type Sketched struct {
	simd.Sketch
	// Add is what the estimates of the embedded Sketch, and its limits, lack of
	// distances.
	Add float32

	centred Scratch
	y       [allAxes]float32
	next    simd.Codes
	across  Scratch
	rest    simd.Codes // what lies across the axes, in the form of codes
	four    bool       // codes of 4 bits
}

// Ask makes q the question how far the vector is from sketches.
func (c *Sketch) Ask(v []float32, q *Sketched) {
	x := q.centred.take(len(c.mean))
	v = v[:len(c.mean)]
	simd.Less(x, v, c.mean)
	mul := float32(-1)
	if c.metric == index.Euclid {
		q.Add, mul = simd.Dot(x, x), -2
	} else {
		q.Add = -simd.Dot(v, c.mean)
	}
	c.along(&q.y, x)
	var weights [simd.SketchDims]float32
	c.askNext(q, mul)
	for d, a := range q.y[:sketchAxes] {
		weights[d] = a * c.steps[d]
		if d < fineAxes {
			weights[sketchAxes+d] = weights[d] / fine
		}
	}
	var code [simd.SketchDims]int16
	most := simd.Largest(weights[:])
	if !(most > 0) || math.IsInf(float64(most), 0) {
		q.Aim(&code, 0)
		return
	}
	for d, a := range weights {
		code[d] = int16(math.RoundToEven(float64(a / most * math.MaxInt16)))
	}
	q.Aim(&code, mul*most/math.MaxInt16)
}

// askNext aims q at second rows; mul is what a product counts.
func (c *Sketch) askNext(q *Sketched, mul float32) {
	var weights [nextAxes]float32
	for d, a := range q.y[sketchAxes:] {
		weights[d] = a * c.steps[sketchAxes+d]
	}
	n := &q.next
	if n.Query == nil {
		n.Query, n.Head = make([]int8, simd.CodeDims(nextAxes)), simd.Code8Head(nextAxes)
	}
	n.Mul, n.Bias = 0, 0
	most := simd.Largest(weights[:])
	if !(most > 0) || math.IsInf(float64(most), 0) {
		clear(n.Query)
		return
	}
	sum := simd.Narrow(n.Query, weights[:], math.MaxInt8/most)
	n.Mul = mul * most / math.MaxInt8
	n.Bias = -n.Mul * mostNext * float32(sum)
}

// Next adds to out, which are the estimates of rows by their sketches, what their
// second rows say. See Query.Distances for the rows.
func (q *Sketched) Next(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	said := q.across.take(len(ids))
	q.next.Distances8(base, stride, ids, said)
	for i, d := range said {
		out[i] += d
	}
}

// AskRest makes q, which Ask has aimed, also the question what codes say of what
// lies across the axes; false: they are of no kind that can tell that apart.
//
//	(q − mean)·(x − mean) = along the axes + z·(x − mean)
//
// z being what q − mean has across the axes. A code has x less a mean of its own.
func (c *Sketch) AskRest(code Code, q *Sketched) bool {
	a, ok := code.(*Affine)
	if !ok || a.dim() != len(c.mean) {
		return false
	}
	x, z := q.centred.take(len(c.mean)), q.across.take(len(c.mean))
	for d := range z {
		z[d] = x[d] - simd.Dot(q.y[:sketchAxes], c.turned[d*sketchAxes:(d+1)*sketchAxes])
	}
	q.rest.Add = simd.Dot(z, c.mean) - simd.Dot(z, a.mean)
	if c.metric == index.Euclid {
		q.rest.Add *= 2
	}
	a.turn.Apply(z)
	a.aim(&q.rest, z)
	q.four = a.bits == 4
	return true
}

// Rest adds to out, which are the estimates of rows by their sketches, what their
// codes say of what lies across the axes. See Query.Distances for the rows.
func (q *Sketched) Rest(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	said := q.across.take(len(ids))
	if q.four {
		q.rest.Distances4(base, stride, ids, said)
	} else {
		q.rest.Distances8(base, stride, ids, said)
	}
	for i, id := range ids {
		own := q.rest.AddOf(unsafe.Add(base, int(id)*stride)) // of x alone: it is in the sketch
		out[i] += said[i] - own
	}
}
