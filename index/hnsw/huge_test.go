package hnsw

import (
	"testing"

	"github.com/kithdb/kith/index"
)

// A vector whose distances are beyond float32 is as far as can be, and hides no
// other one: also where it is the first, or the entry of the graph.
func TestHugeVectorHidesNobody(t *testing.T) {
	const n = 300
	top := 0
	probe := newSpace(t, n, 8, index.Euclid).graph(t, 40)
	for i := range n {
		if probe.level(index.Slot(i)) > probe.level(index.Slot(top)) {
			top = i
		}
	}
	for _, huge := range []int{0, 57, top, n - 1} {
		s := newSpace(t, n, 8, index.Euclid)
		row := s.rows.Rows().Floats(uint32(huge))
		for d := range row {
			row[d] = 1e20
		}
		g := s.graph(t, 40)
		s.insertAll(t, g)
		hits, _ := g.Search(index.Query{Vector: s.point(), K: n, Ef: n}, nil)
		if len(hits) < n-1 {
			t.Errorf("slot %d is huge: %d found of %d", huge, len(hits), n-1)
		}
		if hits, _ = g.Search(index.Query{Vector: row, K: 1, Ef: 40}, nil); len(hits) == 0 {
			t.Errorf("slot %d is huge: asked for it, nothing is found", huge)
		}
	}
}
