package hnsw

import "github.com/kithdb/kith/index"

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
	w.pool.Reset(ef)
	w.start(q.Accept)
	for at := w.pool.Next(0); at < w.pool.Len() && !w.ended(); at = w.pool.Next(at) {
		if w.spent() > w.terms.budget {
			return spent
		}
		slot, _ := w.pool.Take(at)
		w.behind(slot, q.Accept)
		at = min(at, w.pool.Offer(w.fresh, w.dist))
	}
	w.pooled()
	w.results = append(w.results[:0], w.hits...)
	return arrived
}

// start puts what was found so far into the pool, and accepted nodes from
// anywhere if that is little.
func (w *walker) start(accept *index.Set) {
	w.fresh, w.dist = w.fresh[:0], w.dist[:0]
	for _, h := range w.results {
		w.marks.add(uint32(h.Slot))
		w.fresh, w.dist = append(w.fresh, uint32(h.Slot)), append(w.dist, h.Dist)
	}
	if w.pool.Offer(w.fresh, w.dist); w.pool.Len() >= seeds {
		return
	}
	w.fresh = w.fresh[:0]
	slots := uint64(w.g.nodes.Rows().Len())
	draw := uint64(1)
	for range seeds * tries {
		draw = draw*6364136223846793005 + 1442695040888963407 // Knuth's linear congruence
		s := uint32((draw >> 32) * slots >> 32)
		if accept.Contains(index.Slot(s)) && w.g.levels(s) > 0 && w.marks.add(s) {
			if w.fresh = append(w.fresh, s); len(w.fresh) == seeds {
				break
			}
		}
	}
	w.distances()
	w.pool.Offer(w.fresh, w.dist)
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
		case w.marks.add(to):
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
		if !w.marks.add(via) {
			continue // looked behind before
		}
		w.work.Hops++
		list := w.g.list(via, 0)
		for _, to := range list[1 : count(list)+1] {
			if accept.Contains(index.Slot(to)) && w.marks.add(to) {
				w.fresh = append(w.fresh, to)
			}
		}
	}
	w.distances()
	w.work.Hops++
}
