package simd

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// FuzzPoints compares Points4 and Signs with the scalar ones, at the edges of
// readable memory.
func FuzzPoints(f *testing.F) {
	f.Add([]byte("some bytes that are codes, and floats as well"), uint8(3), float32(0.5))
	f.Add(make([]byte, 400), uint8(100), float32(-2))
	long := make([]byte, 4096)
	rand.NewChaCha8([32]byte{1, 9}).Read(long)
	f.Add(long, uint8(5), float32(0.1))
	f.Fuzz(func(t *testing.T, raw []byte, odd uint8, step float32) {
		each(t, func(t *testing.T) { // short of the end by some codes
			groups := len(raw) / 16
			n := max(32*groups-int(odd%32), 0)
			for _, first := range []bool{true, false} {
				codes := unsafe.Slice((*byte)(unsafe.Pointer(&guarded(t, 4*groups+4, first)[0])), 16*groups+16)
				if !first {
					codes = codes[16:] // up to the end
				}
				copy(codes, raw[:16*groups])
				got, want := make([]float32, n+1), make([]float32, n)
				Points4(got[:n], codes, step)
				points4Scalar(want, codes, step)
				if !slices.EqualFunc(got[:n], want, same) || got[n] != 0 {
					t.Fatalf("points of %x by %v:\n%v, want\n%v", raw, step, got, want)
				}
			}
			n = len(raw) / 8 / 8 * 8
			for _, first := range []bool{true, false} {
				at, steps := guarded(t, n+1, first), guarded(t, n+1, first)
				if !first {
					at, steps = at[1:], steps[1:]
				}
				for i := range n {
					steps[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[8*i:]))
					at[i] = float32(int8(raw[8*i+4])) / 4
				}
				got, want := make([]byte, n/8+1), make([]byte, n/8)
				along, own := Signs(got, steps[:n], at[:n])
				wantAlong, wantOwn := signsScalar(want, steps[:n], at[:n])
				if !slices.Equal(got[:n/8], want) || got[n/8] != 0 {
					t.Fatalf("signs of %v: %x, want %x", steps, got, want)
				}
				if own != wantOwn || !closeTo(along, wantAlong) { // quarters add up without error
					t.Fatalf("sums of %v and %v: %v and %v, want %v and %v", steps, at, along, own, wantAlong, wantOwn)
				}
			}
		})
	})
}
