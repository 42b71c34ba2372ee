package simd

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
)

const (
	benchBytes = 256 << 20 // far beyond the last cache
	listLen    = 32        // a graph node's neighbours
)

// benchRows is rows of the dimension at random places, and lists of them.
func benchRows(dim int) (rows []float32, lists []uint32) {
	rng := rand.New(rand.NewPCG(5, uint64(dim)))
	n := benchBytes / 4 / dim
	rows = make([]float32, n*dim)
	for i := range rows {
		rows[i] = float32(i%17) - 8
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
		rows, lists := benchRows(dim)
		query := rows[:dim]
		for _, m := range []index.Metric{index.Dot, index.Euclid, index.Manhattan} {
			for _, v := range all {
				v.use()
				b.Run(fmt.Sprintf("%d/%v/%s/list", dim, m, v.name), func(b *testing.B) {
					var out [listLen]float32
					at := 0
					for b.Loop() {
						Distances(m, query, unsafe.Pointer(&rows[0]), 4*dim, lists[at:at+listLen], out[:])
						at = (at + listLen) % len(lists)
					}
					perDistance(b)
				})
				b.Run(fmt.Sprintf("%d/%v/%s/row", dim, m, v.name), func(b *testing.B) {
					var out [listLen]float32
					at := 0
					for b.Loop() {
						for i, id := range lists[at : at+listLen] {
							out[i] = Distance(m, query, rows[int(id)*dim:][:dim])
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
