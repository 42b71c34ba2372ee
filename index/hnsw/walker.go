package hnsw

import (
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

// walker is what one search or insert needs, taken from a pool: once its slices
// have grown it allocates nothing.
type walker struct {
	g     *Graph
	query simd.Query
	row   []byte // memory for a query's stored form
	// guide is what the walk goes by, nil for the vectors; asked is the query in
	// its form.
	guide    *guide
	codeRows arena.Rows
	asked    quant.Query
	vector   []float32 // memory for a decoded row
	scratch  quant.Scratch
	marks    marks
	fresh    []uint32  // slots to measure
	ahead    []uint32  // slots to measure after those
	dist     []float32 // their distances
	work     index.Work
	done     <-chan struct{} // closed when a search is to stop; nil of an insert
	unseen   []index.Slot    // that a search goes on without
	nodes    int             // among how many nodes a search is

	codesOnly bool       // stored vectors are compared by their codes
	here      simd.Query // of apart: where it looks from
	hereCode  quant.Query

	sifting    *inline // of a search: what sifts links, or nil
	besideRows arena.Rows
	stepRows   steps      // its ladder's
	look       quant.Look // what is asked, in the form of the codes beside links
	place      quant.Place
	list       []uint32

	pool simd.Pool // of walk: the nearest seen, taken once their links were followed

	few     []uint32  // of sift: lanes that may fill the pool
	fewAt   []float32 // and their estimates
	filling simd.Pool // the nearest of them

	queue   []index.Hit // of filtered: min-heap of nodes to expand
	results []index.Hit // of filtered: nearest accepted, in rising order
	terms   filtering   // of filtered
	top     flat.TopK   // of scan
	off     quant.Lack  // of scan: how far vectors are off their codes
	codes   []float32   // of scan: distances by codes

	rough     quant.Sketched // of bySketch: what is asked, in the form of sketches
	resting   bool           // codes say what lies across the sketches' axes
	slack     float32        // how far a sketch may be off
	slackNext float32        // and with its second row
	nextRows  arena.Rows     // the second rows
	seconds   []float32      // how near w.near are by both
	words     []uint64       // a bit for each slot that is accepted
	nearby    []uint32       // what a walk has met
	near      flat.TopK      // the nearest of some by their sketches
	estimates []float32      // how near those are, or what a pass has left
	rate      []float32      // how near all of the some are
	said      [wordBlock * 64]float32

	picked [][]index.Hit // of an insert: its links by level
	hits   []index.Hit
	keys   []uint64 // of sortHits
	kept   []index.Hit
	slots  []uint32
}

// walker takes one from the pool; by is what its walks go by.
func (g *Graph) walker(by *guide) *walker {
	w, ok := g.walkers.Get().(*walker)
	if !ok {
		w = &walker{g: g}
	}
	w.guide, w.work, w.terms, w.codesOnly = by, index.Work{}, filtering{}, false
	if by == nil {
		return w
	}
	if w.codeRows = by.rows.Rows(); w.codeRows.Len() == 0 {
		w.guide = nil // abandoned since it was read: the vectors are there
	}
	return w
}

func (g *Graph) release(w *walker) {
	w.query, w.here, w.guide, w.codeRows, w.done, w.unseen = simd.Query{}, simd.Query{}, nil, arena.Rows{}, nil, nil
	w.sifting, w.besideRows, w.nextRows, w.stepRows = nil, arena.Rows{}, arena.Rows{}, steps{}
	g.walkers.Put(w)
}

// towards aims the walks at a stored vector.
func (w *walker) towards(s uint32) {
	w.query = w.g.row(s)
	switch {
	case w.codesOnly:
		w.guide.code.(*quant.Affine).AskCode(w.guide.rows.Rows().Bytes(s), &w.asked)
	case w.guide != nil:
		w.decode(s)
		w.guide.code.Ask(w.vector, &w.asked)
	}
}

// begin forgets what was visited. What joins from now on is passed over, also where
// there is room for it: a packed graph's rows of codes name nodes that the old one,
// whose searches go on, never has.
func (w *walker) begin() {
	w.marks.reset(w.g.nodes.Rows().Len())
	for _, s := range w.unseen {
		w.marks.add(uint32(s))
	}
}

// patience is how many nodes are expanded between two looks at the search's end.
const patience = 64

// ended reports whether a search is to stop where it is.
func (w *walker) ended() bool {
	if w.done == nil || w.work.Hops%patience != 0 {
		return false
	}
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// expand measures the links of a node that were not visited: w.fresh, w.dist.
func (w *walker) expand(s uint32, level int) {
	w.fresh = w.gather(w.fresh, s, level)
	w.distances()
}

// gather is the links of a node that were not visited, in memory of its own or
// dst's; from now on they are.
func (w *walker) gather(dst []uint32, s uint32, level int) []uint32 {
	list := w.g.list(s, level)
	n := count(list)
	if cap(dst) < n {
		dst = make([]uint32, 0, 2*n)
	}
	w.work.Hops++
	return dst[:w.marks.addList(dst[:n], list[1:n+1])]
}

// distances measures w.fresh into w.dist by what the walk goes by, one call for
// the whole list.
func (w *walker) distances() {
	if w.guide == nil {
		w.measureVectors()
		return
	}
	n := w.room()
	w.asked.Distances(w.codeRows.Base(), w.codeRows.Stride(), w.fresh, w.dist)
	w.work.Distances += n
}

// measureVectors measures w.fresh into w.dist by the vectors.
func (w *walker) measureVectors() {
	n := w.room()
	rows := w.g.vectors.Rows()
	w.query.Distances(rows.Base(), rows.Stride(), w.fresh, w.dist)
	rows.Keep()
	w.work.Distances += n
}

// room makes w.dist as long as w.fresh.
func (w *walker) room() int {
	n := len(w.fresh)
	if cap(w.dist) < n {
		w.dist = make([]float32, 0, 2*n)
	}
	w.dist = w.dist[:n]
	return n
}

// descend walks greedily from the entry to the level above `to`.
func (w *walker) descend(entry uint64, to int) index.Hit {
	if w.sifting != nil {
		w.begin() // for step, which measures nothing twice
	}
	at := index.Hit{Slot: index.Slot(uint32(entry))}
	w.fresh = append(w.fresh[:0], uint32(at.Slot))
	w.distances()
	at.Dist = w.dist[0]
	for level := int(entry >> 32); level > to; level-- {
		for better := true; better; {
			better = false
			w.step(at, level)
			w.distances()
			w.work.Hops++
			for i, d := range w.dist {
				// A lane may name a node that is no more, or on fewer levels now.
				if d < at.Dist && w.g.levels(w.fresh[i]) > level {
					at, better = index.Hit{Slot: index.Slot(w.fresh[i]), Dist: d}, true
				}
			}
		}
	}
	return at
}

// seen takes the unseen out of a list.
func (w *walker) seen(list []uint32) []uint32 {
	for _, s := range w.unseen {
		list = slices.DeleteFunc(list, func(to uint32) bool { return to == uint32(s) })
	}
	return list
}

// follow takes the pool's node at a place and puts into dst those of its links
// that are to be measured.
func (w *walker) follow(dst []uint32, at, level int) []uint32 {
	slot, dist := w.pool.Take(at)
	if w.sifting != nil && level == 0 && int(slot) < w.besideRows.Len() {
		return w.sift(dst, slot, dist)
	}
	return w.gather(dst, slot, level)
}

// walk is the paper's Alg. 2 with one sorted pool for candidates and results:
// it expands the nearest node that was not yet, until none is left among the ef
// nearest. w.pool holds those afterwards.
//
// Once the nearest of the pool stays the nearest while a list is measured, it is
// taken before that: its own list is read, and the rows of its links are on their
// way while the list before is measured.
func (w *walker) walk(from index.Hit, level, ef int) {
	w.begin()
	w.marks.add(uint32(from.Slot))
	w.pool.Reset(ef)
	w.pool.Begin(uint32(from.Slot), from.Dist)
	early, calm := false, false
	for at := 0; ; {
		if !early {
			if at = w.pool.Next(at); at == w.pool.Len() {
				return
			}
			w.ahead = w.follow(w.ahead, at, level)
		}
		if w.ended() {
			return
		}
		w.fresh, w.ahead = w.ahead, w.fresh
		at = w.pool.Next(at)
		if early = calm && at < w.pool.Len(); early {
			w.ahead = w.follow(w.ahead, at, level)
			w.prefetchRows(w.ahead)
		}
		if level == 0 {
			w.prefetchLists(at + 1)
		}
		w.distances()
		nearest := w.pool.Offer(w.fresh, w.dist)
		calm = nearest > at
		at = min(at, nearest)
	}
}

// prefetchLists asks memory for the lists of the candidates that come next, from
// a place of the pool on, and for where the lists behind those are.
func (w *walker) prefetchLists(from int) {
	if w.sifting != nil {
		w.prefetchInline(from)
		return
	}
	end := min(from+lookAhead, w.pool.Len())
	for found := 0; found < 3; found++ {
		if from = w.pool.Next(from); from >= end {
			return
		}
		slot, _ := w.pool.At(from)
		if from++; found < 2 {
			w.g.prefetch(slot)
		} else {
			w.g.prefetchNode(slot)
		}
	}
}

// lookAhead is how many places of the pool are looked at for what comes next.
const lookAhead = 8

// prefetchRows asks memory for what the walk compares of slots.
func (w *walker) prefetchRows(slots []uint32) {
	rows := w.codeRows
	if w.guide == nil {
		rows = w.g.vectors.Rows()
	}
	simd.PrefetchRows(rows.Base(), rows.Stride(), min(rows.Stride(), mostPrefetched), slots)
}

// mostPrefetched is how many bytes of a row are asked for ahead: the processor
// follows by itself once a row is read.
const mostPrefetched = 448

// prefetchNode asks memory for where a node's list is.
func (g *Graph) prefetchNode(s uint32) {
	simd.Prefetch(unsafe.Add(g.nodes.Rows().Base(), int(s)*nodeBytes))
}

// prefetch asks memory for a node's list: it will most likely be expanded next.
func (g *Graph) prefetch(s uint32) {
	block := atomic.LoadUint32(&g.nodes.Rows().Uint32s(s)[0])
	simd.Prefetch(unsafe.Add(g.base.Rows().Base(), int(block)*unitBytes))
}
