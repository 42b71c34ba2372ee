package wire

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestFloatIsNearest compares with strconv, over random decimals and over the
// middles of two float32, where rounding twice goes wrong.
func TestFloatIsNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		text := strconv.FormatFloat(r.NormFloat64(), 'f', r.IntN(17), 64)
		want, _ := strconv.ParseFloat(text, 32)
		s := scanner{data: []byte(text)}
		if got, ok := s.float(); !ok || got != float32(want) {
			t.Fatalf("%s: got %v %v, want %v", text, got, ok, float32(want))
		}
	}
}

func TestFloatsRefuses(t *testing.T) {
	for _, bad := range []string{"[NaN]", "[Infinity]", "[-Infinity]", "[1e999]", "[null]", "[01]", "[1.]", "[.5]", "[1e]", "[1,]", "[1", "[[1]]", "null", "\"1\"", "[+1]", "[-]"} {
		s := scanner{data: []byte(bad)}
		if _, err := s.floats(nil, "points[3].vector"); err == nil || err.Field[:16] != "points[3].vector" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
