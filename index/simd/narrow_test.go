package simd

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
)

var narrow = []index.Datatype{index.Float16, index.Bfloat16, index.Uint8}

// values are random vectors that mean the same in all narrow datatypes.
func values(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.IntN(256))
	}
	return v
}

// exactly is the distance in float64; all terms are whole numbers but for Cosine's end.
func exactly(s index.Space, a, b []float32) float64 {
	d, _ := exact(s.Metric, a, b)
	if s.Datatype == index.Uint8 && s.Metric == index.Cosine {
		aa, _ := exact(index.Dot, a, a)
		bb, _ := exact(index.Dot, b, b)
		return d / math.Sqrt(max(aa*bb, 1))
	}
	return d
}

// laid puts rows of a datatype, pad bytes apart, offset elements behind the
// beginning of a cache line.
func laid(d index.Datatype, rows [][]float32, pad, offset int) (data []byte, stride int) {
	stride = (len(rows[0]) + pad) * d.Bytes()
	buf := make([]byte, len(rows)*stride+64*d.Bytes()+64)
	skip := int(-uintptr(unsafe.Pointer(&buf[0]))%64) + offset*d.Bytes()
	for i, r := range rows {
		d.Encode(buf[skip+i*stride:], r)
	}
	return buf[skip:], stride
}

// Every tail, offset and list length: results are those of float64, a row's does
// not depend on its place in the list, and nothing behind out is written.
func TestNarrowRows(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for _, dim := range dims() {
			rows := make([][]float32, 9)
			for i := range rows {
				rows[i] = values(rng, dim)
			}
			query := values(rng, dim)
			for _, d := range narrow {
				data, stride := laid(d, rows, rng.IntN(3), rng.IntN(32))
				for _, m := range metrics {
					q, _ := Encoded(index.Space{Metric: m, Datatype: d}, query, nil)
					for length := range 10 {
						ids := make([]uint32, length)
						for i := range ids {
							ids[i] = uint32(rng.IntN(len(rows)))
						}
						if err := checkNarrow(&q, query, rows, data, stride, ids); err != nil {
							t.Fatalf("%v %v of %d dims: %v", d, m, dim, err)
						}
					}
				}
			}
		}
	})
}

func checkNarrow(q *Query, query []float32, rows [][]float32, data []byte, stride int, ids []uint32) error {
	out := make([]float32, len(ids)+8)
	for i := range out {
		out[i] = canary
	}
	q.Distances(unsafe.Pointer(&data[0]), stride, ids, out)
	for i, id := range ids {
		want := exactly(q.space, query, rows[id])
		bound := math.Abs(want) * 1e-6
		if q.space.Datatype != index.Uint8 {
			_, magnitude := exact(q.space.Metric, query, rows[id])
			bound = float64(len(query)+2) * magnitude / (1 << 23)
		} else if q.space.Metric != index.Cosine {
			bound = 0
			want = float64(float32(want))
		}
		if !(math.Abs(float64(out[i])-want) <= bound) {
			return fmt.Errorf("%d of %d: %v, want %v ± %v", i, len(ids), out[i], want, bound)
		}
		var alone [1]float32
		if q.Distances(unsafe.Pointer(&data[0]), stride, ids[i:i+1], alone[:]); alone[0] != out[i] {
			return fmt.Errorf("%d of %d: %v in the list, %v alone", i, len(ids), out[i], alone[0])
		}
	}
	for i, f := range out[len(ids):] {
		if !isCanary(f) {
			return fmt.Errorf("out[%d] of %d was written", len(ids)+i, len(ids))
		}
	}
	return nil
}

// The longest vectors of the largest values just fit.
func TestBytesDoNotOverflow(t *testing.T) {
	each(t, func(t *testing.T) {
		const dim = 1 << 16
		full, zero := make([]float32, dim), make([]float32, dim)
		for i := range full {
			full[i] = 255
		}
		data, stride := laid(index.Uint8, [][]float32{full, zero}, 0, 1)
		for m, want := range map[index.Metric][2]float32{
			index.Dot: {-dim * 255 * 255, 0}, index.Cosine: {-1, 0}, index.Euclid: {0, dim * 255 * 255}, index.Manhattan: {0, dim * 255},
		} {
			q, _ := Encoded(index.Space{Metric: m, Datatype: index.Uint8}, full, nil)
			var out [2]float32
			if q.Distances(unsafe.Pointer(&data[0]), stride, []uint32{0, 1}, out[:]); out != want {
				t.Errorf("%v: %v, want %v", m, out, want)
			}
		}
	})
}

// A cosine with a zero vector is 0, as the contract's engine has it; a vector's
// with itself is 1 to the bit.
func TestCosineOfBytes(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 1))
		s := index.Space{Metric: index.Cosine, Datatype: index.Uint8}
		for dim := 1; dim < 100; dim++ {
			v := values(rng, dim)
			v[0] = 1
			data, stride := laid(index.Uint8, [][]float32{v, make([]float32, dim)}, 0, 0)
			for i, want := range [][2]float32{{-1, 0}, {0, 0}} {
				q := Row(s, data[i*stride:][:stride])
				var out [2]float32
				if q.Distances(unsafe.Pointer(&data[0]), stride, []uint32{0, 1}, out[:]); out != want {
					t.Fatalf("%d dims: %v, want %v", dim, out, want)
				}
			}
		}
	})
}

// FuzzNarrow compares every set of kernels with the scalar one on arbitrary bits.
func FuzzNarrow(f *testing.F) {
	f.Add([]byte("\x00\x3c\x00\x40 and other bytes of halves"), uint8(3))
	f.Add(append(bytes.Repeat([]byte("\xf0\xf0"), 600), bytes.Repeat([]byte("\xf0\xf0\xb4\x70"), 300)...), uint8(0)) // overflows
	f.Fuzz(func(t *testing.T, raw []byte, skip uint8) {
		all := variants()
		defer all[len(all)-1].use()
		for _, d := range narrow {
			data := place(make([]float32, len(raw)/4+9), int(skip%16))
			mem := unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), 4*len(data))
			at := mem[int(skip%4)*d.Bytes():]
			stride := len(raw) / 2 / d.Bytes() * d.Bytes()
			copy(at, raw[:2*stride])
			for _, m := range metrics {
				var want [3]float32
				for i, v := range all {
					v.use()
					q := Row(index.Space{Metric: m, Datatype: d}, at[:stride])
					var got [3]float32
					q.Distances(unsafe.Pointer(&at[0]), stride, []uint32{1, 0, 1}, got[:])
					if i == 0 {
						want = got
					}
					for j := range got {
						a, b := at[:stride], at[stride:2*stride]
						if j == 1 {
							b = a
						}
						if !close16(d, m, a, b, got[j], want[j]) {
							t.Errorf("%s %v %v: %v, scalar %v", v.name, d, m, got, want)
						}
					}
				}
			}
		}
	})
}

// close16 compares two sums: bytes are exact, halves differ by rounding, and
// where a term is no number or infinite, each is what it is. Where the others
// overflow, that depends on the order of additions.
func close16(d index.Datatype, m index.Metric, a, b []byte, got, want float32) bool {
	if same(got, want) {
		return true
	}
	if d == index.Uint8 {
		return false
	}
	x, y := make([]float32, len(a)/2), make([]float32, len(a)/2)
	d.Decode(x, a)
	d.Decode(y, b)
	for i := range x {
		if !finite(x[i]) || !finite(y[i]) {
			x[i], y[i] = 0, 0
		}
	}
	_, magnitude := exact(m, x, y)
	if magnitude > math.MaxFloat32 {
		return true
	}
	return math.Abs(float64(got)-float64(want)) <= 2*float64(len(x)+2)*(magnitude/(1<<23)+1e-44)
}

func TestNarrowEscapesNothing(t *testing.T) {
	each(t, func(t *testing.T) {
		if Level() == "scalar" || Level() == "neon" {
			t.Skip("the reference for float16 makes room for what it widens")
		}
		for _, d := range narrow {
			for _, m := range metrics {
				var row [64]byte
				if n := testing.AllocsPerRun(100, func() {
					var out [4]float32
					var ids [4]uint32
					q := Row(index.Space{Metric: m, Datatype: d}, row[:])
					q.Distances(unsafe.Pointer(&row), 64, ids[:], out[:])
				}); n != 0 {
					t.Errorf("%v %v: %v allocations", d, m, n)
				}
			}
		}
	})
}
