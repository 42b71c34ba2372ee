package quant

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// cloud draws vectors like embeddings: a mixture in few latent dimensions, bent
// by a random layer, with a little noise.
type cloud struct {
	random  *rand.Rand
	centres [][]float64
	layer   [][]float64
}

const latent = 16

func newCloud(dim int, seed uint64) *cloud {
	c := &cloud{random: rand.New(rand.NewPCG(seed, uint64(dim)))}
	for range 40 {
		c.centres = append(c.centres, c.normal(latent, 1))
	}
	for range dim {
		c.layer = append(c.layer, c.normal(latent, 1/math.Sqrt(latent)))
	}
	return c
}

func (c *cloud) normal(n int, scale float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = scale * c.random.NormFloat64()
	}
	return v
}

func (c *cloud) draw(s index.Space) []float32 {
	z := c.centres[c.random.IntN(len(c.centres))]
	v := make([]float32, len(c.layer))
	noise := c.normal(latent, 0.7)
	for d, weights := range c.layer {
		sum := 0.1
		for i, w := range weights {
			sum += w * (z[i] + noise[i])
		}
		v[d] = float32(math.Tanh(sum) + 0.25*c.random.NormFloat64())
	}
	switch {
	case s.Datatype == index.Uint8:
		for d := range v {
			v[d] = float32(int(100 + 60*v[d]))
		}
	case s.Metric == index.Cosine:
		v = normalised(nil, v)
	}
	return v
}

// recallCase is a code and the recall at 10 that it must reach when the best by
// code are measured by their vectors.
type recallCase struct {
	name     string
	o        Options
	measured int
	least    float64
}

var recallCases = []recallCase{
	{"rotated 8", Options{Kind: Rotated, Depth: Eight}, 12, 0.99},
	{"rotated 4", Options{Kind: Rotated, Depth: Four}, 20, 0.98},
	{"rotated 2", Options{Kind: Rotated, Depth: Two, Query: 8}, 40, 0.97},
	{"rotated 1.5", Options{Kind: Rotated, Depth: OneAndHalf, Query: 8}, 40, 0.93},
	{"rotated 1", Options{Kind: Rotated, Depth: One, Query: 8}, 60, 0.90},
	{"binary, 4-bit queries", Options{Kind: Rotated, Depth: One, Query: 4}, 60, 0.90},
	{"binary, 1-bit queries", Options{Kind: Rotated, Depth: One, Query: 1}, 100, 0.88},
	{"scalar", Options{Kind: Scalar}, 12, 0.99},
	{"scalar 0.95", Options{Kind: Scalar, Quantile: 0.95}, 20, 0.98},
	{"product x4", Options{Kind: Runs, Run: 1}, 12, 0.99},
	{"product x16", Options{Kind: Runs, Run: 4}, 40, 0.97},
	{"product x64", Options{Kind: Runs, Run: 16}, 100, 0.80},
}

// The true neighbours are among the best by code, for every kind and metric.
func TestCodesFindNeighbours(t *testing.T) {
	for _, space := range []index.Space{
		{Metric: index.Dot}, {Metric: index.Euclid}, {Metric: index.Manhattan}, {Metric: index.Cosine, Datatype: index.Uint8},
	} {
		b := newBench(space, benchDim)
		for _, c := range recallCases {
			manhattan := space.Metric == index.Manhattan
			if c.o.Depth == Eight && manhattan || c.o.Run == 1 && !manhattan {
				continue // the one is refused, the other is slow
			}
			c.o.Space, c.o.Dim, c.o.Seed, c.o.Pace = space, benchDim, 5, index.Pace{Workers: 2}
			t.Run(fmt.Sprintf("%v %v %s", space.Metric, space.Datatype, c.name), func(t *testing.T) { b.test(t, c) })
		}
	}
}

const benchDim = 54 // no multiple of a register or a run

// bench is vectors and queries with their true neighbours.
type bench struct {
	space   index.Space
	vectors [][]float32
	queries [][]float32
	samples []float32
	ids     []uint32
	truth   [][]float32 // by query and vector: the distance
}

func newBench(space index.Space, dim int) *bench {
	c := newCloud(dim, 11)
	b := &bench{space: space}
	for i := range 2000 {
		v := c.draw(space)
		b.vectors = append(b.vectors, v)
		b.ids = append(b.ids, uint32(i))
		if i%4 == 0 {
			b.samples = append(b.samples, v...)
		}
	}
	for range 30 {
		q := c.draw(space)
		b.queries = append(b.queries, q)
		row := make([]float32, len(b.vectors))
		for i, v := range b.vectors {
			row[i] = simd.Distance(space.Metric, b.scaled(q), b.scaled(v))
		}
		b.truth = append(b.truth, row)
	}
	return b
}

func (b *bench) scaled(v []float32) []float32 {
	if b.space.Metric == index.Cosine {
		return normalised(nil, v)
	}
	return v
}

func (b *bench) test(t *testing.T, c recallCase) {
	code, err := Train(c.o, b.samples)
	if err != nil {
		t.Fatal(err)
	}
	testStored(t, code, b.vectors[0])
	size := code.RowBytes()
	block := make([]byte, size*len(b.vectors)+8)
	var s Scratch
	for i, v := range b.vectors {
		code.Encode(block[i*size:(i+1)*size], v, &s)
	}
	var q Query
	out := make([]float32, len(b.vectors))
	found, away := 0, 0.0
	for i, v := range b.queries {
		code.Ask(v, &q)
		q.Distances(unsafe.Pointer(&block[0]), size, b.ids, out)
		n, off := tenOf(b.truth[i], out, c.measured)
		found += n
		away += off
	}
	recall := float64(found) / float64(10*len(b.queries))
	if recall < c.least {
		t.Errorf("recall %.3f after measuring %d, want %.2f", recall, c.measured, c.least)
	}
	// Points in the middle of what they stand for are nearer to everything.
	unbiased := c.o.Kind != Runs && (b.space.Metric != index.Manhattan || c.o.Kind == Scalar)
	if bias := away / float64(len(b.queries)); unbiased && math.Abs(bias) > 0.06 {
		t.Errorf("distances are off by %.3f of their spread", bias)
	}
	t.Logf("%d bytes, recall %.3f, off by %.2f", size, recall, away/float64(len(b.queries)))
}

// tenOf counts how many of the ten nearest are among the best by code, and
// answers the mean fault of a distance as a share of their spread.
func tenOf(truth, estimates []float32, best int) (found int, off float64) {
	near, by := order(truth)[:10], order(estimates)[:best]
	for _, i := range near {
		if slices.Contains(by, i) {
			found++
		}
	}
	var mean, square, fault float64
	for i, d := range truth {
		mean += float64(d)
		square += float64(d) * float64(d)
		fault += float64(estimates[i] - d)
	}
	n := float64(len(truth))
	return found, fault / n / math.Sqrt(square/n-mean*mean/n/n)
}

func order(v []float32) []int {
	at := make([]int, len(v))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(a, b int) int {
		if v[a] < v[b] {
			return -1
		}
		return 1
	})
	return at
}

func TestTrainNeedsSamples(t *testing.T) {
	o := Options{Space: index.Space{Metric: index.Dot}, Dim: 4, Kind: Runs, Run: 2}
	if _, err := Train(o, make([]float32, 255*4)); !errors.Is(err, ErrFewSamples) {
		t.Errorf("255 samples for 256 points: %v", err)
	}
	if _, err := Train(o, make([]float32, 256*4)); err != nil {
		t.Errorf("256 samples, all alike: %v", err)
	}
	o.Kind = Scalar
	if _, err := Train(o, nil); !errors.Is(err, ErrFewSamples) {
		t.Errorf("no samples: %v", err)
	}
	if _, err := Train(o, make([]float32, 4)); err != nil {
		t.Errorf("one sample: %v", err)
	}
}

// A training that asks whether it is to go on stops at any of its questions, and gives
// the same code to one worker and to three.
func TestTrainStops(t *testing.T) {
	const dim, most = 70, 12
	samples := make([]float32, 300*dim)
	random := rand.New(rand.NewPCG(5, 6))
	for i := range samples {
		samples[i] = float32(random.NormFloat64())
	}
	asking := 0
	for _, metric := range []index.Metric{index.Euclid, index.Manhattan} {
		for _, c := range append(slices.Clone(recallCases), recallCase{name: "axes", o: Options{Kind: Along, Axes: 12}}) {
			if metric == index.Manhattan && (c.o.Depth == Eight || c.o.Kind == Along) {
				continue
			}
			o := c.o
			o.Space, o.Dim, o.Seed = index.Space{Metric: metric}, dim, 3
			var asked atomic.Int64
			o.Pace = index.Pace{Go: func(int) bool { asked.Add(1); return true }}
			code, err := Train(o, samples)
			if err != nil {
				t.Fatal(err)
			}
			n := asked.Load()
			o.Pace.Workers = 3
			again, err := Train(o, samples)
			if err != nil || !bytes.Equal(code.AppendBinary(nil), again.AppendBinary(nil)) {
				t.Errorf("%v %s: three workers make another code (%v)", metric, c.name, err)
			}
			if n > 0 {
				asking++
			}
			for at := range min(n, most) {
				var left atomic.Int64
				left.Store(1 + at*n/most)
				o.Pace = index.Pace{Workers: 1 + int(at)%2, Go: func(int) bool { return left.Add(-1) > 0 }}
				if code, err := Train(o, samples); !errors.Is(err, index.ErrStopped) || code != nil {
					t.Fatalf("%v %s, told to stop at question %d of %d: %v, a code %v", metric, c.name, 1+at*n/most, n, err, code != nil)
				}
			}
		}
	}
	if asking < 3 {
		t.Errorf("%d kinds ask, want the products and axes at least", asking)
	}
}

// Vectors that are all alike, or of a single dimension, have codes, too.
func TestCodesOfDegenerateVectors(t *testing.T) {
	for _, metric := range []index.Metric{index.Cosine, index.Euclid, index.Manhattan} {
		for _, c := range recallCases {
			for _, dim := range []int{1, 65} {
				if c.o.Depth == Eight && metric == index.Manhattan {
					continue
				}
				o := c.o
				o.Space, o.Dim = index.Space{Metric: metric}, dim
				v := make([]float32, dim)
				v[0] = 1
				code, err := Train(o, slices.Repeat(v, 256))
				if err != nil {
					t.Fatal(err)
				}
				var s Scratch
				var q Query
				row, out := make([]byte, code.RowBytes()+8), [1]float32{}
				code.Encode(row[:code.RowBytes()], v, &s)
				code.Ask(v, &q)
				q.Distances(unsafe.Pointer(&row[0]), code.RowBytes(), []uint32{0}, out[:])
				if want := simd.Distance(metric, v, v); !(math.Abs(float64(out[0]-want)) < 1e-3) {
					t.Errorf("%v %s, %d dimensions: %v from itself, want %v", metric, c.name, dim, out[0], want)
				}
			}
		}
	}
}

// storedCodes is one code of every kind, as it is stored.
func storedCodes() (out [][]byte) {
	samples := make([]float32, 256*3)
	for i := range samples {
		samples[i] = float32(i % 7)
	}
	for _, metric := range []index.Metric{index.Cosine, index.Manhattan} {
		for _, c := range recallCases {
			o := c.o
			o.Space, o.Dim = index.Space{Metric: metric, Datatype: index.Uint8}, 3
			if code, err := Train(o, samples); err == nil {
				out = append(out, code.AppendBinary(nil))
			}
		}
	}
	return out
}
