package hnsw

import (
	"testing"

	"github.com/kithdb/kith/index"
)

// TestUnseen asks for stored vectors as if they were not there: they are not
// found, and their neighbours are.
func TestUnseen(t *testing.T) {
	const n = 600
	s := newSpace(t, n, 12, index.Euclid)
	g := s.graph(t, 40)
	s.insertAll(t, g)
	for i := range index.Slot(50) {
		q := index.Query{Vector: s.rows.Rows().Floats(uint32(i)), K: 10, Ef: 60, Unseen: []index.Slot{i, i + 1}}
		hits, _ := g.Search(q, nil)
		if len(hits) != 10 {
			t.Fatalf("%d hits without %d", len(hits), i)
		}
		for _, h := range hits {
			if h.Slot == i || h.Slot == i+1 {
				t.Fatalf("slot %d was found unseen", h.Slot)
			}
		}
	}
	hits, _ := g.Search(index.Query{Vector: s.rows.Rows().Floats(0), K: 1, Ef: 60}, nil)
	if len(hits) != 1 || hits[0].Slot != 0 {
		t.Errorf("the next search does not see it again: %v", hits)
	}
}
