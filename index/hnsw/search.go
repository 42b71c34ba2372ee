package hnsw

import (
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// walker is what one search needs, taken from a pool.
type walker struct {
	g       *Graph
	query   []float32
	stamp   []uint16
	epoch   uint16
	fresh   []uint32
	dist    []float32
	queue   []index.Hit // min-heap of nodes to expand
	results []index.Hit // nearest first, at most ef
	work    index.Work
}

func (g *Graph) walker(query []float32) *walker {
	w, ok := g.walkers.Get().(*walker)
	if !ok {
		w = &walker{g: g}
	}
	w.query, w.work = query, index.Work{}
	return w
}

// begin forgets what was visited.
func (w *walker) begin() {
	w.queue, w.results = w.queue[:0], w.results[:0]
	if n := w.g.nodes.Rows().Len(); len(w.stamp) < n {
		w.stamp = make([]uint16, n+n/8)
		w.epoch = 0
	}
	if w.epoch++; w.epoch == 0 {
		clear(w.stamp)
		w.epoch = 1
	}
}

// visit says whether a slot is new. Slots that joined after begin are passed over.
func (w *walker) visit(s uint32) bool {
	if int(s) >= len(w.stamp) || w.stamp[s] == w.epoch {
		return false
	}
	w.stamp[s] = w.epoch
	return true
}

// distances measures w.fresh into w.dist, one call for the whole list.
func (w *walker) distances() {
	w.dist = slices.Grow(w.dist[:0], len(w.fresh))[:len(w.fresh)]
	rows := w.g.vectors.Rows()
	simd.Distances(w.g.o.Metric, w.query, rows.Base(), rows.Stride(), w.fresh, w.dist)
	w.work.Distances += len(w.fresh)
}

// Search appends the K nearest accepted slots that it finds, nearest first. Ef
// accepted ones are kept on the way; others are walked through.
func (g *Graph) Search(q index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	entry := g.entry.Load()
	if entry == noEntry {
		return dst, index.Work{}
	}
	w := g.walker(q.Vector)
	at := w.descend(entry, 0)
	ef := q.Ef
	if ef == 0 {
		ef = g.o.EfConstruct
	}
	w.layer(at, 0, max(ef, q.K), &q)
	dst = append(dst, w.results[:min(q.K, len(w.results))]...)
	work := w.work
	w.query = nil
	g.walkers.Put(w)
	return dst, work
}

// descend walks greedily from the entry to the level above `to`.
func (w *walker) descend(entry uint64, to int) index.Hit {
	at := index.Hit{Slot: index.Slot(uint32(entry))}
	w.fresh = append(w.fresh[:0], uint32(at.Slot))
	w.distances()
	at.Dist = w.dist[0]
	for level := int(entry >> 32); level > to; level-- {
		for better := true; better; {
			better = false
			w.fresh = links(w.fresh[:0], w.g.list(uint32(at.Slot), level))
			w.distances()
			w.work.Hops++
			for i, d := range w.dist {
				if d < at.Dist {
					at, better = index.Hit{Slot: index.Slot(w.fresh[i]), Dist: d}, true
				}
			}
		}
	}
	return at
}

// layer is the paper's Alg. 2: a best-first walk that keeps the ef nearest.
func (w *walker) layer(from index.Hit, level, ef int, q *index.Query) {
	w.begin()
	w.visit(uint32(from.Slot))
	w.offer(from, ef, q)
	w.push(from)
	for len(w.queue) > 0 {
		at := w.pop()
		if len(w.results) == ef && at.Dist > w.results[ef-1].Dist {
			return
		}
		w.work.Hops++
		all := links(w.fresh[:0], w.g.list(uint32(at.Slot), level))
		w.fresh = all[:0]
		for _, s := range all {
			if w.visit(s) {
				w.fresh = append(w.fresh, s)
			}
		}
		w.distances()
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
	if q != nil && (q.Accept != nil && !q.Accept.Contains(h.Slot) || q.Check != nil && !q.Check(h.Slot)) {
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
