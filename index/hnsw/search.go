package hnsw

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Search appends the K nearest accepted slots that it finds, nearest first. Ef
// accepted ones are kept on the way; others are walked through.
func (g *Graph) Search(q index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	entry := g.entry.Load()
	if entry == noEntry {
		return dst, index.Work{}
	}
	w := g.walker(simd.Query{})
	w.query, w.row = simd.Encoded(g.o.space(), q.Vector, w.row)
	w.done = q.Done
	defer g.release(w)
	at := w.descend(entry, 0)
	ef := q.Ef
	if ef == 0 {
		ef = g.o.EfConstruct
	}
	ef = min(max(ef, q.K), max(g.Len(), 1))
	if q.Accept == nil && q.Check == nil {
		w.walk(at, 0, ef)
		for _, c := range w.pool[:min(q.K, len(w.pool))] {
			dst = append(dst, index.Hit{Slot: index.Slot(c.slot &^ expanded), Dist: c.dist})
		}
		return dst, w.work
	}
	w.filtered(at, 0, ef, &q)
	return append(dst, w.results[:min(q.K, len(w.results))]...), w.work
}
