package server

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/kithdb/kith/storage/point"
)

// Every finite float32 is written as JSON and read back as itself.
func TestFloatsComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	bits := []uint32{0, 1 << 31, 1, math.Float32bits(math.MaxFloat32), math.Float32bits(1e21), math.Float32bits(1e-6), math.Float32bits(0.1)}
	for range 100_000 {
		bits = append(bits, r.Uint32())
	}
	for _, b := range bits {
		v := math.Float32frombits(b)
		if v64 := float64(v); math.IsNaN(v64) || math.IsInf(v64, 0) {
			continue
		}
		text := appendFloat(nil, v)
		back, err := strconv.ParseFloat(string(text), 32)
		if err != nil || math.Float32bits(float32(back)) != b || !json.Valid(text) {
			t.Fatalf("%x: %s reads as %v, %v", b, text, back, err)
		}
	}
}

// What JSON has no number for is the largest there is, or null.
func TestFloatsThatJSONHasNot(t *testing.T) {
	for v, want := range map[float64]string{math.Inf(1): "3.4028235e+38", math.Inf(-1): "-3.4028235e+38"} {
		if got := string(appendFloat(nil, float32(v))); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	if got := string(appendFloat(nil, float32(math.NaN()))); got != "null" {
		t.Errorf("no number: %s", got)
	}
}

func TestRecordsAreJSON(t *testing.T) {
	everything := point.Selector{Payload: point.PayloadSelector{Enable: true}, Vector: point.VectorSelector{Enable: true}}
	for _, c := range []struct {
		p    point.Point
		want string
	}{
		{point.Point{ID: point.Number(math.MaxUint64)}, `{"id":18446744073709551615,"payload":{},"vector":{}}`},
		{point.Point{ID: point.Number(1), Payload: []byte(`{"a":1}`), Vectors: []point.Vector{{Values: []float32{1, -0.5}}}}, `{"id":1,"payload":{"a":1},"vector":[1,-0.5]}`},
		{point.Point{ID: point.Number(2), Vectors: []point.Vector{{Name: `"\é\n`, Values: []float32{}}, {Name: "b", Values: []float32{1e-30}}}}, `{"id":2,"payload":{},"vector":{"\"\\é\\n":[],"b":[1e-30]}}`},
	} {
		got := string(appendRecord(nil, &c.p, everything))
		if got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}
