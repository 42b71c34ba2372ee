package hnsw

import (
	"slices"

	"github.com/kithdb/kith/index"
)

const (
	// seeds is how many accepted nodes from anywhere a walk begins with, where
	// few are known around the query.
	seeds = 16
	// tries is how many slots are drawn for each of them at most.
	tries = 64
)

// twoHop walks over accepted nodes alone, from w.results: a neighbour that is
// not accepted is looked behind, and not measured (ACORN-1: Patel, Kraft,
// Guestrin and Zaharia, arXiv 2403.04871). Unlike there, it looks behind no more
// neighbours than it takes to fill a node's list: at a fifth accepted that is
// four lists and not fourteen. The ef nearest are in w.results afterwards.
func (w *walker) twoHop(ef int, q *index.Query) ending {
	w.begin()
	w.pool = slices.Grow(w.pool[:0], ef)
	w.start(ef, q.Accept)
	for at := w.first(0); at < len(w.pool) && !w.ended(); at = w.first(at) {
		if w.spent() > w.terms.budget {
			return spent
		}
		w.behind(w.take(at), q.Accept)
		at = min(at, w.admitAll(ef))
	}
	w.results = w.results[:0]
	for _, c := range w.pool {
		w.results = append(w.results, index.Hit{Slot: index.Slot(c.slot &^ expanded), Dist: c.dist})
	}
	return arrived
}

// start puts what was found so far into the pool, and accepted nodes from
// anywhere if that is little.
func (w *walker) start(ef int, accept *index.Set) {
	for _, h := range w.results {
		w.visit(uint32(h.Slot))
		w.pool = append(w.pool, candidate{h.Dist, uint32(h.Slot)})
	}
	if len(w.pool) >= seeds {
		return
	}
	w.fresh = w.fresh[:0]
	slots := uint64(w.g.nodes.Rows().Len())
	draw := uint64(1)
	for range seeds * tries {
		draw = draw*6364136223846793005 + 1442695040888963407 // Knuth's linear congruence
		s := uint32((draw >> 32) * slots >> 32)
		if accept.Contains(index.Slot(s)) && w.g.levels(s) > 0 && w.visit(s) {
			if w.fresh = append(w.fresh, s); len(w.fresh) == seeds {
				break
			}
		}
	}
	w.distances()
	w.admitAll(ef)
}

// behind measures the accepted neighbours of a node, and those behind its
// others until they fill a list: w.fresh, w.dist.
func (w *walker) behind(s uint32, accept *index.Set) {
	list := w.g.list(s, 0)
	w.fresh, w.slots = w.fresh[:0], w.slots[:0]
	for _, to := range list[1 : count(list)+1] {
		switch {
		case !accept.Contains(index.Slot(to)):
			w.slots = append(w.slots, to)
		case w.visit(to):
			w.fresh = append(w.fresh, to)
		}
	}
	enough := w.g.o.M
	for i, via := range w.slots {
		if len(w.fresh) >= enough {
			break
		}
		if i+1 < len(w.slots) {
			w.g.prefetch(w.slots[i+1])
		}
		if i+2 < len(w.slots) {
			w.g.prefetchNode(w.slots[i+2])
		}
		if !w.visit(via) {
			continue // looked behind before
		}
		w.work.Hops++
		list := w.g.list(via, 0)
		for _, to := range list[1 : count(list)+1] {
			if accept.Contains(index.Slot(to)) && w.visit(to) {
				w.fresh = append(w.fresh, to)
			}
		}
	}
	w.distances()
	w.work.Hops++
}
