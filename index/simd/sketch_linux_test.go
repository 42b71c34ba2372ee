package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// sketches are blocks of random sketches, and what they were made of.
func sketches(t *testing.T, rng *rand.Rand, blocks int, first bool) (memory unsafe.Pointer, rows [][SketchDims]int8, adds []float32) {
	floats := guarded(t, max(blocks, 1)*SketchBytes/4, first)
	memory = unsafe.Pointer(&floats[0])
	for b := range blocks {
		block := unsafe.Slice((*byte)(unsafe.Add(memory, b*SketchBytes)), SketchBytes)
		for i := range SketchRows {
			var y [SketchDims]int8
			for d := range y {
				y[d] = int8(rng.Uint32())
			}
			add := rng.Float32() * 1e6
			PutSketch(block, i, &y, add)
			rows, adds = append(rows, y), append(adds, add)
		}
	}
	return memory, rows, adds
}

// Every kernel estimates as plain arithmetic does and clears the bits of what is
// beyond the limit, no others. Nothing is read or written before or behind.
func TestSketch(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(4, 8))
		for _, blocks := range []int{0, 1, 3, 8, 9, 64} {
			memory, rows, adds := sketches(t, rng, blocks, blocks%2 == 0)
			var query [SketchDims]int16
			for d := range query {
				query[d] = int16(rng.Uint32())
			}
			var s Sketch
			s.Aim(&query, 0.25)
			words := unsafe.Slice((*uint64)(unsafe.Pointer(&guarded(t, 2*(blocks/8+1), blocks%2 == 1)[0])), blocks/8+1)
			words = words[:(blocks+7)/8]
			for i := range rows {
				words[i/64] |= uint64(rng.IntN(2)) << (i % 64)
			}
			for k := range words { // whole blocks that nothing is asked of
				words[k] &^= 0xff << (8 * rng.IntN(8))
			}
			before := slices.Clone(words)
			limit := float32(5e5)
			near := guarded(t, max(64*len(words), 1), blocks%2 == 1)[:64*len(words)]
			s.Within(memory, limit, words, near)
			for i, y := range rows {
				sum := 0
				for d, c := range y {
					sum += int(c) * int(query[d])
				}
				var out [SketchRows]float32
				s.Estimates(unsafe.Add(memory, i/SketchRows*SketchBytes), &out)
				want, got := float64(adds[i])+0.25*float64(sum), float64(out[i%SketchRows])
				if math.Abs(want-got) > 1e-6*(math.Abs(want)+1e6) {
					t.Fatalf("sketch %d of %d blocks: %v, want %v", i, blocks, got, want)
				}
				asked := before[i/64]>>(i%64)&1 == 1
				if asked && near[i] != out[i%SketchRows] {
					t.Fatalf("sketch %d of %d blocks: %v beside the bits, %v alone", i, blocks, near[i], out[i%SketchRows])
				}
				if stays := words[i/64]>>(i%64)&1 == 1; stays != (asked && out[i%SketchRows] <= limit) {
					t.Fatalf("sketch %d of %d blocks at %v: asked %v, stays %v", i, blocks, got, asked, stays)
				}
			}
		}
	})
}

// The largest products that there are do not overflow, and what is no number is
// within every limit.
func TestSketchAtTheEdges(t *testing.T) {
	each(t, func(t *testing.T) {
		memory, _, _ := sketches(t, rand.New(rand.NewPCG(1, 1)), 1, true)
		block := unsafe.Slice((*byte)(memory), SketchBytes)
		var most [SketchDims]int8
		var query [SketchDims]int16
		for d := range most {
			most[d], query[d] = math.MinInt8, math.MinInt16
		}
		for i := range SketchRows {
			PutSketch(block, i, &most, 0)
		}
		PutSketch(block, 3, &most, float32(math.NaN()))
		PutSketch(block, 5, &most, float32(math.Inf(-1)))
		PutSketch(block, 6, &most, float32(math.Inf(1)))
		var s Sketch
		s.Aim(&query, 1)
		var out [SketchRows]float32
		if s.Estimates(memory, &out); out[0] != SketchDims<<22 {
			t.Errorf("%v of the largest products", out)
		}
		words := []uint64{0xff}
		if s.Within(memory, 0, words, make([]float32, 64)); words[0] != 1<<3|1<<5 {
			t.Errorf("within: %08b", words[0])
		}
	})
}

func BenchmarkSketch(b *testing.B) {
	const blocks = 8192
	memory := make([]byte, blocks*SketchBytes)
	words := make([]uint64, blocks/8)
	out := make([]float32, 64*len(words))
	var s Sketch
	s.Aim(&[SketchDims]int16{1, 2, 3}, 1)
	for b.Loop() {
		for k := range words {
			words[k] = math.MaxUint64
		}
		s.Within(unsafe.Pointer(&memory[0]), -1, words, out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*blocks*SketchRows), "ns/row")
}
