package quant

import (
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
)

// FuzzOpen opens any bytes: a code that is taken encodes and compares without a
// panic, and is stored as the same again.
func FuzzOpen(f *testing.F) {
	for _, o := range []AffineOptions{
		{Metric: index.Euclid, Dim: 3, Bits: 4, Seed: 3}, {Metric: index.Cosine, Dim: 3, Bits: 8, Seed: 4}, {Metric: index.Dot, Dim: 3, Bits: 8, Plain: true, Step: 0.01},
	} {
		f.Add(NewAffine(o, []float32{1, 2, -3}).AppendBinary(nil))
	}
	r, err := NewReduced(ReducedOptions{Metric: index.Euclid, Dim: 3, Axes: 2}, []float32{1, 2, 3, 4, 5, 7, -1, 0, 2}, alone())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r.AppendBinary(nil))
	for _, stored := range storedCodes() {
		f.Add(stored)
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		code, err := Open(stored)
		if err != nil {
			return
		}
		again := code.AppendBinary(nil)
		if string(again) != string(stored) {
			t.Fatalf("stored as %x, opened from %x", again, stored)
		}
		dim := dimOf(code)
		if dim > 256 {
			return // slow, and no different
		}
		v := make([]float32, dim)
		for i := range v {
			v[i] = float32(i) - 1.5
		}
		var s Scratch
		row := make([]byte, code.RowBytes()+64)
		code.Encode(row[:code.RowBytes()], v, &s)
		var q Query
		code.Ask(v, &q)
		q.Distances(unsafe.Pointer(&row[0]), code.RowBytes(), []uint32{0}, make([]float32, 1))
	})
}

func dimOf(c Code) int {
	switch c := c.(type) {
	case unit:
		return dimOf(c.Code)
	case *Affine:
		return len(c.mean)
	case *Bits:
		return len(c.mean)
	case *Product:
		return c.dim
	case *levels:
		return len(c.least)
	case *Reduced:
		return len(c.mean)
	}
	return 0
}
