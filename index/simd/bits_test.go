package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// bitKind is a kind of rows that a query of bits is compared with.
type bitKind struct {
	name     string
	rowBytes func(dim int) int
	dims     func(dim int) int // that the query has
	ask      func(b *Bits, base unsafe.Pointer, stride int, ids []uint32, out []float32)
	code     func(row []byte, dim, d int) int
}

var bitKinds = []bitKind{
	{"alone", Code1Bytes, func(dim int) int { return dim }, (*Bits).Distances1, func(row []byte, _, d int) int { return bitOf(row, d) }},
	{"shared", SharedBytes, SharedDims, (*Bits).DistancesShared, func(row []byte, dim, d int) int {
		half := SharedDims(dim) / 2
		code := 3 * bitOf(row, d)
		if bitOf(row, d) == bitOf(row, 2*half+d%half) {
			code++
		}
		return code
	}},
}

// Every kernel cuts a query as the scalar one does, and writes nothing beside it.
func TestCutIntoPlanes(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(25, 26))
		for dims := range 200 {
			for planes := 2; planes <= MaxPlanes; planes++ {
				query := make([]int16, dims+9)[rng.IntN(9):][:dims]
				for d := range query {
					query[d] = int16(rng.UintN(1 << 16)) // more than fits: the lower bits count
				}
				size := (dims + bitWord - 1) / bitWord * planes
				memory := make([]uint64, size+8)
				memory[size] = 77
				b := Bits{words: memory[:0]}
				b.SetQuery(query, planes)
				want := Bits{planes: planes, words: make([]uint64, size)}
				want.cutScalar(query, 0)
				if !slices.Equal(b.words, want.words) || memory[size] != 77 {
					t.Fatalf("%d dims, %d planes: %x, want %x", dims, planes, b.words, want.words)
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
				for i := range bitKinds {
					testBits(t, rng, &bitKinds[i], dim, planes)
				}
			}
		}
	})
}

func testBits(t *testing.T, rng *rand.Rand, kind *bitKind, dim, planes int) {
	t.Helper()
	const rows = 13
	query := make([]int16, kind.dims(dim))
	least := -1 << (planes - 1)
	for d := range query {
		query[d] = int16(least + rng.IntN(-2*least))
	}
	b := Bits{Add: float32(rng.NormFloat64()), Mul: rng.Float32(), Bias: float32(rng.NormFloat64())}
	b.SetQuery(query, planes)
	stride := kind.rowBytes(dim) + rng.IntN(9)
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
		kind.ask(&b, unsafe.Pointer(&data[0]), stride, ids, out[:length])
		for i, id := range ids {
			sum, row := 0, data[int(id)*stride:]
			for d, q := range query {
				sum += int(q) * kind.code(row, dim, d)
			}
			if want := wantBits(&b, sum, row); math.Float32bits(out[i]) != math.Float32bits(want) {
				t.Fatalf("%s, %d dims, %d planes, %d of %d: %v, want %v", kind.name, dim, planes, i, length, out[i], want)
			}
		}
		for i, f := range out[length:] {
			if !isCanary(f) {
				t.Fatalf("%s: %d behind out was written", kind.name, i)
			}
		}
	}
}

func wantBits(b *Bits, sum int, row []byte) float32 {
	add, mul := *(*float32)(unsafe.Pointer(&row[0])), *(*float32)(unsafe.Pointer(&row[4]))
	inner := float32(b.Mul*float32(sum)) + b.Bias
	return float32(b.Add+add) + float32(mul*inner)
}

// A query set again, of other planes and lengths, leaves nothing behind.
func TestBitsAreSetAgain(t *testing.T) {
	var b Bits
	var row [CodeHead + 16]byte
	for i := range row[CodeHead:] {
		row[CodeHead+i] = 255
	}
	*(*float32)(unsafe.Pointer(&row[4])) = 1
	b.Mul = 1
	for _, c := range []struct{ dim, planes, value int }{{128, 8, -128}, {64, 4, 7}, {100, 2, -2}, {3, 8, 127}} {
		query := make([]int16, c.dim)
		for d := range query {
			query[d] = int16(c.value)
		}
		b.SetQuery(query, c.planes)
		var out [1]float32
		b.Distances1(unsafe.Pointer(&row), len(row), []uint32{0}, out[:])
		if want := float32(c.dim * c.value); out[0] != want {
			t.Errorf("%+v: %v, want %v", c, out[0], want)
		}
	}
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
		query := make([]int16, SharedDims(int(dim)))
		for d := range query[:dim] {
			query[d] = int16(int8(data[512+d]))
		}
		alone, shared := Bits{Add: 1, Mul: 0.5, Bias: -3}, Bits{Add: 2, Mul: 0.25, Bias: 3}
		alone.SetQuery(query[:dim], 2+int(planes%9))
		shared.SetQuery(query, 2+int(planes%9))
		m := int(dim % 33)
		var wantBits [10]float32
		var wantScan [64]uint16
		for i, v := range all {
			v.use()
			var bits [10]float32
			var scan [64]uint16
			alone.Distances1(unsafe.Pointer(&data[0]), Code1Bytes(int(dim)), []uint32{1, 0, 2, 1, 1}, bits[:5])
			shared.DistancesShared(unsafe.Pointer(&data[0]), SharedBytes(int(dim)), []uint32{0, 2, 1, 1, 2}, bits[5:])
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
