package index_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/kithdb/kith/index"
)

// Every bfloat16 survives the way there and back.
func TestEveryBfloat16IsItself(t *testing.T) {
	for h := range 1 << 16 {
		x := index.FromBfloat16(uint16(h))
		back := index.ToBfloat16(x)
		if x != x {
			if y := index.FromBfloat16(back); y == y {
				t.Fatalf("%#04x, not a number, comes back as %v", h, y)
			}
		} else if back != uint16(h) {
			t.Fatalf("%#04x is %v and comes back as %#04x", h, x, back)
		}
	}
}

// What x is rounded to is no farther than its neighbours, and of two as near the
// one with an even last bit.
func TestToBfloat16RoundsToTheNearest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 17))
	values := []float32{0, 1, 1 + 1.0/256, 1 + 3.0/256, 0x1.fe8p127, 0x1.fefffep127, 0x1.ffp127, math.MaxFloat32, math.SmallestNonzeroFloat32, 0x1p-133, 0x1p-134, 0x1.8p-133}
	for range 200_000 {
		values = append(values, math.Float32frombits(rng.Uint32()&0x7f7f_ffff))
	}
	for range 10_000 { // the ties between neighbours
		values = append(values, math.Float32frombits(rng.Uint32()&0x7f7f_0000|0x8000))
	}
	for _, x := range values {
		h := index.ToBfloat16(x)
		if minus := index.ToBfloat16(-x); minus != h|0x8000 {
			t.Fatalf("%v gives %#04x, its negative %#04x", x, h, minus)
		}
		far := func(h uint16) float64 { // beyond the largest stands the next power of two
			if h == 0x7f80 {
				return 0x1p128 - float64(x)
			}
			return math.Abs(float64(index.FromBfloat16(h)) - float64(x))
		}
		for _, other := range []uint16{h - 1, h + 1} {
			if other > 0x7f80 {
				continue
			}
			if far(other) < far(h) || far(other) == far(h) && h&1 == 1 {
				t.Fatalf("%v gives %#04x, %#04x is nearer", x, h, other)
			}
		}
	}
	if h := index.ToBfloat16(math.Float32frombits(0x7f80_0001)); index.FromBfloat16(h) == index.FromBfloat16(h) {
		t.Errorf("no number becomes %v", index.FromBfloat16(h))
	}
}
