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

// hidden draws vectors that vary along a few directions, of falling size, and a
// little along all.
func hidden(n, dim, few int, random *rand.Rand) []float32 {
	directions := make([]float32, few*dim)
	for i := range directions {
		directions[i] = float32(random.NormFloat64())
	}
	out := make([]float32, n*dim)
	for i := range n {
		row := out[i*dim : (i+1)*dim]
		for d := range row {
			row[d] = 2 + 0.3*float32(random.NormFloat64())
		}
		for k := range few {
			size := float32(random.NormFloat64()) / float32(1+k)
			for d := range row {
				row[d] += size * directions[k*dim+d]
			}
		}
	}
	return out
}

// The estimate is near the distance where the axes hold what varies, and the
// distance itself, but for rounding, with as many axes as dimensions.
func TestReducedEstimatesDistances(t *testing.T) {
	const dim, few, n = 48, 5, 400
	for _, metric := range []index.Metric{index.Cosine, index.Dot, index.Euclid} {
		for axes, most := range map[int]float64{few: 0.12, dim: 0.002} {
			t.Run(fmt.Sprintf("%v/%d", metric, axes), func(t *testing.T) {
				random := rand.New(rand.NewPCG(4, 4))
				samples := hidden(n, dim, few, random)
				code, err := NewReduced(ReducedOptions{Metric: metric, Dim: dim, Axes: axes, Seed: 1}, samples, alone())
				if err != nil {
					t.Fatal(err)
				}
				if fault, spread := faults(code, samples, dim); fault > most*spread {
					t.Errorf("fault %.4g, the distances spread by %.4g", fault, spread)
				}
			})
		}
	}
}

// faults is the root of the mean square fault of the estimates, and how much the
// distances spread.
func faults(code *Reduced, samples []float32, dim int) (fault, spread float64) {
	n := len(samples) / dim
	block := make([]byte, n*code.RowBytes()+8)
	ids, out := make([]uint32, n), make([]float32, n)
	var s Scratch
	for i := range n {
		ids[i] = uint32(i)
		code.Encode(block[i*code.RowBytes():(i+1)*code.RowBytes()], samples[i*dim:(i+1)*dim], &s)
	}
	var q Query
	var square, sum, sums float64
	asked := n / 10
	for i := range asked {
		v := samples[i*dim : (i+1)*dim]
		code.Ask(v, &q)
		q.Distances(unsafe.Pointer(&block[0]), code.RowBytes(), ids, out)
		for j, d := range out {
			want := float64(simd.Distance(code.metric, v, samples[j*dim:(j+1)*dim]))
			square += (float64(d) - want) * (float64(d) - want)
			sum, sums = sum+want, sums+want*want
		}
	}
	count := float64(asked * n)
	return math.Sqrt(square / count), math.Sqrt(sums/count - sum/count*sum/count)
}

// Vectors that are stored with a length which Cosine divides by are coded without it,
// and only a code that does so suits them.
func TestAlongAxesOfStoredLengths(t *testing.T) {
	const dim, n = 16, 400
	random := rand.New(rand.NewPCG(3, 3))
	samples := make([]float32, n*dim)
	for i := range samples {
		samples[i] = float32(random.IntN(200) / (1 + i/dim%4)) // of several lengths
	}
	space := index.Space{Metric: index.Cosine, Datatype: index.Uint8}
	code, err := Train(Options{Kind: Along, Space: space, Dim: dim, Axes: dim, Seed: 1}, samples)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := NewReduced(ReducedOptions{Metric: index.Cosine, Dim: dim, Axes: dim, Seed: 1}, samples, alone())
	if err != nil {
		t.Fatal(err)
	}
	if !Suits(code, space, dim) || Suits(plain, space, dim) || Suits(code, index.Space{Metric: index.Cosine, Datatype: index.Float32}, dim) {
		t.Error("a code suits vectors that it takes lengths of, or one does not that divides by them")
	}
	var s Scratch
	var q Query
	row, out := make([]byte, code.RowBytes()), make([]float32, 1)
	for i := range 50 {
		a, b := samples[i*dim:(i+1)*dim], samples[(i+60)*dim:(i+61)*dim]
		code.Encode(row, b, &s)
		code.Ask(a, &q)
		q.Distances(unsafe.Pointer(&row[0]), len(row), []uint32{0}, out)
		want := -simd.Dot(a, b) / float32(math.Sqrt(float64(simd.Dot(a, a)*simd.Dot(b, b))))
		if diff := math.Abs(float64(out[0] - want)); diff > 2e-3 {
			t.Fatalf("pair %d: %g, want %g", i, out[0], want)
		}
	}
}

// The axes are orthonormal and hold all but the noise.
func TestAxesHoldTheVariance(t *testing.T) {
	const dim, few, n = 64, 6, 1000
	samples := hidden(n, dim, few, rand.New(rand.NewPCG(9, 9)))
	mean := centre(samples, dim)
	cov := covariance(samples, mean, alone())
	axes := principal(cov, ReducedOptions{Dim: dim, Axes: few, Seed: 2}, alone())
	held, total := 0.0, 0.0
	for i := range few {
		x := axes[i*dim : (i+1)*dim]
		for j := range few {
			want := 0.0
			if i == j {
				want = 1
			}
			if d := float64(simd.Dot(x, axes[j*dim:(j+1)*dim])); math.Abs(d-want) > 1e-5 {
				t.Fatalf("axes %d and %d: product %g", i, j, d)
			}
		}
		for d := range dim {
			held += float64(x[d]) * float64(simd.Dot(x, cov[d*dim:(d+1)*dim]))
		}
	}
	for d := range dim {
		total += float64(cov[d*dim+d])
	}
	noise := 0.09 * (dim - few)
	if held < total-1.3*noise {
		t.Errorf("the axes hold %.2f of %.2f, noise is %.2f", held, total, noise)
	}
}

// Vectors that are all alike, or of fewer directions than axes, have axes still.
func TestReducedOfLittle(t *testing.T) {
	for what, samples := range map[string][]float32{
		"one":   {1, 2, 3, 4},
		"alike": {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4},
		"zero":  make([]float32, 12),
		"huge":  {1e18, -1e18, 0, 0, -1e18, 1e18, 1, 1},
	} {
		for axes := 1; axes <= 4; axes++ {
			code, err := NewReduced(ReducedOptions{Metric: index.Euclid, Dim: 4, Axes: axes}, samples, alone())
			if err != nil {
				t.Fatal(what, err)
			}
			var s Scratch
			var q Query
			row, out := make([]byte, code.RowBytes()), make([]float32, 1)
			code.Encode(row, samples[:4], &s)
			code.Ask(samples[:4], &q)
			q.Distances(unsafe.Pointer(&row[0]), len(row), []uint32{0}, out)
			if size := simd.Dot(samples[:4], samples[:4]); !(out[0] <= 1e-4*max(size, 1)) {
				t.Errorf("%s, %d axes: a vector is %g from itself", what, axes, out[0])
			}
		}
	}
	for _, o := range []ReducedOptions{{Metric: index.Manhattan, Dim: 2, Axes: 1}, {Metric: index.Dot, Dim: 2, Axes: 3}, {Metric: index.Dot, Dim: 2}} {
		if _, err := NewReduced(o, []float32{1, 2}, alone()); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestReducedIsStored(t *testing.T) {
	for _, metric := range []index.Metric{index.Cosine, index.Euclid} {
		samples := hidden(50, 3, 2, rand.New(rand.NewPCG(1, 1)))
		code, err := NewReduced(ReducedOptions{Metric: metric, Dim: 3, Axes: 2}, samples, alone())
		if err != nil {
			t.Fatal(err)
		}
		testStored(t, code, []float32{1.5, 1, -2})
	}
}

// alone is a crew of one that nobody stops.
func alone() *index.Crew { return index.NewCrew(index.Pace{}) }
