package simd

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

const (
	benchBytes = 256 << 20 // far beyond the last cache
	listLen    = 32        // a graph node's neighbours
)

// benchRows is an arena of rows of the dimension, and lists of random ones.
func benchRows(b *testing.B, dim int) (rows arena.Rows, lists []uint32) {
	rng := rand.New(rand.NewPCG(5, uint64(dim)))
	n := benchBytes / 4 / dim
	a := arena.New(arena.Options{RowBytes: 4 * dim})
	b.Cleanup(func() { a.Close() })
	if err := a.Grow(n); err != nil {
		b.Fatal(err)
	}
	rows = a.Rows()
	for i := range uint32(n) {
		for j := range rows.Floats(i) {
			rows.Floats(i)[j] = float32((int(i)+j)%17) - 8
		}
	}
	lists = make([]uint32, 1<<18)
	for i := range lists {
		lists[i] = uint32(rng.IntN(n))
	}
	return rows, lists
}

// BenchmarkRandomRows reports ns per distance for rows that are in no cache: in
// one call per list, and in one call per row.
func BenchmarkRandomRows(b *testing.B) {
	all := variants()
	defer all[len(all)-1].use()
	for _, dim := range []int{100, 128, 784} {
		rows, lists := benchRows(b, dim)
		query := rows.Floats(0)
		for _, m := range []index.Metric{index.Dot, index.Euclid, index.Manhattan} {
			for _, v := range all {
				v.use()
				b.Run(fmt.Sprintf("%d/%v/%s/list", dim, m, v.name), func(b *testing.B) {
					var out [listLen]float32
					at := 0
					for b.Loop() {
						Distances(m, query, rows.Base(), rows.Stride(), lists[at:at+listLen], out[:])
						at = (at + listLen) % len(lists)
					}
					perDistance(b)
				})
				b.Run(fmt.Sprintf("%d/%v/%s/row", dim, m, v.name), func(b *testing.B) {
					var out [listLen]float32
					at := 0
					for b.Loop() {
						for i, id := range lists[at : at+listLen] {
							out[i] = Distance(m, query, rows.Floats(id))
						}
						at = (at + listLen) % len(lists)
					}
					perDistance(b)
				})
			}
		}
	}
}

func perDistance(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*listLen), "ns/distance")
}

// BenchmarkDatatypes reports ns per distance of the datatypes beside each other,
// for lists of rows that are in no cache, and of rows that are in the first.
func BenchmarkDatatypes(b *testing.B) {
	for _, dim := range []int{128, 768} {
		for _, d := range []index.Datatype{index.Float32, index.Float16, index.Uint8} {
			for _, m := range []index.Metric{index.Dot, index.Euclid, index.Manhattan, index.Cosine} {
				if m == index.Cosine && d != index.Uint8 {
					continue // as Dot
				}
				for _, n := range []int{listLen, benchBytes / 4 / dim} {
					b.Run(fmt.Sprintf("%d/%v/%v/%drows", dim, m, d, n), func(b *testing.B) {
						benchDatatype(b, index.Space{Metric: m, Datatype: d}, dim, n)
					})
				}
			}
		}
	}
}

func benchDatatype(b *testing.B, s index.Space, dim, n int) {
	rng := rand.New(rand.NewPCG(5, uint64(dim)))
	a := arena.New(arena.Options{RowBytes: dim * s.Datatype.Bytes()})
	defer a.Close()
	if err := a.Grow(n); err != nil {
		b.Fatal(err)
	}
	rows := a.Rows()
	v := values(rng, dim)
	for i := range uint32(n) {
		v[int(i)%dim]++
		s.Datatype.Encode(rows.Bytes(i), v)
	}
	lists := make([]uint32, 1<<18)
	for i := range lists {
		lists[i] = uint32(rng.IntN(n))
	}
	q := Row(s, rows.Bytes(0))
	var out [listLen]float32
	at := 0
	for b.Loop() {
		q.Distances(rows.Base(), rows.Stride(), lists[at:at+listLen], out[:])
		at = (at + listLen) % len(lists)
	}
	perDistance(b)
}
