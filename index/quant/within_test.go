package quant

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// withinDims are dimensions of which 4-bit rows have their heads in the codes: with
// codes behind the last dimension and without, of one line and of more.
var withinDims = []int{241, 250, 256, 268, 384, 768}

// The head that comes out of the codes is about the one that belongs to the vector:
// add to a bfloat16 or two, and mul the one for which the estimate of the vector's
// product with itself is right. What codes share with the vector's direction is
// hardly less than without a head in them.
func TestHeadsWithin(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	for _, m := range []index.Metric{index.Euclid, index.Dot, index.Cosine} {
		for _, dim := range withinDims {
			mean := make([]float32, dim)
			for d := range mean {
				mean[d] = 3 * rng.Float32() // long beside the rest
			}
			if m == index.Cosine {
				for d := range mean { // inside the unit's sphere
					mean[d] *= 0.5 / float32(math.Sqrt(float64(dim)))
				}
			}
			a := NewAffine(AffineOptions{Metric: m, Dim: dim, Bits: 4, Seed: 7}, mean)
			if a.headAt() != simd.InCodes {
				t.Fatalf("%d dimensions have their head apart", dim)
			}
			for range 30 {
				v := beside(rng, mean)
				if m == index.Cosine {
					v = normalised(nil, v)
				}
				checkWithin(t, a, v)
			}
		}
	}
}

// beside is a vector near the mean, of any size.
func beside(rng *rand.Rand, mean []float32) []float32 {
	v, size := make([]float32, len(mean)), math.Exp(2*rng.NormFloat64())
	for d := range v {
		v[d] = mean[d] + float32(size*rng.NormFloat64())
	}
	return v
}

func checkWithin(t *testing.T, a *Affine, v []float32) {
	t.Helper()
	var s Scratch
	row := make([]byte, a.RowBytes())
	a.Encode(row, v, &s)
	norm, along, size, shared := 0., 0., 0., 0.
	x := make([]float32, a.dim())
	a.centred(x, v)
	for d, c := range worth(a, row) {
		norm, along, size = norm+float64(x[d])*float64(x[d]), along+float64(x[d])*c, size+c*c
		shared += float64(a.mean[d]) * float64(v[d]-a.mean[d])
	}
	wantAdd, share := norm, -2.
	if a.metric != index.Euclid {
		wantAdd, share = -shared, -1
	}
	add, mul := simd.RowHead(row, simd.InCodes)
	if off := math.Abs(float64(add) - wantAdd); off > math.Abs(wantAdd)/64+1e-4*norm {
		t.Errorf("%v, %d dims: add is %v, want %v", a.metric, a.dim(), add, wantAdd)
	}
	room := 0.01
	if a.metric == index.Dot { // the mean is long: what add lacks is the more beside norm
		room = 0.04
	}
	if off := float64(mul)*along/(share*norm) - 1; math.Abs(off) > room {
		t.Errorf("%v, %d dims: mul is off by %v", a.metric, a.dim(), off)
	}
	if cos := along / math.Sqrt(size*norm); cos < 0.98 {
		t.Errorf("%v, %d dims: the code is off the vector's direction, cosine %v", a.metric, a.dim(), cos)
	}
}

// Estimates of neighbours are hardly worse than with a head apart, and right in the
// mean.
func TestEstimatesWithin(t *testing.T) {
	for dim, most := range map[int]float64{256: 1.12, 768: 1.08} {
		a := NewAffine(AffineOptions{Metric: index.Euclid, Dim: dim, Bits: 4, Seed: 7}, make([]float32, dim))
		rng := rand.New(rand.NewPCG(43, uint64(dim)))
		var s Scratch
		row, plain, x := make([]byte, a.RowBytes()), make([]byte, a.RowBytes()), make([]float32, dim)
		const n = 2000
		apart, within, bias := 0., 0., 0.
		for range n {
			v := beside(rng, a.mean)
			a.Encode(row, v, &s)
			norm := float64(a.centred(x, v))
			along := a.put(plain, x, a.pick(x))
			add, mul := simd.RowHead(row, simd.InCodes)
			near := make([]float64, dim)
			for d := range near {
				near[d] = float64(x[d]) + math.Sqrt(norm/float64(dim))/2*rng.NormFloat64()
			}
			off := func(row []byte, add, mul float64) float64 {
				sum := add - norm
				for d, c := range worth(a, row) {
					sum += near[d] * (mul*c + 2*float64(x[d]))
				}
				return sum / norm
			}
			e, f := off(row, float64(add), float64(mul)), off(plain, norm, -2*norm/float64(along))
			within, apart, bias = within+e*e, apart+f*f, bias+e
		}
		within, apart = math.Sqrt(within/n), math.Sqrt(apart/n)
		if within > most*apart {
			t.Errorf("%d dims: off by %.5f, with a head apart by %.5f", dim, within, apart)
		}
		if math.Abs(bias/n) > within/10 {
			t.Errorf("%d dims: off by %.6f in the mean, by %.5f at all", dim, bias/n, within)
		}
	}
}

// Vectors of no length, and of any: the distance that is estimated is a number, and
// where squares of lengths are within what a float32 holds it is about right.
func TestSizesWithin(t *testing.T) {
	rng := rand.New(rand.NewPCG(45, 46))
	const dim = 256
	for _, m := range []index.Metric{index.Euclid, index.Dot} {
		a := NewAffine(AffineOptions{Metric: m, Dim: dim, Bits: 4, Seed: 7}, make([]float32, dim))
		for _, size := range []float64{0, 1e-30, 1e-20, 1e-15, 1, 1e15, 1e16, 1e25} {
			v := make([]float32, dim)
			for d := range v {
				v[d] = float32(size * rng.NormFloat64())
			}
			var s Scratch
			var q Query
			row, out := make([]byte, a.RowBytes()), make([]float32, 1)
			a.Encode(row, v, &s)
			a.Ask(v, &q)
			q.Distances(unsafe.Pointer(&row[0]), len(row), []uint32{0}, out)
			norm, want := float64(simd.Dot(v, v)), 0.
			if m == index.Dot {
				want = -norm
			}
			switch got := float64(out[0]); {
			case size > 1e18 || norm < 1e-37: // the square is infinite, or has lost its bits
				if _, mul := simd.RowHead(row, simd.InCodes); mul != mul {
					t.Errorf("%v, size %v: mul is no number", m, size)
				}
			case !(math.Abs(got-want) < norm/20+1e-30):
				t.Errorf("%v, size %v: %v from itself, want %v", m, size, got, want)
			}
		}
	}
}
