package ivfpq

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

// frame is how vectors are looked at before they are put into lists: along fewer
// axes, those of the largest variance, and turned, so that every sub-quantiser has
// about as much to tell. Both keep distances, but for what a vector has across the
// axes. The zero value looks at vectors as they are. It never changes.
type frame struct {
	mean   []float32 // of whole vectors; nil: along all dimensions
	axes   []float32 // of len(mean) values, one after the other, at right angles
	origin []float32 // the mean along the axes
	turn   quant.Rotation
}

// learnFrame finds the frame that the options ask for in a sample of vectors.
func learnFrame(p matrix, o *Options, w *index.Crew) *frame {
	f := &frame{}
	if o.Axes > 0 {
		some := thinned(p, quant.MaxReducedSamples)
		f.mean, f.axes = quant.PrincipalAxes(some.v, quant.ReducedOptions{Dim: o.Dim, Axes: o.Axes, Seed: o.Seed}, w)
	}
	f.ready(o)
	return f
}

// ready makes what follows from the rest.
func (f *frame) ready(o *Options) {
	if f.axes != nil {
		f.origin = make([]float32, o.Axes)
		quant.Project(f.origin, f.mean, f.axes)
	}
	if o.turned() {
		f.turn = quant.NewRotation(o.inner(), o.Seed)
	}
}

// lay sets out to a vector in the frame. across is the squared length of what the
// vector, seen from the mean, has across the axes. spare is as long as v.
func (f *frame) lay(out, v, spare []float32) (across float32) {
	if f.axes == nil {
		copy(out, v)
	} else {
		simd.Less(spare, v, f.mean)
		quant.Project(out, spare, f.axes)
		across = max(simd.Dot(spare, spare)-simd.Dot(out, out), 0)
		for d, a := range f.origin {
			out[d] += a
		}
	}
	f.turn.Apply(out)
	return across
}

// layAll is the vectors of a sample in the frame.
func (f *frame) layAll(p matrix, o *Options, w *index.Crew) matrix {
	if f.axes == nil && !o.turned() {
		return p
	}
	out := p
	if f.axes != nil {
		out = newMatrix(p.len(), o.inner())
	}
	w.Spread(p.len(), stretch, func(from, to int) {
		spare := make([]float32, o.Dim)
		for i := from; i < to; i++ {
			f.lay(out.row(i), p.row(i), spare)
		}
	})
	return out
}
