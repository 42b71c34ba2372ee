package quant

import (
	"encoding/binary"

	"github.com/kithdb/kith/index"
)

// kindSketch is that of a Sketch, which is no Code. 9 was that of a Sketch along 32
// axes alone.
const kindSketch byte = 10

// AppendBinary appends what OpenSketch makes the same Sketch of again. The form is
// in docs/formats.md.
func (c *Sketch) AppendBinary(dst []byte) []byte {
	dst = append(appendHead(dst, kindSketch), byte(c.metric))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(c.mean)))
	dst = appendFloats(dst, c.steps[:])
	dst = appendFloats(dst, c.mean)
	return appendFloats(dst, c.axes)
}

// OpenSketch reads a Sketch of vectors of a metric and so many dimensions; the
// error says what of it is none. It trusts nothing.
func OpenSketch(stored []byte, metric index.Metric, dim int) (*Sketch, error) {
	r := &reader{left: stored}
	if head := r.take(2); head != nil && (head[0] != storedVersion || head[1] != kindSketch) {
		r.fail("a sketch of version %d, kind %d", head[0], head[1])
	}
	c := &Sketch{metric: r.metric()}
	n := r.uint32("dimensions", MinSketchDim, maxDim)
	if r.err == nil && (c.metric != metric || int(n) != dim || metric == index.Manhattan) {
		r.fail("sketches of other vectors")
	}
	for i := range c.steps {
		c.steps[i] = r.positive()
	}
	c.mean = r.floats(int(n))
	c.axes = r.floats(int(n) * allAxes)
	if r.err == nil && len(r.left) > 0 {
		r.fail("%d bytes behind the end", len(r.left))
	}
	if r.err != nil {
		return nil, r.err
	}
	c.turn()
	return c, nil
}
