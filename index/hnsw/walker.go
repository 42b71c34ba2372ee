package hnsw

import (
	"math"
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
	stamp    []uint8 // by slot: the last walk that saw it
	epoch    uint8
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

	sifting    *inline // of a search: what sifts the links of level 0, or nil
	besideRows arena.Rows
	look       quant.Look // what is asked, in the form of the codes beside links
	place      quant.Place
	list       []uint32

	pool   []candidate // of walk: the nearest seen, in rising order
	batch  []candidate // of walk: what a list adds to the pool
	places []int       // of walk: where

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

// candidate is a node of the pool; its slot has the bit expanded once its links
// were followed.
type candidate struct {
	dist float32
	slot uint32
}

const expanded = 1 << 31

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
	w.sifting, w.besideRows, w.nextRows = nil, arena.Rows{}, arena.Rows{}
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
	n := w.g.nodes.Rows().Len()
	if cap(w.stamp) < n {
		w.stamp = make([]uint8, n+n/8)
		w.epoch = 0
	}
	if w.epoch++; w.epoch == 0 {
		clear(w.stamp[:cap(w.stamp)])
		w.epoch = 1
	}
	w.stamp = w.stamp[:n]
	for _, s := range w.unseen {
		w.visit(uint32(s))
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

// visited says whether visit would find a slot seen, or passed over.
func (w *walker) visited(s uint32) bool {
	return int(s) >= len(w.stamp) || w.stamp[s] == w.epoch
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
	fresh, stamp, epoch := dst[:n], w.stamp, w.epoch
	k := 0
	for i := range fresh {
		to := atomic.LoadUint32(&list[i+1])
		if int(to) >= len(stamp) {
			continue
		}
		fresh[k] = to
		seen := stamp[to]
		stamp[to] = epoch
		if seen != epoch { // a conditional move: the branch could not be predicted
			k++
		}
	}
	w.work.Hops++
	return fresh[:k]
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
	at := index.Hit{Slot: index.Slot(uint32(entry))}
	w.fresh = append(w.fresh[:0], uint32(at.Slot))
	w.distances()
	at.Dist = w.dist[0]
	for level := int(entry >> 32); level > to; level-- {
		for better := true; better; {
			better = false
			w.fresh = w.seen(links(w.fresh[:0], w.g.list(uint32(at.Slot), level)))
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

// seen takes the unseen out of a list.
func (w *walker) seen(list []uint32) []uint32 {
	for _, s := range w.unseen {
		list = slices.DeleteFunc(list, func(to uint32) bool { return to == uint32(s) })
	}
	return list
}

// follow takes the pool's node at a place and puts into dst those of its links
// that are to be measured.
func (w *walker) follow(dst []uint32, at, level, ef int) []uint32 {
	c := w.pool[at]
	w.take(at)
	if w.sifting != nil && level == 0 && int(c.slot) < w.besideRows.Len() {
		return w.sift(w.sifting, dst, c, ef)
	}
	return w.gather(dst, c.slot, level)
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
	w.visit(uint32(from.Slot))
	w.pool = append(slices.Grow(w.pool[:0], ef), candidate{from.Dist, uint32(from.Slot)})
	early, calm := false, false
	for at := 0; ; {
		if !early {
			if at = w.first(at); at == len(w.pool) {
				return
			}
			w.ahead = w.follow(w.ahead, at, level, ef)
		}
		if w.ended() {
			return
		}
		w.fresh, w.ahead = w.ahead, w.fresh
		at = w.first(at)
		if early = calm && at < len(w.pool); early {
			w.ahead = w.follow(w.ahead, at, level, ef)
			w.prefetchRows(w.ahead)
		}
		if level == 0 {
			w.prefetchLists(at + 1)
		}
		w.distances()
		nearest := w.admitAll(ef)
		calm = nearest > at
		at = min(at, nearest)
	}
}

// first is the place of the first candidate from a place on whose links were not
// followed; the pool's length when there is none.
func (w *walker) first(at int) int {
	for at < len(w.pool) && w.pool[at].slot&expanded != 0 {
		at++
	}
	return at
}

// take marks a candidate as expanded.
func (w *walker) take(at int) uint32 {
	slot := w.pool[at].slot
	w.pool[at].slot |= expanded
	return slot
}

// admitAll puts what was measured into the pool, as far as it is among the ef
// nearest, and answers the first place that changed; beyond the pool when none did.
func (w *walker) admitAll(ef int) int {
	n := len(w.pool)
	limit := float32(math.Inf(1))
	if n == ef {
		limit = w.pool[n-1].dist
	}
	w.batch = slices.Grow(w.batch[:0], len(w.fresh))[:len(w.fresh)]
	k := 0
	for i, s := range w.fresh {
		w.batch[k] = candidate{w.dist[i], s}
		if w.dist[i] < limit { // a conditional move, as in gather
			k++
		}
	}
	if k == 0 {
		return ef
	}
	near := w.batch[:k]
	sortFew(near)
	return w.merge(near, ef)
}

// merge puts candidates in rising order into their places and answers the first;
// of the pool the ef nearest stay. Each of the pool moves once at most. All places
// are found before the first move, so that the processor finds several at once.
func (w *walker) merge(near []candidate, ef int) int {
	w.places = w.places[:0]
	for _, c := range near {
		w.places = append(w.places, after(w.pool, c.dist))
	}
	end := len(w.pool)
	w.pool = slices.Grow(w.pool, len(near))[:end+len(near)]
	for i := len(near) - 1; i >= 0; i-- {
		place := w.places[i]
		copy(w.pool[place+i+1:], w.pool[place:end])
		w.pool[place+i] = near[i]
		end = place
	}
	w.pool = w.pool[:min(len(w.pool), ef)]
	return w.places[0]
}

// sortFew sorts the few candidates that a list gives.
func sortFew(list []candidate) {
	for i := 1; i < len(list); i++ {
		c, j := list[i], i
		for ; j > 0 && c.dist < list[j-1].dist; j-- {
			list[j] = list[j-1]
		}
		list[j] = c
	}
}

// after is the place behind all candidates that are as near as dist. Its steps
// are the same whatever it finds: there is no branch to guess.
func after(list []candidate, dist float32) int {
	at := 0
	for n := len(list); n > 0; n /= 2 {
		half, beyond := (n+1)/2, 0
		if list[at+half-1].dist <= dist {
			beyond = 1
		}
		at += half & -beyond
	}
	return at
}

// prefetchLists asks memory for the lists of the candidates that come next, from
// a place of the pool on, and for where the lists behind those are.
func (w *walker) prefetchLists(from int) {
	if w.sifting != nil {
		w.prefetchInline(from)
		return
	}
	found := 0
	for _, c := range w.pool[min(from, len(w.pool)):min(from+lookAhead, len(w.pool))] {
		if c.slot&expanded != 0 {
			continue
		}
		if found++; found <= 2 {
			w.g.prefetch(c.slot)
		} else {
			w.g.prefetchNode(c.slot)
			return
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
