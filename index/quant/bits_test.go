package quant

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// valueOf is what dimension d of a row of bits stands for, read as docs/formats.md
// has it.
func valueOf(b *Bits, row []byte, d int) float64 {
	bit := func(plane []byte, d int) bool { return plane[d/8]>>(d%8)&1 == 1 }
	signs, sizes := row[simd.CodeHead:], row[simd.CodeHead+8*b.words():]
	value, large := -1.0, false
	positive := bit(signs, d)
	if positive {
		value = 1
	}
	switch b.depth {
	case OneAndHalf:
		if large = bit(sizes, d%(32*b.words())); large {
			value *= 2
		}
	case Two:
		if large = bit(sizes, d) == positive; large {
			value *= 3
		}
	}
	return value
}

// For every depth, query encoding and metric, at every kind of length: a distance is
// that of the format, and of the query in the steps that its bits allow.
func TestBitsAreTheirFormat(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, depth := range []Depth{One, OneAndHalf, Two} {
		for _, query := range []int{1, 4, 8} {
			for _, metric := range []index.Metric{index.Cosine, index.Dot, index.Euclid} {
				for _, dim := range []int{1, 2, 63, 64, 65, 100, 128, 129, 200, 256, 300, 784} {
					b := NewBits(BitsOptions{Metric: metric, Depth: depth, Query: query, Seed: 9}, random(rng, dim))
					testFormat(t, b, rng)
				}
			}
		}
	}
}

func random(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func testFormat(t *testing.T, b *Bits, rng *rand.Rand) {
	t.Helper()
	const count = 6
	rows, ids, out := make([]byte, count*b.RowBytes()), make([]uint32, count), make([]float32, count)
	var s Scratch
	for i := range count {
		ids[i] = uint32(i)
		b.Encode(rows[i*b.RowBytes():], random(rng, b.dim()), &s)
	}
	v := random(rng, b.dim())
	var q Query
	b.Ask(v, &q)
	q.Distances(unsafe.Pointer(&rows[0]), b.RowBytes(), ids, out)

	x := make([]float32, b.dim())
	norm := b.centred(x, v)
	steps, step := stepsOf(b.query, x)
	for i, got := range out {
		row := rows[i*b.RowBytes():]
		product := 0.0
		for d, n := range steps {
			product += n * step * valueOf(b, row, d)
		}
		add := float64(math.Float32frombits(binary.LittleEndian.Uint32(row)))
		mul := float64(math.Float32frombits(binary.LittleEndian.Uint32(row[4:])))
		want := float64(b.apart(v, norm)) + add + mul*product
		if near := 1e-4 * float64(1+b.dim()); math.Abs(float64(got)-want) > near {
			t.Fatalf("%s: row %d: %v, want %v", fmt.Sprintf("metric %d, depth %d, %d bits, %d dims", b.metric, b.depth, b.query, b.dim()), i, got, want)
		}
	}
}

// stepsOf is a query in whole steps of so many bits, and the step.
func stepsOf(bits int, x []float32) (steps []float64, step float64) {
	steps = make([]float64, len(x))
	most, square, along := 0.0, 0.0, 0.0
	for d, f := range x {
		size := math.Abs(float64(f))
		most, square, along = max(most, size), square+size*size, along+size
		if steps[d] = -1; f > 0 {
			steps[d] = 1
		}
	}
	if bits == 1 {
		return steps, square / along
	}
	step = most / float64(int(1)<<(bits-1)-1)
	for d, f := range x {
		steps[d] = math.Floor(float64(f)/step + 0.5)
	}
	return steps, step
}
