package index_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
)

// Every float16 survives the way there and back.
func TestEveryFloat16IsItself(t *testing.T) {
	for h := range 1 << 16 {
		x := index.FromFloat16(uint16(h))
		back := index.ToFloat16(x)
		if x != x {
			if y := index.FromFloat16(back); y == y {
				t.Fatalf("%#04x, not a number, comes back as %v", h, y)
			}
		} else if back != uint16(h) {
			t.Fatalf("%#04x is %v and comes back as %#04x", h, x, back)
		}
	}
}

// slowFloat16 rounds by looking for the nearest of the two neighbours.
func slowFloat16(x float32) uint16 {
	sign := uint16(0)
	if math.Signbit(float64(x)) {
		sign, x = 0x8000, -x
	}
	below, above := 0, 0x7c00 // magnitudes rise with their bits
	for above-below > 1 {
		if mid := (below + above) / 2; index.FromFloat16(uint16(mid)) <= x {
			below = mid
		} else {
			above = mid
		}
	}
	low, high := float64(index.FromFloat16(uint16(below))), 65536.0
	if above < 0x7c00 {
		high = float64(index.FromFloat16(uint16(above)))
	}
	toLow, toHigh := float64(x)-low, high-float64(x)
	if toLow > toHigh || toLow == toHigh && below&1 == 1 {
		return sign | uint16(above)
	}
	return sign | uint16(below)
}

func TestToFloat16RoundsToTheNearest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 16))
	values := []float32{0, 1, 65504, 65519.996, 65520, 65536, 1e30, 0x1p-24, 0x1p-25, 0x1.000002p-25, 0x1.8p-24, 0x1p-14, 0x1.ffcp-15, 0x1.ffep-15, 1.00048828125, 1.00146484375, math.SmallestNonzeroFloat32}
	for range 200_000 {
		values = append(values, float32(math.Ldexp(1+rng.Float64(), rng.IntN(44)-27)))
	}
	for h := range 0x7c00 { // the ties between neighbours
		a, b := index.FromFloat16(uint16(h)), index.FromFloat16(uint16(h+1))
		if h+1 < 0x7c00 {
			values = append(values, a+(b-a)/2)
		}
	}
	for _, x := range values {
		for _, y := range []float32{x, -x} {
			if got, want := index.ToFloat16(y), slowFloat16(y); got != want {
				t.Fatalf("%v gives %#04x, want %#04x", y, got, want)
			}
		}
	}
}

// What the contract's engine (qdrant-edge-py 0.9) stored for these.
func TestEncodeAsTheEngineDoes(t *testing.T) {
	given := []float32{1.5, 2.5, 0.4999, 0.9, 300, -5, 255.9, 256, 1e9, -1e9, 254.99, 3.99999, 0, float32(math.NaN())}
	for d, want := range map[index.Datatype][]float32{
		index.Uint8:   {1, 2, 0, 0, 255, 0, 255, 255, 255, 0, 254, 3, 0, 0},
		index.Float16: {1.5, 2.5, 0.5, 0.89990234375, 300, -5, 255.875, 256, float32(math.Inf(1)), float32(math.Inf(-1)), 255, 4, 0},
		index.Float32: given[:13],
		0:             given[:13],
	} {
		row := make([]byte, d.Bytes()*len(want))
		d.Encode(row, given[:len(want)])
		got := make([]float32, len(want))
		d.Decode(got, row)
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", d, got, want)
		}
	}
}

func TestDatatypeInJSON(t *testing.T) {
	type conf struct {
		D index.Datatype `json:"d,omitempty"`
	}
	for text, want := range map[string]index.Datatype{`{}`: 0, `{"d":"float32"}`: index.Float32, `{"d":"float16"}`: index.Float16, `{"d":"uint8"}`: index.Uint8} {
		var c conf
		if err := json.Unmarshal([]byte(text), &c); err != nil || c.D != want {
			t.Errorf("%s: %v, %v", text, c.D, err)
		}
		if out, err := json.Marshal(c); err != nil || string(out) != text {
			t.Errorf("%s comes back as %s, %v", text, out, err)
		}
	}
	var c conf
	if err := json.Unmarshal([]byte(`{"d":"turbo4"}`), &c); err == nil {
		t.Error("turbo4 is taken for a datatype")
	}
}
