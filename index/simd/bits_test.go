package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// bitForms are the forms of rows that a query of bits is compared with, and the
// code of dimension d.
var bitForms = []struct {
	name string
	form BitForm
	code func(row []byte, dim, d int) int
}{
	{"alone", Alone, func(row []byte, _, d int) int { return bitOf(row, d) }},
	{"shared", Shared, func(row []byte, dim, d int) int {
		half := bitWord * Shared.Words(dim) / 2
		code := 3 * bitOf(row, d)
		if bitOf(row, d) == bitOf(row, 2*half+d%half) {
			code++
		}
		return code
	}},
	{"paired", Paired, func(row []byte, dim, d int) int {
		return 2*bitOf(row, d) + bitOf(row, bitWord*Paired.Words(dim)+d)
	}},
}

// Every kernel cuts a query as the scalar one does, and writes nothing beside it.
func TestCutIntoPlanes(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(25, 26))
		for words := range 20 {
			for planes := 1; planes <= 16; planes++ {
				query := make([]int16, words*bitWord+9)[rng.IntN(9):][:words*bitWord]
				for d := range query {
					query[d] = int16(rng.UintN(1 << 16)) // more than fits: the lower bits count
				}
				got, want := slices.Repeat([]uint64{77}, words*planes+8), make([]uint64, words*planes)
				cutPlanes(got[:words*planes], query, planes)
				for d, q := range query {
					for p := range planes {
						want[p*words+d/64] |= uint64(q>>(planes-1-p)&1) << (d % 64)
					}
				}
				if !slices.Equal(got[:words*planes], want) || got[words*planes] != 77 {
					t.Fatalf("%d words, %d planes: %x, want %x", words, planes, got, want)
				}
			}
		}
	})
}

func bitOf(row []byte, d int) int { return int(row[CodeHead+d/8] >> (d % 8) & 1) }

// Every length, alignment, number of planes and length of list: each distance is
// to the bit what the format says, and nothing behind out is written.
func TestBits(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(21, 22))
		for dim := 0; dim <= 1300; dim += 1 + rng.IntN(40) {
			for planes := 2; planes <= MaxPlanes; planes += 1 + rng.IntN(3) {
				for i := range bitForms {
					testBits(t, rng, i, dim, planes)
				}
			}
		}
	})
}

func testBits(t *testing.T, rng *rand.Rand, which, dim, planes int) {
	t.Helper()
	const rows = 13
	form := bitForms[which].form
	query := make([]int8, dim)
	least := -1 << (planes - 1)
	for d := range query {
		query[d] = int8(least + rng.IntN(-2*least))
	}
	b := Bits{Add: float32(rng.NormFloat64()), Mul: rng.Float32(), Bias: float32(rng.NormFloat64())}
	b.SetQuery(form, query, planes)
	stride := form.RowBytes(dim) + rng.IntN(9)
	data := make([]byte, rows*stride+64)[rng.IntN(64):]
	for i := range data {
		data[i] = byte(rng.UintN(256))
	}
	for i := range rows {
		*(*float32)(unsafe.Pointer(&data[i*stride])) = float32(i)
		*(*float32)(unsafe.Pointer(&data[i*stride+4])) = float32(rng.NormFloat64())
	}
	for length := range 2 * rows {
		ids, out := make([]uint32, length), make([]float32, length+4)
		for i := range ids {
			ids[i] = uint32(rng.IntN(rows))
		}
		for i := range out {
			out[i] = canary
		}
		b.Distances1(unsafe.Pointer(&data[0]), stride, ids, out[:length])
		for i, id := range ids {
			sum, row := 0, data[int(id)*stride:]
			for d, q := range query {
				sum += int(q) * bitForms[which].code(row, dim, d)
			}
			if want := wantBits(&b, sum, row); math.Float32bits(out[i]) != math.Float32bits(want) {
				t.Fatalf("%s, %d dims, %d planes, %d of %d: %v, want %v", bitForms[which].name, dim, planes, i, length, out[i], want)
			}
		}
		for i, f := range out[length:] {
			if !isCanary(f) {
				t.Fatalf("%s: %d behind out was written", bitForms[which].name, i)
			}
		}
	}
}

func wantBits(b *Bits, sum int, row []byte) float32 {
	add, mul := *(*float32)(unsafe.Pointer(&row[0])), *(*float32)(unsafe.Pointer(&row[4]))
	inner := float32(b.Mul*float32(sum)) + b.Bias
	return float32(b.Add+add) + float32(mul*inner)
}

// A query set again, of other planes, lengths and forms, leaves nothing behind.
func TestBitsAreSetAgain(t *testing.T) {
	each(t, func(t *testing.T) {
		var b Bits
		var row [CodeHead + 64]byte
		for i := range row[CodeHead:] {
			row[CodeHead+i] = 255
		}
		*(*float32)(unsafe.Pointer(&row[4])) = 1
		b.Mul = 1
		for _, c := range []struct {
			dim, planes, value int
			form               BitForm
			code               int
		}{
			{128, 8, -128, Alone, 1}, {64, 4, 7, Alone, 1}, {100, 2, -2, Paired, 3}, {3, 8, 127, Shared, 4},
			{3, 8, 127, Alone, 1}, {128, 8, 127, Paired, 3}, {70, 3, 3, Shared, 4}, {0, 4, 0, Alone, 0}, {65, 2, 1, Paired, 3},
		} {
			query := make([]int8, c.dim)
			for d := range query {
				query[d] = int8(c.value)
			}
			b.SetQuery(c.form, query, c.planes)
			var out [1]float32
			b.Distances1(unsafe.Pointer(&row), len(row), []uint32{0}, out[:])
			if want := float32(c.dim * c.value * c.code); out[0] != want {
				t.Errorf("%+v: %v, want %v", c, out[0], want)
			}
		}
	})
}

// Any number of sub-quantisers and blocks, at any alignment: the sums are those
// of the tables, and wrap where they do not fit.
func TestFastScan(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(23, 24))
		for m := range 70 {
			for blocks := range 4 {
				testFastScan(t, rng, m, blocks, false)
			}
		}
		testFastScan(t, rng, 257, 2, true)
		testFastScan(t, rng, 300, 2, true)
	})
}

func testFastScan(t *testing.T, rng *rand.Rand, m, blocks int, full bool) {
	t.Helper()
	luts := make([]uint8, m*FastScanTable+16)[rng.IntN(16):]
	for i := range luts {
		luts[i] = byte(rng.UintN(256))
		if full {
			luts[i] = 255
		}
	}
	data := make([]byte, blocks*FastScanBytes(m)+64)[rng.IntN(64):]
	want := make([]uint16, blocks*FastScanRows)
	for i := range want {
		block := data[i/FastScanRows*FastScanBytes(m):]
		for s := range m {
			PutFastScan(block, s, i%FastScanRows, byte(rng.UintN(16)))
			code := byte(rng.UintN(16))
			PutFastScan(block, s, i%FastScanRows, code) // replaces
			want[i] += uint16(luts[s*FastScanTable+int(code)])
		}
	}
	out := make([]uint16, len(want)+32)
	for i := range out {
		out[i] = 0xbeef
	}
	FastScanBlocks(luts, unsafe.Pointer(&data[0]), m, out[:len(want)])
	for i := range want {
		if out[i] != want[i] {
			t.Fatalf("%d sub-quantisers, vector %d of %d: %d, want %d", m, i, len(want), out[i], want[i])
		}
	}
	for _, beyond := range out[len(want):] {
		if beyond != 0xbeef {
			t.Fatalf("%d sub-quantisers: behind out was written", m)
		}
	}
	var one [FastScanRows]uint16
	for at := range blocks {
		FastScan(luts, unsafe.Pointer(&data[at*FastScanBytes(m)]), m, &one)
		for i, sum := range one {
			if sum != want[at*FastScanRows+i] {
				t.Fatalf("%d sub-quantisers, block %d alone, vector %d: %d", m, at, i, sum)
			}
		}
	}
}

// FuzzBitsAndScans compares every set of kernels with the scalar one.
func FuzzBitsAndScans(f *testing.F) {
	f.Add([]byte("any bytes are codes, tables and a query"), uint8(77), uint8(4), uint8(5))
	f.Fuzz(func(t *testing.T, raw []byte, dim, planes, skip uint8) {
		all := variants()
		defer all[len(all)-1].use()
		data := make([]byte, 2048+64)[skip%64:]
		for i := range data {
			if len(raw) > 0 {
				data[i] = raw[i%len(raw)]
			}
		}
		planes = 2 + planes%(MaxPlanes-1)
		query := make([]int8, dim)
		for d := range query {
			query[d] = int8(data[512+d]) >> (8 - planes)
		}
		m := int(dim % 33)
		var wantBits [15]float32
		var wantScan [64]uint16
		for i, v := range all {
			v.use()
			var bits [15]float32
			var scan [64]uint16
			for at, form := range []BitForm{Alone, Shared, Paired} {
				b := Bits{Add: 1, Mul: 0.5, Bias: -3}
				b.SetQuery(form, query, int(planes))
				b.Distances1(unsafe.Pointer(&data[0]), form.RowBytes(int(dim)), []uint32{1, 0, 2, 1, 1}, bits[5*at:5*at+5])
			}
			FastScanBlocks(data[1024:], unsafe.Pointer(&data[0]), m, scan[:])
			if i == 0 {
				wantBits, wantScan = bits, scan
			}
			for j := range bits {
				if !same(bits[j], wantBits[j]) {
					t.Errorf("%s, %d dims: %v, scalar %v", v.name, dim, bits, wantBits)
				}
			}
			if scan != wantScan {
				t.Errorf("%s, %d sub-quantisers: %v, scalar %v", v.name, m, scan, wantScan)
			}
		}
	})
}
