package quant

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// A code beside a place has no bias, and an error that is a share of the steps to
// it from the place: at a limit that is the true distance half of the lanes are
// below, and almost all, or none, at limits a few errors away. True is what the
// code that it stands on says.
func TestBeside(t *testing.T) {
	for _, metric := range []index.Metric{index.Cosine, index.Dot, index.Euclid} {
		for _, dim := range []int{48, 100, 131, 784} {
			testBeside(t, metric, dim)
		}
	}
}

func testBeside(t *testing.T, metric index.Metric, dim int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(dim), uint64(metric)))
	near := func(to []float32, by float64) []float32 {
		v := make([]float32, dim)
		for d := range v {
			v[d] = float32(rng.NormFloat64() * by)
			if to != nil {
				v[d] += to[d]
			}
		}
		if metric == index.Cosine {
			scale := 1 / float32(math.Sqrt(float64(simd.Dot(v, v))))
			for d := range v {
				v[d] *= scale
			}
		}
		return v
	}
	middle := near(nil, 1)
	affine := NewAffine(AffineOptions{Metric: metric, Dim: dim, Bits: 4, Seed: 7}, middle)
	b := NewBeside(affine)
	block := make([]byte, b.BlockBytes())
	var place Place
	var look Look
	var q Query
	var scratch Scratch
	row := make([]byte, affine.RowBytes())
	byCode := func() float32 {
		var d [1]float32
		q.Distances(unsafe.Pointer(&row[0]), len(row), []uint32{0}, d[:])
		return d[0]
	}
	share := map[float32]int{}
	const rounds = 40
	for range rounds {
		from, asked := near(middle, 0.5), near(middle, 0.5)
		affine.Ask(asked, &q)
		b.Ask(&q, &look)
		b.Stand(&place, from)
		dist := simd.Distance(metric, asked, from)
		apart := math.Sqrt(float64(simd.L2(asked, from)))
		for lane := range BesideLanes {
			v := near(from, 0.3)
			affine.Encode(row, v, &scratch)
			b.Put(block, lane, &place, row)
			deviation := float32(math.Sqrt(float64(simd.L2(v, from))) * apart / math.Sqrt(float64(b.bits)))
			if metric == index.Euclid {
				deviation *= 2
			}
			for _, away := range []float32{-4, 0, 4} {
				limit := byCode() + away*deviation
				below := look.Below(unsafe.Pointer(&block[0]), 1, len(block), dist, limit)
				share[away] += int(below[0] >> lane & 1)
			}
			b.Clear(block, lane)
		}
	}
	n := rounds * BesideLanes
	if half := float64(share[0]) / float64(n); half < 0.44 || half > 0.56 {
		t.Errorf("%v, %d dims: %.2f below their own distance", metric, dim, half)
	}
	if share[-4] > n/100 || share[4] < n-n/100 {
		t.Errorf("%v, %d dims: %d of %d below a limit far under, %d under one far above", metric, dim, share[-4], n, share[4])
	}
	for _, below := range look.Below(unsafe.Pointer(&block[0]), 1, len(block), 0, math.MaxFloat32) {
		if below != 0 {
			t.Errorf("%d dims: lanes %x are below a limit, and all are empty", dim, below)
		}
	}
}
