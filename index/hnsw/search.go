package hnsw

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Search appends the K nearest accepted slots that it finds, nearest first. Ef
// accepted ones are kept on the way; others are walked through.
func (g *Graph) Search(q index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	if g.o.Loose {
		return g.looseSearch(&q, dst)
	}
	return g.search(&q, place{g.entry.Load(), g.Len()}, dst)
}

// place is where a search begins, and among how many nodes it is.
type place struct {
	entry uint64
	nodes int
}

// search is Search from a place: the nodes that are reached from its entry are
// all that it knows.
func (g *Graph) search(q *index.Query, from place, dst []index.Hit) ([]index.Hit, index.Work) {
	entry := from.entry
	if entry == noEntry {
		return dst, index.Work{}
	}
	w := g.asker(q)
	defer g.release(w)
	ef := q.Ef
	if ef == 0 {
		ef = g.o.EfConstruct
	}
	ef = min(max(ef, q.K), max(from.nodes, 1))
	w.nodes = from.nodes
	switch {
	case q.Check != nil:
		w.checked(w.descend(entry, 0), ef, q)
	case q.Accept != nil:
		w.among(entry, ef, q)
	default:
		w.siftLinks()
		w.walk(w.descend(entry, 0), 0, ef)
		w.rescore(q)
		return append(dst, w.hits[:min(q.K, len(w.hits))]...), w.work
	}
	return append(dst, w.results[:min(q.K, len(w.results))]...), w.work
}

// asker is a walker that is aimed at a query. Release it.
func (g *Graph) asker(q *index.Query) *walker {
	w := g.walker(g.guideFor(q))
	w.query, w.row = simd.Encoded(g.o.space(), q.Vector, w.row)
	if w.guide != nil {
		w.guide.code.Ask(q.Vector, &w.asked)
	}
	w.done, w.unseen = q.Done, q.Unseen
	return w
}

// guideFor is what a search goes by, nil for the vectors.
func (g *Graph) guideFor(q *index.Query) *guide {
	if q.NoCodes {
		return nil
	}
	return g.guide.Load()
}
