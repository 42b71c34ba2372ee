package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// codeKind is one width of codes.
type codeKind struct {
	bits     int
	rowBytes func(dim int) int
	head     func(dim int) int
	ask      func(c *Codes, base unsafe.Pointer, stride int, ids []uint32, out []float32)
}

var codeKinds = []codeKind{
	{8, Code8Bytes, Code8Head, (*Codes).Distances8},
	{4, Code4Bytes, Code4Head, (*Codes).Distances4},
}

// code is what a row has for a dimension, read by the text of its format.
func (k codeKind) code(row []byte, d int) int64 {
	if k.bits == 8 {
		return int64(row[d])
	}
	b := row[d/32*16+d%16]
	if d%32 >= 16 {
		return int64(b >> 4)
	}
	return int64(b & 15)
}

// want is the distance to a row; float32 sums of the sizes tested are exact to
// one rounding each.
func (k codeKind) want(c *Codes, row []byte) float32 {
	var sum int64
	for d, q := range c.Query {
		sum += int64(q) * k.code(row, d)
	}
	add, mul := k.headOf(row, c.Head)
	inner := float32(c.Mul*float32(sum)) + c.Bias
	return float32(c.Add+add) + float32(mul*inner)
}

// headOf is add and mul of a row, read by the text of its format.
func (k codeKind) headOf(row []byte, head int) (add, mul float32) {
	if head != InCodes {
		return *(*float32)(unsafe.Pointer(&row[head])), *(*float32)(unsafe.Pointer(&row[head+4]))
	}
	both := k.parities(row)
	return math.Float32frombits(both << 16), math.Float32frombits(both >> 16 << 16)
}

// parities are those that a head in the codes is made of.
func (k codeKind) parities(row []byte) (both uint32) {
	for i := range 32 {
		for _, b := range []byte{row[i], row[i+32]} {
			both ^= uint32(b&1^b>>4&1) << i
		}
	}
	return both
}

// fill makes a row of a draw of codes: any, or the greatest.
func (k codeKind) fill(rng *rand.Rand, row []byte, head int, full bool) {
	for i := range row {
		row[i] = byte(rng.UintN(256))
		if full {
			row[i] = 255
		}
		if k.bits == 8 {
			row[i] &= 127
		}
	}
	add, mul := float32(rng.NormFloat64()), float32(rng.NormFloat64())
	if head != InCodes {
		*(*float32)(unsafe.Pointer(&row[head])), *(*float32)(unsafe.Pointer(&row[head+4])) = add, mul
		return
	}
	wrong := k.parities(row) ^ (math.Float32bits(add)>>16 | math.Float32bits(mul)>>16<<16)
	for i := range 32 {
		row[i] ^= byte(wrong >> i & 1)
	}
}

func codeQuery(rng *rand.Rand, dim int, full bool) *Codes {
	c := &Codes{Query: make([]int8, CodeDims(dim)), Add: float32(rng.NormFloat64()), Mul: rng.Float32(), Bias: float32(rng.NormFloat64())}
	sign := int8(1 - 2*rng.IntN(2))
	for d := range dim {
		c.Query[d] = int8(rng.IntN(255) - 127)
		if full {
			c.Query[d] = 127 * sign
		}
	}
	return c
}

// Every length, alignment and length of list: each distance is the reference's to
// the bit, wherever its row stands, and nothing behind out is written. Codes and
// queries of the greatest values show what would overflow.
func TestCodes(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(11, 12))
		for _, k := range codeKinds {
			for dims := 32; dims <= 544; dims += 32 {
				for _, left := range []int{0, 31, 20, 12, 5} { // some leave room for the head
					testCodes(t, rng, k, dims-left, rng.IntN(2) == 0)
				}
			}
			testCodes(t, rng, k, 800, true)
			testCodes(t, rng, k, 1<<16, true)
		}
	})
}

func testCodes(t *testing.T, rng *rand.Rand, k codeKind, dim int, full bool) {
	t.Helper()
	const rows = 23
	stride := k.rowBytes(dim) + 4*rng.IntN(4)
	offset := rng.IntN(64)
	data := make([]byte, rows*stride+64)[offset:]
	for i := range rows {
		k.fill(rng, data[i*stride:][:k.rowBytes(dim)], k.head(dim), full)
	}
	c := codeQuery(rng, dim, full)
	c.Head = k.head(dim)
	for length := range 2*rows + 1 {
		if dim > 1000 && length%11 != 0 {
			continue
		}
		ids := make([]uint32, length)
		for i := range ids {
			ids[i] = uint32(rng.IntN(rows))
		}
		if err := k.check(c, data, stride, ids); err != nil {
			t.Fatalf("%d bits, %d dims: %v", k.bits, dim, err)
		}
	}
}

func (k codeKind) check(c *Codes, data []byte, stride int, ids []uint32) error {
	out := make([]float32, len(ids)+8)
	for i := range out {
		out[i] = canary
	}
	k.ask(c, unsafe.Pointer(&data[0]), stride, ids, out[:len(ids)])
	for i, id := range ids {
		if want := k.want(c, data[int(id)*stride:]); math.Float32bits(out[i]) != math.Float32bits(want) {
			return fmt.Errorf("%d of %d: %v, want %v", i, len(ids), out[i], want)
		}
	}
	for i, f := range out[len(ids):] {
		if !isCanary(f) {
			return fmt.Errorf("out[%d] of %d was written", len(ids)+i, len(ids))
		}
	}
	return nil
}

// FuzzCodes compares every set of kernels with the scalar one on arbitrary bits,
// floats that are no numbers included.
func FuzzCodes(f *testing.F) {
	f.Add([]byte("sixteen dimensions have no codes, thirty-two have: these"), uint8(3), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, skip, blocks uint8) {
		all := variants()
		defer all[len(all)-1].use()
		dims := 32 * int(blocks%20)
		for _, k := range codeKinds {
			dim := max(dims-int(skip)/64*10, 0) // of a part, the head lies in the codes' room
			stride := k.rowBytes(dim)
			data := make([]byte, 3*stride+64)[skip%64:]
			copy(data, raw)
			for i := range data {
				if at := i % stride; at < dim && k.bits == 8 {
					data[i] &= 127
				}
			}
			c := &Codes{Query: make([]int8, CodeDims(dim)), Head: k.head(dim), Add: 1, Mul: 0.5, Bias: -3}
			for d := range dim {
				if len(raw) > 0 {
					c.Query[d] = max(int8(raw[(d*7+1)%len(raw)]), -127)
				}
			}
			var want [5]float32
			for i, v := range all {
				v.use()
				var got [5]float32
				k.ask(c, unsafe.Pointer(&data[0]), stride, []uint32{1, 0, 2, 1, 1}, got[:])
				if i == 0 {
					want = got
				}
				for j := range got {
					if !same(got[j], want[j]) {
						t.Errorf("%s, %d bits, %d dims: %v, scalar %v", v.name, k.bits, dim, got, want)
					}
				}
			}
		}
	})
}

func TestCodesEscapeNothing(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, k := range codeKinds {
			var row [8 + 64]byte
			if n := testing.AllocsPerRun(100, func() {
				var query [64]int8
				var out [4]float32
				var ids [4]uint32
				c := Codes{Query: query[:], Head: 64}
				if k.bits == 8 {
					c.Distances8(unsafe.Pointer(&row), len(row), ids[:], out[:])
				} else {
					c.Distances4(unsafe.Pointer(&row), len(row), ids[:], out[:])
				}
			}); n != 0 {
				t.Errorf("%d bits: %v allocations", k.bits, n)
			}
		}
	})
}

// Each length from 1 on, at every alignment: the kernels add in one order, so the
// bits are equal; infinities and what is no number go where they belong.
func TestHadamard(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(13, 14))
		for n := 1; n <= 1<<13; n *= 2 {
			for offset := range 9 {
				v := random(rng, n)
				if offset == 8 {
					v[rng.IntN(n)] = float32(math.Inf(1))
				}
				want := append([]float32(nil), v...)
				hadamardScalar(want)
				got := place(append(v, canary), offset)
				Hadamard(got[:n])
				for i := range want {
					if !same(got[i], want[i]) {
						t.Fatalf("%d of %d floats, offset %d: %v, want %v", i, n, offset, got[i], want[i])
					}
				}
				if !isCanary(got[n]) {
					t.Fatalf("%d floats: the one behind them was written", n)
				}
			}
		}
	})
}

// Turn is Multiply and then Hadamard, bit for bit, at every alignment.
func TestTurn(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(17, 18))
		for n := 1; n <= 1<<12; n *= 2 {
			for offset := range 8 {
				v, by := random(rng, n), random(rng, n)
				want := append([]float32(nil), v...)
				multiplyScalar(want, by)
				hadamardScalar(want)
				got := place(append(v, canary), offset)
				Turn(got[:n], place(by, offset/2))
				for i := range want {
					if !same(got[i], want[i]) {
						t.Fatalf("%d of %d floats, offset %d: %v, want %v", i, n, offset, got[i], want[i])
					}
				}
				if !isCanary(got[n]) {
					t.Fatalf("%d floats: the one behind them was written", n)
				}
			}
		}
	})
}

// A transform twice is the vector, len(v) times.
func TestHadamardIsItsOwnInverse(t *testing.T) {
	each(t, func(t *testing.T) {
		for n := 1; n <= 1024; n *= 2 {
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(i%7 - 3)
			}
			Hadamard(v)
			Hadamard(v)
			for i := range v {
				if v[i] != float32(n*(i%7-3)) {
					t.Fatalf("%d of %d: %v", i, n, v[i])
				}
			}
		}
	})
}

// Each length at every alignment: a product rounds once, so the bits are equal.
func TestMultiply(t *testing.T) {
	each(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(15, 16))
		for n := range 70 {
			for offset := range 8 {
				v, by := random(rng, n), random(rng, n)
				got, other := place(append(append([]float32(nil), v...), canary), offset), place(by, offset/2)
				Multiply(got[:n], other)
				multiplyScalar(v, by)
				for i := range v {
					if !same(got[i], v[i]) {
						t.Fatalf("%d of %d floats, offset %d: %v, want %v", i, n, offset, got[i], v[i])
					}
				}
				if !isCanary(got[n]) {
					t.Fatalf("%d floats: the one behind them was written", n)
				}
			}
		}
	})
}
