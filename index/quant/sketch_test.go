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
// tells distances apart. Second rows, and codes that are asked for what lies across
// the axes alone, leave less of it.
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
		c := NewSketch(ReducedOptions{Metric: m, Dim: dim, Seed: 1}, rows[:n/2*dim], alone())
		if c == nil {
			t.Fatalf("%v: none", m)
		}
		var s Scratch
		blocks, next := make([]byte, n/simd.SketchRows*simd.SketchBytes), make([]byte, n*SketchNextBytes())
		for i := range n {
			c.Put(blocks[i/simd.SketchRows*simd.SketchBytes:], i%simd.SketchRows, next[i*SketchNextBytes():(i+1)*SketchNextBytes()], rows[i*dim:(i+1)*dim], &s)
		}
		code := NewAffine(AffineOptions{Metric: m, Dim: dim, Bits: 4, Seed: 2}, Mean(rows[n/2*dim:], dim))
		codes, ids := make([]byte, n*code.RowBytes()), make([]uint32, n)
		for i := range n {
			ids[i] = uint32(i)
			code.Encode(codes[i*code.RowBytes():(i+1)*code.RowBytes()], rows[i*dim:(i+1)*dim], &s)
		}
		var off, offNext, offRest, far Lack
		for range 20 {
			q := rows[rng.IntN(n)*dim:][:dim]
			var asked Sketched
			c.Ask(q, &asked)
			if !c.AskRest(code, &asked) {
				t.Fatal("a code of products cannot tell what lies across the axes")
			}
			var first, second, rest [n]float32
			for i := 0; i < n; i += simd.SketchRows {
				asked.Estimates(unsafe.Pointer(&blocks[i/simd.SketchRows*simd.SketchBytes]), (*[simd.SketchRows]float32)(first[i:]))
			}
			for i := range first {
				first[i] += asked.Add
			}
			second, rest = first, first
			asked.Next(unsafe.Pointer(&next[0]), SketchNextBytes(), ids, second[:])
			asked.Rest(unsafe.Pointer(&codes[0]), code.RowBytes(), ids, rest[:])
			for i := range first {
				want := simd.Distance(m, q, rows[i*dim:(i+1)*dim])
				off.Add(float64(want - first[i]))
				offNext.Add(float64(want - second[i]))
				offRest.Add(float64(want - rest[i]))
				far.Add(float64(want))
			}
		}
		// Most(1) − Most(0) is one deviation.
		wrong, all := off.Most(1)-off.Most(0), far.Most(1)-far.Most(0)
		if wrong > all/15 || math.Abs(off.Most(0)) > all/30 {
			t.Errorf("%v: estimates are off by %v ± %v, distances by ± %v", m, off.Most(0), wrong, all)
		}
		if left := offNext.Most(1) - offNext.Most(0); left > 0.9*wrong {
			t.Errorf("%v: with second rows estimates are off by ± %v, without by ± %v", m, left, wrong)
		}
		if left := offRest.Most(1) - offRest.Most(0); left > 0.75*wrong || math.Abs(offRest.Most(0)) > wrong/10 {
			t.Errorf("%v: with codes estimates are off by %v ± %v, without by ± %v", m, offRest.Most(0), left, wrong)
		}
	}
}

// Vectors that go farther than any sample are within every limit.
func TestSketchOfWhatLiesBeyond(t *testing.T) {
	const dim = 96
	rows := flatVectors(rand.New(rand.NewPCG(3, 6)), 200, dim, 0.1)
	c := NewSketch(ReducedOptions{Metric: index.Euclid, Dim: dim, Seed: 1}, rows, alone())
	block, next := make([]byte, simd.SketchBytes), make([]byte, SketchNextBytes())
	var s Scratch
	for i := range simd.SketchRows {
		far := append([]float32(nil), rows[i*dim:(i+1)*dim]...)
		if i%2 == 1 {
			for d := range far {
				far[d] *= 50
			}
		}
		c.Put(block, i, next, far, &s)
	}
	var q Sketched
	c.Ask(rows[:dim], &q)
	words := []uint64{0xff}
	if q.Within(unsafe.Pointer(&block[0]), float32(math.Inf(-1)), words, make([]float32, 64)); words[0] != 0xaa {
		t.Errorf("within: %08b", words[0])
	}
	out := []float32{0}
	if q.Next(unsafe.Pointer(&next[0]), len(next), []uint32{0}, out); !math.IsInf(float64(out[0]), -1) {
		t.Errorf("by a second row: %v", out[0])
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
		if NewSketch(c.o, c.samples, alone()) != nil {
			t.Errorf("%s: a sketch", c.name)
		}
	}
}
