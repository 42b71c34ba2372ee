package simd

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// levelsHold checks every kernel set against the scalar one, at the edges of
// readable memory: codes are equal, sums by the order of adding.
func levelsHold(t *testing.T, numbers []float32, inverse float32) {
	n := len(numbers)
	each(t, func(t *testing.T) {
		for _, first := range []bool{true, false} {
			x := guarded(t, n+1, first)
			memory := unsafe.Slice((*byte)(unsafe.Pointer(&guarded(t, n/4+1, first)[0])), n/4*4+4)
			if !first {
				x = x[1:]
			}
			x = x[:n]
			copy(x, numbers)
			for _, bits := range []int{8, 4} {
				l := Levels{inverse, []float32{8: 127, 4: 15}[bits]}
				wantAlong, wantNorm := l.fitScalar(x)
				// Products of both signs cancel out; their sizes say what a sum may be off.
				size, _ := l.fitScalar(magnitudes(x))
				room := 1e-5*math.Abs(float64(size)) + 1e-30
				off := func(a, b float32) bool { return !(math.Abs(float64(a)-float64(b)) <= room) && !same(a, b) }
				if along, norm := l.Fit(x); off(along, wantAlong) || !closeTo(norm, wantNorm) {
					t.Fatalf("%d bits of %v by %v: %v and %v, want %v and %v", bits, x, inverse, along, norm, wantAlong, wantNorm)
				}
				used, put, putScalar := n, l.Put8, l.put8Scalar
				if bits == 4 {
					used, put, putScalar = n/32*16+min(n%32, 16), l.Put4, l.put4Scalar
				}
				codes := memory[:used]
				if !first {
					codes = memory[len(memory)-used:]
				}
				clear(memory)
				want := make([]byte, used)
				putScalar(want, x)
				if along := put(codes, x); !slices.Equal(codes, want) || off(along, wantAlong) {
					t.Fatalf("%d bits of %v by %v: %x along %v, want %x along %v", bits, x, inverse, codes, along, want, wantAlong)
				}
				clear(codes)
				if slices.ContainsFunc(memory, func(b byte) bool { return b != 0 }) {
					t.Fatalf("%d bits of %d: bytes beside the codes were written", bits, n)
				}
			}
		}
	})
}

func magnitudes(x []float32) []float32 {
	out := slices.Clone(x)
	for i, f := range out {
		out[i] = max(f, -f)
	}
	return out
}

func TestLevels(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for n := range 140 {
		levelsHold(t, random(rng, n), rng.Float32()*20)
	}
}

// What lies beyond the last level has the last level, however far beyond.
func TestLevelsAtTheEnds(t *testing.T) {
	each(t, func(t *testing.T) {
		x := slices.Repeat([]float32{-1e30, 1e30, 0, 3, -3, 7.4, -7.6, 1e9}, 4)
		codes := make([]byte, len(x))
		Levels{1, 15}.Put8(codes, x)
		if want := slices.Repeat([]byte{0, 15, 8, 11, 5, 15, 0, 15}, 4); !slices.Equal(codes, want) {
			t.Errorf("levels %v, want %v", codes, want)
		}
	})
}

func FuzzLevels(f *testing.F) {
	f.Add([]byte("some bytes that are floats, and then a few more of these to come"), float32(0.5))
	f.Add(make([]byte, 400), float32(3))
	f.Fuzz(func(t *testing.T, raw []byte, inverse float32) {
		var x []float32
		for ; len(raw) >= 4; raw = raw[4:] {
			v := math.Float32frombits(binary.LittleEndian.Uint32(raw))
			if !(v > -1e15 && v < 1e15) {
				v = float32(int8(raw[3]))
			}
			x = append(x, v)
		}
		if !(inverse >= 0 && inverse < 1e15) {
			return
		}
		levelsHold(t, x, inverse)
	})
}
