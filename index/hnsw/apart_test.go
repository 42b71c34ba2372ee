package hnsw

import (
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
)

// An insert by codes reads its own vector and no other: a graph is the same when
// those of all earlier slots were wiped, as is one that is repaired.
func TestInsertsReadNoOtherVector(t *testing.T) {
	const n, dim = 1500, 40
	for _, m := range []index.Metric{index.Cosine, index.Euclid} {
		var lists [2][][]uint32
		for wiped := range lists {
			s := newSpace(t, n, dim, m)
			g := s.graph(t, 60)
			if err := g.Guide(s.affine(4), index.Pace{Workers: 1}); err != nil {
				t.Fatal(err)
			}
			for i := range index.Slot(n) {
				if err := g.Insert(i); err != nil {
					t.Fatal(err)
				}
				if wiped == 1 {
					clear(s.rows.Rows().Floats(uint32(i)))
				}
			}
			live := (*index.Set)(nil).Edit()
			for i := range index.Slot(n) {
				if i%3 != 0 {
					live.Add(i)
				}
			}
			if _, err := g.Repair(live.Done(), index.Pace{Workers: 1}); err != nil {
				t.Fatal(err)
			}
			for i := range uint32(n) {
				if g.Contains(index.Slot(i)) {
					lists[wiped] = append(lists[wiped], links(nil, g.list(i, 0)))
				}
			}
		}
		if !slices.EqualFunc(lists[0], lists[1], slices.Equal) {
			t.Errorf("%v: the graph depends on the vectors of others", m)
		}
		if n := len(slices.Concat(lists[0]...)); n < 1000*8 {
			t.Errorf("%v: %d links in all", m, n)
		}
	}
}
