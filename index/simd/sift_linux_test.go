package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
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

// Below16 marks what Below marks by the same numbers in heads of float32.
func TestSift16(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 9))
		for _, first := range []bool{true, false} {
			for range 200 {
				const blocks = 3
				narrow := unsafe.Slice((*uint16)(unsafe.Pointer(&guarded(t, blocks*SiftHead16/4, first)[0])), blocks*SiftHead16/2)
				wide := make([]float32, len(narrow))
				for i := range narrow {
					narrow[i] = index.ToBfloat16(rng.Float32() - 0.5)
					if rng.IntN(20) == 0 {
						narrow[i] = uint16(rng.Uint32()) // infinite, no number, subnormal
					}
					wide[i] = index.FromBfloat16(narrow[i])
				}
				sums := make([]uint16, blocks*FastScanRows)
				for i := range sums {
					sums[i] = uint16(rng.Uint32())
				}
				s := Sift{Mul: 1. / 32768, Bias: -1, Limit: 0.1}
				below, want := make([]uint32, blocks+1), make([]uint32, blocks)
				below[blocks] = 77
				s.Below16(unsafe.Pointer(&narrow[0]), SiftHead16, sums, below[:blocks])
				s.Below(unsafe.Pointer(&wide[0]), SiftHead, sums, want)
				if !slices.Equal(below[:blocks], want) || below[blocks] != 77 {
					t.Fatalf("marked %032b, want %032b", below, want)
				}
			}
		}
	})
}
