package hnsw

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
)

// byCodes reports whether inserts and repairs that go by a guide compare stored
// vectors by their codes: links are chosen by how far these are from each other,
// hundreds of times for an insert. That is less to read, nothing of it from disk,
// and the graph is as good (DESIGN.md). It reads the code of every node that it
// meets, so a node is encoded before anything links to it. Uint8 rows have lengths
// that Cosine does not see, and a code of them does.
func (g *Graph) byCodes(by *guide) bool {
	return by != nil && builds(by.code) && (g.o.Metric != index.Cosine || g.o.Datatype != index.Uint8)
}

// standAt has apart look from a stored vector.
func (w *walker) standAt(s uint32) {
	if !w.codesOnly {
		w.here = w.g.row(s)
		return
	}
	w.guide.code.(*quant.Affine).AskCode(w.guide.rows.Rows().Bytes(s), &w.hereCode)
}

// apart sets out to the distances from where the walker stands.
func (w *walker) apart(others []uint32, out []float32) {
	if !w.codesOnly {
		rows := w.g.vectors.Rows()
		w.here.Distances(rows.Base(), rows.Stride(), others, out)
		return
	}
	rows := w.guide.rows.Rows()
	w.hereCode.Distances(rows.Base(), rows.Stride(), others, out)
}

// measure sets w.hits to the distances from a node to others.
func (w *walker) measure(node uint32, others []uint32) {
	w.fresh = append(w.fresh[:0], others...)
	w.room()
	w.standAt(node)
	w.apart(w.fresh, w.dist)
	w.hits = w.hits[:0]
	for i, s := range w.fresh {
		w.hits = append(w.hits, index.Hit{Slot: index.Slot(s), Dist: w.dist[i]})
	}
}

// shadowed reports whether a kept hit, of w.slots, is nearer to a slot than dist.
// It looks at a few at a time: most often one of the first decides.
func (w *walker) shadowed(s uint32, dist float32) bool {
	const few = 4
	var d [few]float32
	w.standAt(s)
	for at := 0; at < len(w.slots); at += few {
		part := w.slots[at:min(at+few, len(w.slots))]
		w.apart(part, d[:])
		for i := range part {
			if d[i] < dist {
				return true
			}
		}
	}
	return false
}
