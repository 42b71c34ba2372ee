package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"pgregory.net/rapid"
)

var metrics = []index.Metric{index.Dot, index.Cosine, index.Euclid, index.Manhattan}

// dims are all short lengths, where every tail occurs, and common long ones.
func dims() []int {
	var list []int
	for d := range 131 {
		list = append(list, d)
	}
	return append(list, 768, 784, 960, 1536)
}

// exact is the distance in float64, and the sum of the terms' magnitudes.
func exact(m index.Metric, a, b []float32) (dist, magnitude float64) {
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		term := -x * y
		switch m {
		case index.Euclid:
			term = (x - y) * (x - y)
		case index.Manhattan:
			term = math.Abs(x - y)
		}
		dist += term
		magnitude += math.Abs(term)
	}
	return dist, magnitude
}

// near allows n·ε·Σ|terms|, the bound of summing in any order; the two more
// are the roundings inside a term.
func near(m index.Metric, a, b []float32, got float32) error {
	want, magnitude := exact(m, a, b)
	const eps, least = 1.0 / (1 << 23), 1e-44
	if bound := float64(len(a)+2) * (eps*magnitude + least); !(math.Abs(float64(got)-want) <= bound) {
		return fmt.Errorf("%v of %d dims: %v, want %v ± %v", m, len(a), got, want, bound)
	}
	return nil
}

// same compares results that may be infinite or no number.
func same(a, b float32) bool { return a == b || (a != a && b != b) }

// place copies v to an address that is offset floats behind a cache line.
func place(v []float32, offset int) []float32 {
	buf := make([]float32, len(v)+32)
	skip := int(-uintptr(unsafe.Pointer(&buf[0]))%64/4) + offset
	out := buf[skip : skip+len(v) : skip+len(v)]
	copy(out, v)
	return out
}

func random(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func TestPairs(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, dim := range dims() {
			for offset := range 16 {
				a, b := place(random(rng, dim), offset), place(random(rng, dim), (offset*7+3)%16)
				for _, m := range metrics {
					if err := near(m, a, b, Distance(m, a, b)); err != nil {
						t.Fatalf("offset %d: %v", offset, err)
					}
				}
			}
		}
	})
}

// canary is a value that no distance has.
var canary = math.Float32frombits(0x7fc0dead)

func isCanary(f float32) bool { return math.Float32bits(f) == math.Float32bits(canary) }

// Every list length around the group size, repeated and unordered ids; each
// result has the bits of the pair kernel and nothing behind it is written.
func TestRows(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, dim := range dims() {
			const n = 11
			pad := rng.IntN(3)
			data := place(random(rng, n*(dim+pad)+1), rng.IntN(16))
			query := place(random(rng, dim), rng.IntN(16))
			for length := range n {
				ids := make([]uint32, length)
				for i := range ids {
					ids[i] = uint32(rng.IntN(n))
				}
				for _, m := range metrics {
					checkList(t, m, query, data, dim+pad, ids)
				}
			}
		}
	})
}

func checkList(t *testing.T, m index.Metric, query, data []float32, width int, ids []uint32) {
	t.Helper()
	out := make([]float32, len(ids)+8)
	for i := range out {
		out[i] = canary
	}
	Distances(m, query, unsafe.Pointer(&data[0]), 4*width, ids, out)
	for i, id := range ids {
		row := data[int(id)*width:][:len(query)]
		if err := near(m, query, row, out[i]); err != nil {
			t.Fatalf("%d of %d: %v", i, len(ids), err)
		}
		if pair := Distance(m, query, row); pair != out[i] {
			t.Fatalf("%v of %d dims, %d of %d: %v in the list, %v alone", m, len(query), i, len(ids), out[i], pair)
		}
	}
	for i, f := range out[len(ids):] {
		if !isCanary(f) {
			t.Fatalf("%v of %d dims: out[%d] of %d was written", m, len(query), len(ids)+i, len(ids))
		}
	}
}

// Exact integers leave no room for rounding, so all kernels agree to the bit.
func TestIntegersAreExact(t *testing.T) {
	each(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			dim := rapid.IntRange(0, 200).Draw(t, "dim")
			values := rapid.SliceOfN(rapid.IntRange(-50, 50), dim, dim)
			a, b := floats(values.Draw(t, "a")), floats(values.Draw(t, "b"))
			for _, m := range metrics {
				want, _ := exact(m, a, b)
				if got := Distance(m, a, b); float64(got) != want {
					t.Fatalf("%v: %v, want %v", m, got, want)
				}
			}
		})
	})
}

func floats(v []int) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// A special value anywhere, the masked tail included, has the effect it has in
// plain arithmetic; what lies behind the vectors has none.
func TestSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	const tiny, huge = math.SmallestNonzeroFloat32, math.MaxFloat32
	specials := []float32{inf, -inf, nan, tiny, -tiny, 1e-39, huge, -huge, 0}
	each(t, func(t *testing.T) {
		for _, dim := range []int{1, 7, 8, 15, 16, 17, 31, 33, 70, 100} {
			for at := range dim {
				for _, special := range specials {
					data := make([]float32, dim+40)
					for i := range data {
						data[i] = nan
					}
					query, row := make([]float32, dim), data[:dim]
					for i := range row {
						query[i], row[i] = 1, 1
					}
					row[at] = special
					checkSpecial(t, query, row)
				}
			}
		}
	})
}

func checkSpecial(t *testing.T, query, row []float32) {
	t.Helper()
	for _, m := range metrics {
		var want float32
		switch m {
		case index.Euclid:
			want = l2Scalar(query, row)
		case index.Manhattan:
			want = l1Scalar(query, row)
		default:
			want = -dotScalar(query, row)
		}
		pair := Distance(m, query, row)
		out := []float32{0}
		Distances(m, query, unsafe.Pointer(&row[0]), 4*len(row), []uint32{0}, out)
		if !same(pair, out[0]) {
			t.Fatalf("%v of %v: alone %v, in a list %v", m, row, pair, out[0])
		}
		if finite(want) {
			if err := near(m, query, row, pair); err != nil {
				t.Fatal(err)
			}
		} else if !same(pair, want) {
			t.Fatalf("%v of %v: %v, want %v", m, row, pair, want)
		}
	}
}

func finite(f float32) bool { return f-f == 0 }

func TestShortOutPanics(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, m := range metrics {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v: two distances into one place", m)
					}
				}()
				row := []float32{1, 2}
				Distances(m, row, unsafe.Pointer(&row[0]), 8, []uint32{0, 0}, make([]float32, 1))
			}()
		}
	})
}

func TestShortPartnerPanics(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, m := range metrics {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v: two floats against one", m)
					}
				}()
				b := []float32{1, 2}
				Distance(m, []float32{1, 2}, b[:1:1])
			}()
		}
	})
}

// Slices on the caller's stack stay there.
func TestNothingEscapes(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, m := range metrics {
			if n := testing.AllocsPerRun(100, func() {
				var query, out [64]float32
				var ids [64]uint32
				Distances(m, query[:], unsafe.Pointer(&query), 256, ids[:], out[:])
				out[0] = Distance(m, query[:], out[:])
			}); n != 0 {
				t.Errorf("%v: %v allocations", m, n)
			}
		}
	})
}

// FuzzPairs compares every kernel with float64 on arbitrary bits.
func FuzzPairs(f *testing.F) {
	f.Add([]byte("\x00\x00\x80\x3f\x00\x00\x00\x40 and other bytes of floats"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := len(raw) / 8
		a, b := make([]float32, n), make([]float32, n)
		for i := range n {
			a[i], b[i] = float(raw[8*i:]), float(raw[8*i+4:])
		}
		for _, v := range variants() {
			v.use()
			for _, m := range metrics {
				got := Distance(m, a, b)
				if !finite(got) || !finite(float32(magnitude(m, a, b))) {
					continue // overflow depends on the order of additions
				}
				if err := near(m, a, b, got); err != nil {
					t.Errorf("%s: %v", v.name, err)
				}
			}
		}
	})
}

func magnitude(m index.Metric, a, b []float32) float64 {
	_, sum := exact(m, a, b)
	return sum
}

func float(b []byte) float32 {
	return math.Float32frombits(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
}
