package cluster

import (
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
)

// A shard of several stretches of slots, with both kinds of ids and holes, is read
// back whole by all cores at once.
func TestALargeShardComesBack(t *testing.T) {
	const points = 2*index.PageSlots + 77
	dir := t.TempDir()
	n := openNode(t, dir)
	if err := n.Create(t.Context(), "c", newSchema(1)); err != nil {
		t.Fatal(err)
	}
	id := func(i uint64) point.ID {
		if i%3 == 0 {
			return point.UUID([16]byte{byte(i), byte(i >> 8), byte(i >> 16), 15: 1})
		}
		return point.Number(i)
	}
	for from := uint64(0); from < points; from += 4000 {
		o := upsert(span(from, min(from+4000, points))...)
		var gone []point.ID
		for i := range o.Points {
			o.Points[i].ID = id(from + uint64(i))
			if (from+uint64(i))%5 == 0 {
				gone = append(gone, o.Points[i].ID)
			}
		}
		mustWrite(t, n, "c", o, op.Op{Kind: op.Delete, IDs: gone})
	}
	for _, when := range []string{"written", "loaded"} {
		mustCount(t, n, "c", points-(points+4)/5)
		for i := uint64(1); i < points; i += 1013 {
			if i%5 == 0 {
				continue
			}
			if got := nearest(t, n, "c", []float32{float32(i), 1, 2, 3}); got != id(i).String() {
				t.Errorf("%s: nearest to point %d is %s, want %s", when, i, got, id(i))
			}
		}
		closeNode(t, n)
		n = openNode(t, dir)
	}
	closeNode(t, n)
}
