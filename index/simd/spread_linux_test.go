package simd

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// spreadHolds compares Spread4 with the codes one by one; codes and what it writes
// end where memory does.
func spreadHolds(t *testing.T, dim int, raw []byte) {
	t.Helper()
	n := CodeDims(dim)
	memory := guarded(t, n/8, false) // n/2 bytes
	codes := unsafe.Slice((*byte)(unsafe.Pointer(&memory[0])), n/2)
	for i := range codes {
		codes[i] = raw[i%len(raw)] + byte(i/len(raw))
	}
	want, sum := make([]int8, n), 0
	for d := range dim {
		b := codes[d/32*16+d%16]
		if d%32 >= 16 {
			b >>= 4
		}
		want[d] = int8(2*(b&15)) - 15
		sum += int(want[d])
	}
	out := guarded(t, n/4, false)
	got := unsafe.Slice((*int8)(unsafe.Pointer(&out[0])), n)
	for d := range got {
		got[d] = 99
	}
	if s := Spread4(got, codes, dim); s != sum || !slices.Equal(got, want) {
		t.Fatalf("%d dimensions: %v, sum %d, want %v, sum %d", dim, got, s, want, sum)
	}
}

// TestSpread4: every kernel set, every length.
func TestSpread4(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(51, 52))
		raw := make([]byte, 600)
		for dim := 1; dim < 300; dim++ {
			for i := range raw {
				raw[i] = byte(rng.Uint32())
			}
			spreadHolds(t, dim, raw)
		}
		spreadHolds(t, 4096, []byte{0xff}) // the sum is the largest
	})
}

func FuzzSpread4(f *testing.F) {
	f.Add(uint16(100), []byte("codes"))
	f.Fuzz(func(t *testing.T, dim uint16, raw []byte) {
		if len(raw) > 0 && dim > 0 {
			each(t, func(t *testing.T) { spreadHolds(t, int(dim%2000)+1, raw) })
		}
	})
}

func BenchmarkSpread4(b *testing.B) {
	out, codes := make([]int8, 800), make([]byte, 400)
	for _, v := range variants() {
		b.Run(v.name, func(b *testing.B) {
			best := variants()
			defer best[len(best)-1].use()
			v.use()
			for b.Loop() {
				Spread4(out, codes, 784)
			}
		})
	}
}
