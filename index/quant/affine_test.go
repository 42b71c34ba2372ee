package quant

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// The estimate of every metric is near the distance, nearer with more bits, and
// has no bias.
func TestAffineEstimatesDistances(t *testing.T) {
	for _, metric := range []index.Metric{index.Cosine, index.Dot, index.Euclid} {
		for _, dim := range []int{3, 32, 100, 128, 300} {
			for bits, most := range map[int]float64{4: 0.12, 8: 0.025} {
				t.Run(fmt.Sprintf("%v/%d/%d", metric, dim, bits), func(t *testing.T) {
					testEstimates(t, AffineOptions{Metric: metric, Dim: dim, Bits: bits, Seed: 7}, most)
				})
			}
		}
	}
}

func testEstimates(t *testing.T, o AffineOptions, most float64) {
	random := rand.New(rand.NewPCG(1, uint64(o.Dim)))
	mean := make([]float32, o.Dim)
	for d := range mean {
		mean[d] = 3 * random.Float32()
	}
	draw := func() []float32 {
		v := make([]float32, o.Dim)
		for d := range v {
			v[d] = mean[d] + float32(random.NormFloat64())
		}
		return v
	}
	code := NewAffine(o, mean)
	const rows = 200
	block := make([]byte, rows*code.RowBytes()+8)
	vectors := make([][]float32, rows)
	ids, out := make([]uint32, rows), make([]float32, rows)
	var s Scratch
	for i := range vectors {
		vectors[i], ids[i] = draw(), uint32(i)
		code.Encode(block[i*code.RowBytes():(i+1)*code.RowBytes()], vectors[i], &s)
	}
	var q Query
	var square, bias, spread float64
	const asked = 20
	for range asked {
		v := draw()
		code.Ask(v, &q)
		q.Distances(unsafe.Pointer(&block[0]), code.RowBytes(), ids, out)
		for i, d := range out {
			want := simd.Distance(o.Metric, v, vectors[i])
			fault := float64(d - want)
			square, bias, spread = square+fault*fault, bias+fault, spread+float64(o.Dim)
		}
	}
	n := float64(asked * rows)
	// Products of two vectors spread by √dim: the fault is a share of that.
	if fault := math.Sqrt(square/n) / math.Sqrt(spread/n); fault > 2*most {
		t.Errorf("root of the mean square fault: %.4f of √dim, want at most %.4f", fault, 2*most)
	}
	if share := math.Abs(bias/n) / math.Sqrt(square/n); share > 0.2 {
		t.Errorf("bias: %.3f of the fault", share)
	}
}
