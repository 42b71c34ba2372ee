package simd

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/kithdb/kith/index"
)

// columnHolds checks AddColumn against the same in float64: fused or not, a sum
// is off by no more than a rounding of its parts.
func columnHolds(t *testing.T, m index.Metric, out, column []float32, x float32) {
	t.Helper()
	got := append(append([]float32(nil), out...), canary)
	AddColumn(m, got[:len(out)], column, x)
	for i, o := range out {
		d := float64(x) - float64(column[i])
		part := map[index.Metric]float64{index.Euclid: d * d, index.Manhattan: math.Abs(d)}[m]
		if m == index.Dot || m == index.Cosine {
			part = -float64(x) * float64(column[i])
		}
		want := float64(o) + part
		room := 1e-6*(math.Abs(float64(o))+math.Abs(part)) + 1e-6*(math.Abs(float64(x))+math.Abs(float64(column[i])))*math.Abs(d) + 1e-30
		if !(math.Abs(float64(got[i])-want) <= room) && !math.IsNaN(want) && math.Abs(want) < math.MaxFloat32/4 && math.Abs(part) < math.MaxFloat32/4 {
			t.Fatalf("%v, %d of %d: %v, want %v", m, i, len(out), got[i], want)
		}
	}
	if !isCanary(got[len(out)]) {
		t.Fatalf("%d points: the one behind them was written", len(out))
	}
}

func TestColumns(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 9))
		for n := range 70 {
			for _, m := range metrics {
				columnHolds(t, m, random(rng, n), random(rng, n), float32(rng.NormFloat64()))
			}
		}
	})
}

func FuzzColumns(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v []float32
		for ; len(raw) >= 4; raw = raw[4:] {
			v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		}
		if len(v) == 0 {
			return
		}
		n := (len(v) - 1) / 2
		each(t, func(t *testing.T) {
			for _, m := range metrics {
				columnHolds(t, m, v[1:1+n], v[1+n:1+2*n], v[0])
			}
		})
	})
}
