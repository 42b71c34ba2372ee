package simd

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestSift(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(2, 9))
		for blocks := range 5 {
			const stride = SiftHead + 24
			heads := make([]float32, blocks*stride/4+1)
			sums := make([]uint16, blocks*FastScanRows)
			for i := range heads {
				heads[i] = rng.Float32() - 0.5
			}
			for i := range sums {
				sums[i] = uint16(rng.Uint32())
			}
			s := Sift{Mul: 1. / 32768, Bias: -1, Limit: 0.1}
			below := make([]uint32, blocks+1)
			below[blocks] = 77
			s.Below(unsafe.Pointer(&heads[0]), stride, sums, below)
			for i, sum := range sums {
				b, j := i/FastScanRows, i%FastScanRows
				at := b*stride/4 + j
				want := float64(heads[at]) + float64(heads[at+FastScanRows])*(float64(s.Mul)*float64(sum)+float64(s.Bias))
				if math.Abs(want-float64(s.Limit)) < 1e-5 {
					continue // either is right
				}
				if marked := below[b]>>j&1 == 1; marked != (want < float64(s.Limit)) {
					t.Fatalf("%d blocks: vector %d at %v is marked %v", blocks, i, want, marked)
				}
			}
			if below[blocks] != 77 {
				t.Fatal("it wrote behind the end")
			}
		}
	})
}

// What is no number is not below any limit; nothing is read before or behind.
func TestSiftAtTheEdges(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, first := range []bool{true, false} {
			heads := guarded(t, 2*SiftHead/4, first)
			sums := unsafe.Slice((*uint16)(unsafe.Pointer(&guarded(t, FastScanRows, first)[0])), 2*FastScanRows)
			below := unsafe.Slice((*uint32)(unsafe.Pointer(&guarded(t, 2, first)[0])), 2)
			heads[3], heads[FastScanRows+4] = float32(math.NaN()), float32(math.Inf(1))
			s := Sift{Limit: float32(math.Inf(1))}
			s.Below(unsafe.Pointer(&heads[0]), SiftHead, sums, below)
			if below[0] != ^uint32(1<<3|1<<4) || below[1] != ^uint32(0) { // ∞·0 is no number
				t.Fatalf("marked %032b", below)
			}
		}
	})
}
