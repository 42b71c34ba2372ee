package hnsw

import "github.com/kithdb/kith/index"

// filtered walks a level towards accepted nodes and keeps the ef nearest of
// them: w.results. Unlike walk it has a queue of its own, since nodes that are
// not accepted must be expanded, too.
func (w *walker) filtered(from index.Hit, level, ef int, q *index.Query) {
	w.begin()
	w.queue, w.results = w.queue[:0], w.results[:0]
	w.visit(uint32(from.Slot))
	w.offer(from, ef, q)
	w.push(from)
	for len(w.queue) > 0 {
		at := w.pop()
		if w.ended() {
			return
		}
		if len(w.results) == ef && at.Dist > w.results[ef-1].Dist {
			return
		}
		w.expand(uint32(at.Slot), level)
		for i, s := range w.fresh {
			if len(w.results) < ef || w.dist[i] < w.results[ef-1].Dist {
				h := index.Hit{Slot: index.Slot(s), Dist: w.dist[i]}
				w.push(h)
				w.offer(h, ef, q)
			}
		}
	}
}

// offer keeps an accepted hit among the ef nearest.
func (w *walker) offer(h index.Hit, ef int, q *index.Query) {
	if len(w.results) == ef && h.Dist >= w.results[ef-1].Dist {
		return
	}
	if q.Accept != nil && !q.Accept.Contains(h.Slot) || q.Check != nil && !q.Check(h.Slot) {
		return
	}
	if len(w.results) < ef {
		w.results = append(w.results, h)
	}
	low, high := 0, len(w.results)-1
	for low < high {
		if mid := (low + high) / 2; w.results[mid].Dist <= h.Dist {
			low = mid + 1
		} else {
			high = mid
		}
	}
	copy(w.results[low+1:], w.results[low:])
	w.results[low] = h
}

func (w *walker) push(h index.Hit) {
	w.queue = append(w.queue, h)
	i := len(w.queue) - 1
	for i > 0 && h.Dist < w.queue[(i-1)/2].Dist {
		w.queue[i] = w.queue[(i-1)/2]
		i = (i - 1) / 2
	}
	w.queue[i] = h
}

func (w *walker) pop() index.Hit {
	top := w.queue[0]
	n := len(w.queue) - 1
	h := w.queue[n]
	w.queue = w.queue[:n]
	if n == 0 {
		return top
	}
	i := 0
	for c := 1; c < n; c = 2*i + 1 {
		if c+1 < n && w.queue[c+1].Dist < w.queue[c].Dist {
			c++
		}
		if h.Dist <= w.queue[c].Dist {
			break
		}
		w.queue[i] = w.queue[c]
		i = c
	}
	w.queue[i] = h
	return top
}
