package quant

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// flatVectors are vectors that vary along a few axes most, and how far the rest of
// them goes.
func flatVectors(rng *rand.Rand, n, dim int, rest float32) []float32 {
	const axes = 12
	base := make([]float32, axes*dim)
	for i := range base {
		base[i] = float32(rng.NormFloat64())
	}
	out := make([]float32, n*dim)
	for i := range n {
		v := out[i*dim : (i+1)*dim]
		for d := range v {
			v[d] = 3 + rest*float32(rng.NormFloat64())
		}
		for a := range axes {
			part := float32(rng.NormFloat64()) / float32(1+a)
			for d := range v {
				v[d] += part * base[a*dim+d]
			}
		}
	}
	return out
}

// Estimates have no bias worth the name, and their error is a small part of what
// tells distances apart.
func TestSketchEstimates(t *testing.T) {
	const n, dim = 2000, 200
	rng := rand.New(rand.NewPCG(3, 5))
	for _, m := range []index.Metric{index.Euclid, index.Dot, index.Cosine} {
		rows := flatVectors(rng, n, dim, 0.2)
		if m == index.Cosine {
			for at := 0; at < len(rows); at += dim {
				copy(rows[at:at+dim], normalised(nil, rows[at:at+dim]))
			}
		}
		c := NewSketch(ReducedOptions{Metric: m, Dim: dim, Seed: 1}, rows[:n/2*dim])
		if c == nil {
			t.Fatalf("%v: none", m)
		}
		var s Scratch
		blocks := make([]byte, n/simd.SketchRows*simd.SketchBytes)
		for i := range n {
			c.Put(blocks[i/simd.SketchRows*simd.SketchBytes:], i%simd.SketchRows, rows[i*dim:(i+1)*dim], &s)
		}
		var off, far Lack
		for range 20 {
			q := rows[rng.IntN(n)*dim:][:dim]
			var asked Sketched
			c.Ask(q, &asked)
			for i := 0; i < n; i += simd.SketchRows {
				var out [simd.SketchRows]float32
				asked.Estimates(unsafe.Pointer(&blocks[i/simd.SketchRows*simd.SketchBytes]), &out)
				for j, d := range out {
					want := simd.Distance(m, q, rows[(i+j)*dim:(i+j+1)*dim])
					off.Add(float64(want - d - asked.Add))
					far.Add(float64(want))
				}
			}
		}
		// Most(1) − Most(0) is one deviation.
		wrong, all := off.Most(1)-off.Most(0), far.Most(1)-far.Most(0)
		if wrong > all/15 || math.Abs(off.Most(0)) > all/30 {
			t.Errorf("%v: estimates are off by %v ± %v, distances by ± %v", m, off.Most(0), wrong, all)
		}
	}
}

// Vectors that go farther than any sample are within every limit.
func TestSketchOfWhatLiesBeyond(t *testing.T) {
	const dim = 64
	rows := flatVectors(rand.New(rand.NewPCG(3, 6)), 200, dim, 0.1)
	c := NewSketch(ReducedOptions{Metric: index.Euclid, Dim: dim, Seed: 1}, rows)
	block := make([]byte, simd.SketchBytes)
	var s Scratch
	for i := range simd.SketchRows {
		far := append([]float32(nil), rows[i*dim:(i+1)*dim]...)
		if i%2 == 1 {
			for d := range far {
				far[d] *= 50
			}
		}
		c.Put(block, i, far, &s)
	}
	var q Sketched
	c.Ask(rows[:dim], &q)
	words := []uint64{0xff}
	if q.Within(unsafe.Pointer(&block[0]), float32(math.Inf(-1)), words, make([]float32, 64)); words[0] != 0xaa {
		t.Errorf("within: %08b", words[0])
	}
}

// There is no sketch of what has no axes.
func TestSketchOfNothing(t *testing.T) {
	const dim = 256
	rng := rand.New(rand.NewPCG(3, 7))
	round := make([]float32, 1000*dim)
	for i := range round {
		round[i] = float32(rng.NormFloat64())
	}
	flat := flatVectors(rng, 1000, dim, 0.1)
	for _, c := range []struct {
		name    string
		o       ReducedOptions
		samples []float32
	}{
		{"vectors in all directions", ReducedOptions{Metric: index.Euclid, Dim: dim}, round},
		{"Manhattan", ReducedOptions{Metric: index.Manhattan, Dim: dim}, flat},
		{"few vectors", ReducedOptions{Metric: index.Euclid, Dim: dim}, flat[:10*dim]},
		{"few dimensions", ReducedOptions{Metric: index.Euclid, Dim: 16}, flat},
		{"equal vectors", ReducedOptions{Metric: index.Euclid, Dim: dim}, make([]float32, 1000*dim)},
	} {
		if NewSketch(c.o, c.samples) != nil {
			t.Errorf("%s: a sketch", c.name)
		}
	}
}
