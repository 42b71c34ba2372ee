package simd

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

const benchCount = 1 << 20 // rows

// benchList is rows of a size, written everywhere, and lists of random ones.
func benchList(b *testing.B, rowBytes int) (rows arena.Rows, lists []uint32) {
	rng := rand.New(rand.NewPCG(5, uint64(rowBytes)))
	a := arena.New(arena.Options{RowBytes: rowBytes})
	b.Cleanup(func() { a.Close() })
	if err := a.Grow(benchCount); err != nil {
		b.Fatal(err)
	}
	rows = a.Rows()
	for i := range uint32(benchCount) {
		row := rows.Bytes(i)
		for j := range row {
			row[j] = byte(int(i)+j) & 63
		}
	}
	lists = make([]uint32, 1<<18)
	for i := range lists {
		lists[i] = uint32(rng.IntN(benchCount))
	}
	return rows, lists
}

// BenchmarkCodes reports ns per distance to rows of codes in no cache, beside
// float32.
func BenchmarkCodes(b *testing.B) {
	for _, dim := range []int{100, 128, 784} {
		var out [listLen]float32
		query := make([]float32, dim)
		c := Codes{Query: make([]int8, CodeDims(dim)), Mul: 1}
		for _, k := range []struct {
			name     string
			rowBytes int
			ask      func(base unsafe.Pointer, stride int, ids []uint32)
		}{
			{"float32", 4 * dim, func(base unsafe.Pointer, stride int, ids []uint32) {
				Distances(index.Dot, query, base, stride, ids, out[:])
			}},
			{"8bit", Code8Bytes(dim), func(base unsafe.Pointer, stride int, ids []uint32) {
				c.Head = Code8Head(dim)
				c.Distances8(base, stride, ids, out[:])
			}},
			{"4bit", Code4Bytes(dim), func(base unsafe.Pointer, stride int, ids []uint32) {
				c.Head = Code4Head(dim)
				c.Distances4(base, stride, ids, out[:])
			}},
		} {
			b.Run(fmt.Sprintf("%d/%s", dim, k.name), func(b *testing.B) {
				rows, lists := benchList(b, k.rowBytes)
				at := 0
				for b.Loop() {
					k.ask(rows.Base(), rows.Stride(), lists[at:at+listLen])
					at = (at + listLen) % len(lists)
				}
				perDistance(b)
			})
		}
	}
}

// BenchmarkHadamard reports ns per transform.
func BenchmarkHadamard(b *testing.B) {
	for _, n := range []int{16, 64, 128, 512, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := make([]float32, n)
			for b.Loop() {
				Hadamard(v)
			}
		})
	}
}
