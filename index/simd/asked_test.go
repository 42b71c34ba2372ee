package simd

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAsked: every kernel set makes a query ready as the scalar kernels do, bit for
// bit, and writes nothing beside it.
func TestAsked(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 4))
	for n := range 200 {
		v, by := make([]float32, n), make([]float32, n)
		for i := range v {
			v[i], by[i] = float32(random.NormFloat64()), float32(random.NormFloat64())
		}
		testAsked(t, v, by)
	}
}

func FuzzAsked(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint16(40))
	f.Add([]byte{0, 0, 0, 128, 255, 255, 127, 127}, uint16(784))
	f.Fuzz(func(t *testing.T, raw []byte, n uint16) {
		v, by := make([]float32, n%1024), make([]float32, n%1024)
		for i := range v {
			if len(raw) >= 4 {
				v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[i%(len(raw)-3):]))
			}
			if by[i] = float32(i) - 3; !(v[i] > -1e18 && v[i] < 1e18) {
				v[i] = 0 // vectors are finite, and so are their products
			}
		}
		testAsked(t, v, by)
	})
}

func testAsked(t *testing.T, v, by []float32) {
	n := len(v)
	most := math.Float32frombits(largestScalar(v))
	inverse := float32(0)
	if most > 1e-30 {
		inverse = 127 / most
	}
	const guard = 99
	less, wantLess := slices.Repeat([]float32{guard}, n+9), make([]float32, n)
	lessScalar(wantLess, v, by)
	narrow, wantNarrow := slices.Repeat([]int8{guard}, n+33), make([]int8, n)
	wantSum := narrowScalar(wantNarrow, v, inverse)
	size := n / 4 * FastScanTable
	tables, wantTables := slices.Repeat([]uint8{guard}, size+33), make([]uint8, size)
	widest := float32(0)
	for at := 0; at+4 <= n; at += 4 {
		four := v[at : at+4]
		widest = max(widest, (max(four[0], -four[0])+max(four[1], -four[1]))+(max(four[2], -four[2])+max(four[3], -four[3])))
	}
	step := float32(0)
	if widest > 1e-30 {
		step = 255 / widest
	}
	signTablesScalar(wantTables, v, step)
	fours := v[:n&^3]
	_, wantWhole := foursScalar(fours)
	each(t, func(t *testing.T) {
		if most, whole := Fours(fours); most != widest || !closeTo(whole, wantWhole) {
			t.Errorf("fours of %d: %v and %v, want %v and %v", n, most, whole, widest, wantWhole)
		}
		if got := Largest(v); got != most {
			t.Errorf("the largest of %d is %v, want %v", n, got, most)
		}
		Less(less[:n], v, by)
		if !slices.Equal(less[:n], wantLess) || less[n] != guard {
			t.Errorf("differences of %d numbers", n)
		}
		if sum := Narrow(narrow, v, inverse); sum != wantSum || !slices.Equal(narrow[:n], wantNarrow) || narrow[n] != guard {
			t.Errorf("%d numbers as bytes", n)
		}
		SignTables(tables[:size], v, step)
		if !slices.Equal(tables[:size], wantTables) || tables[size] != guard {
			t.Errorf("tables of %d dimensions", n)
		}
	})
}

// The entries are the sums that they stand for, to half a step.
func TestSignTablesAreSumsOfMagnitudes(t *testing.T) {
	y := []float32{3, -1, 0.5, -20, 7, 7, -7, 100}
	tables := make([]uint8, 2*FastScanTable)
	SignTables(tables, y, 2)
	for i, got := range tables {
		want := 0.0
		for j, f := range y[i/16*4:][:4] {
			if has := i>>j&1 == 1; has == (f > 0) {
				want += 2 * math.Abs(float64(f))
			}
		}
		if math.Abs(float64(got)-want) > 0.5 {
			t.Errorf("entry %d is %d, want %v", i, got, want)
		}
	}
}
