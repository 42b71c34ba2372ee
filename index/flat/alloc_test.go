//go:build !race

package flat_test

import (
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
)

// The race detector drops pooled memory at random, hence the build tag.
func TestScansAllocateNothing(t *testing.T) {
	rows := rowsOf(t, 9000, 8, 50)
	slots := []uint32{5, 6, 7, 8000}
	q := index.Query{Vector: rows.Floats(1), K: 3, Accept: setOf(slots)}
	hits := make([]index.Hit, 0, 8)
	for name, scan := range map[string]func(){
		"Range":  func() { flat.Range(q, index.Space{Metric: index.Dot}, rows, 0, 9000, hits) },
		"Search": func() { flat.Search(q, index.Space{Metric: index.Dot}, rows, slots, hits) },
	} {
		if n := testing.AllocsPerRun(200, scan); n >= 1 {
			t.Errorf("%s: %v allocations per run", name, n)
		}
	}
}
