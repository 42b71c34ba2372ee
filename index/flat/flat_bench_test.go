package flat_test

import (
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
)

func BenchmarkRange(b *testing.B) {
	const n, dim = 20_000, 128
	rows := rowsOf(b, n, dim, 1000)
	for name, every := range map[string]uint32{"all": 1, "tenth": 10} {
		var slots []uint32
		for id := uint32(0); id < n; id += every {
			slots = append(slots, id)
		}
		q := index.Query{Vector: rows.Floats(17), K: 10, Accept: setOf(slots)}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			hits := make([]index.Hit, 0, q.K)
			for b.Loop() {
				hits, _ = flat.Range(q, index.Space{Metric: index.Euclid}, rows, 0, n, hits[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(slots)), "ns/distance")
		})
		b.Run(name+"/list", func(b *testing.B) {
			b.ReportAllocs()
			hits := make([]index.Hit, 0, q.K)
			for b.Loop() {
				hits, _ = flat.Search(q, index.Space{Metric: index.Euclid}, rows, slots, hits[:0])
			}
		})
	}
}
