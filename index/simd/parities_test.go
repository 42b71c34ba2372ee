package simd

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// parity4 reads rows by the text of their format.
var parity4 = codeKind{bits: 4}

// headHolds puts a head into the codes of x and checks what it cost: the head comes
// out, of the four codes of each bit at most one has moved, by one level, and it is
// the one whose number it brings the least away from.
func headHolds(t *testing.T, x []float32, inverse float32, head uint32) {
	t.Helper()
	l := Levels{inverse, 15}
	codes := make([]byte, Code4Bytes(len(x)))
	l.Put4(codes, x)
	before := bytes.Clone(codes)
	var p Parities
	p.Weigh(l, codes, x)
	along, norm := p.Growth(head, math.MaxUint32)
	p.Put(codes, head)
	if got := parity4.parities(codes); got != head || parities(codes) != head {
		t.Fatalf("%d numbers by %v: %08x comes out as %08x, and as %08x", len(x), inverse, head, got, parities(codes))
	}
	var wantAlong, wantNorm, size float64
	for bit := range 32 {
		changed := 0
		for k := range 4 {
			d := parityDim(bit, k)
			was, is := parity4.code(before, d), parity4.code(codes, d)
			switch {
			case was == is:
				continue
			case is-was > 1 || was-is > 1:
				t.Fatalf("code %d went from %d to %d", d, was, is)
			}
			changed++
			if d < len(x) {
				checkCheapest(t, l, x, before, d, is)
				f, a, b := float64(x[d]), float64(was)-7.5, float64(is)-7.5
				wantAlong, wantNorm, size = wantAlong+f*(b-a), wantNorm+b*b-a*a, size+math.Abs(f)
			}
		}
		if changed > 1 {
			t.Fatalf("bit %d moved %d codes", bit, changed)
		}
	}
	if moved := bits.OnesCount32(parity4.parities(before) ^ head); moved == 0 && !bytes.Equal(codes, before) {
		t.Fatal("codes moved for the head that they had")
	}
	if math.Abs(float64(along)-wantAlong) > 1e-5*(size+1e-30) || math.Abs(float64(norm)-wantNorm) > 1e-3 {
		t.Fatalf("products grow by %v and %v, want %v and %v", along, norm, wantAlong, wantNorm)
	}
	if !slices.Equal(codes[min(parityBytes, len(codes)):], before[min(parityBytes, len(codes)):]) {
		t.Fatal("codes behind the head have moved")
	}
}

// checkCheapest checks that no other code of the same bit was cheaper to move than d.
func checkCheapest(t *testing.T, l Levels, x []float32, codes []byte, d int, to int64) {
	t.Helper()
	cost := func(d int, by float64) float64 {
		return 1 - 2*by*(float64(x[d])*float64(l.Inverse)+7.5-float64(parity4.code(codes, d)))
	}
	mine := cost(d, float64(to-parity4.code(codes, d)))
	bit := d%64/32*16 + d%16
	for k := range 4 {
		other := parityDim(bit, k)
		if other >= len(x) {
			if mine > 1e-5 {
				t.Fatalf("bit %d moved code %d for %v, though %d counts for nothing", bit, d, mine, other)
			}
			continue
		}
		for _, by := range []float64{-1, 1} {
			if c := float64(parity4.code(codes, other)) + by; c < 0 || c > 15 {
				continue
			}
			if theirs := cost(other, by); theirs < mine-1e-5*(1+math.Abs(mine)) {
				t.Fatalf("bit %d moved code %d for %v, and %d would have cost %v", bit, d, mine, other, theirs)
			}
		}
	}
}

// Heads go into codes of every length that has them there.
func TestHeadsInCodes(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(31, 32))
		for dim := 1; dim < 420; dim++ {
			if Code4Head(dim) != InCodes {
				continue
			}
			x := random(rng, dim)
			for _, inverse := range []float32{0.5, 3, 40} { // 40: most are beyond the last level
				headHolds(t, x, inverse, rng.Uint32())
			}
			headHolds(t, make([]float32, dim), 1, rng.Uint32())
		}
	})
}

// Which rows have their head in the codes, and how long they are: those of whole
// cache lines from 256 dimensions on are so.
func TestWhichHeadsAreInCodes(t *testing.T) {
	for dim, want := range map[int]int{64: 40, 96: 56, 100: 64, 112: 72, 113: 72, 128: 72, 129: 80, 250: 128, 256: 128, 384: 192, 768: 384, 784: 400, 1024: 512, 1536: 768} {
		if got := Code4Bytes(dim); got != want {
			t.Errorf("%d dimensions: a row of %d bytes, want %d", dim, got, want)
		}
	}
}

// Every kernel set weighs as the scalar one.
func TestCosts(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(33, 34))
		for range 300 {
			x := random(rng, 100+rng.IntN(60))
			l := Levels{rng.Float32() * 8, 15}
			var got, want [32]uint32
			l.costs(&got, x)
			l.costsScalar(&want, x)
			if got != want {
				t.Fatalf("%d numbers by %v: %x, want %x", len(x), l.Inverse, got, want)
			}
		}
	})
}

func FuzzHeadsInCodes(f *testing.F) {
	f.Add([]byte("some bytes that are floats, and then a few more of these to come"), float32(0.5), uint32(12345))
	f.Add(make([]byte, 400), float32(3), uint32(1<<31))
	f.Fuzz(func(t *testing.T, raw []byte, inverse float32, head uint32) {
		x := make([]float32, 256)
		for i := range x {
			if len(raw) < 4 {
				break
			}
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw))
			if !(x[i] > -1e5 && x[i] < 1e5) {
				x[i] = float32(int8(raw[3]))
			}
			raw = raw[4:]
		}
		if !(inverse >= 0 && inverse < 1e3) {
			return
		}
		headHolds(t, x, inverse, head)
	})
}
