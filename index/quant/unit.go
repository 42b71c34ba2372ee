package quant

import (
	"math"

	"github.com/kithdb/kith/index/simd"
)

// unit codes vectors that are stored with their length, which Cosine divides by
// at search: uint8 ones.
type unit struct{ Code }

// Encode implements Code.
func (u unit) Encode(row []byte, v []float32, s *Scratch) {
	s.unit = normalised(s.unit, v)
	u.Code.Encode(row, s.unit, s)
}

// Ask implements Code.
func (u unit) Ask(v []float32, q *Query) {
	q.scratch.unit = normalised(q.scratch.unit, v)
	u.Code.Ask(q.scratch.unit, q)
}

// AppendBinary implements Code.
func (u unit) AppendBinary(dst []byte) []byte { return u.Code.AppendBinary(appendHead(dst, kindUnit)) }

// normalised is v at length 1, in memory of buf if that is long enough. A zero
// vector stays zero.
func normalised(buf, v []float32) []float32 {
	buf = append(buf[:0], v...)
	if square := simd.Dot(buf, buf); square > 0 {
		scale := float32(1 / math.Sqrt(float64(square)))
		for i := range buf {
			buf[i] *= scale
		}
	}
	return buf
}
