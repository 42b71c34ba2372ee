package ivfpq

import (
	"math"
	"math/bits"
	"runtime"
	"slices"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/simd"
)

const (
	// defaultEf is the breadth of a search that asks for none.
	defaultEf = 100
	// stride is how many blocks are looked up in one call.
	stride = 16
	// rare is the share of accepted slots below which a block is first searched
	// for one.
	rare = 1. / blockSize
)

// scratch is what one search or insert needs, taken from a pool: once its slices
// have grown it allocates nothing.
type scratch struct {
	whole    []float32 // as the metric sees it; vector itself where the frame leaves it as it is
	spare    []float32 // of its length
	vector   []float32 // in the model's frame
	across   float32   // the square of what is not in the frame
	centred  []float32 // vector less the model's mean
	residual []float32
	approx   []float32
	entry    entry
	row      []byte // the query's stored form
	query    simd.Query

	groups, lists []index.Hit
	near          []near // the lists that are read
	products      []float32
	lows          []float32
	tables        []uint8
	sifter        simd.Sift
	sums          [stride * blockSize]uint16
	below         [stride]uint32
	dists         [batch]float32
	ids           [batch]uint32

	keep  int         // how many candidates are measured in the end
	found []index.Hit // candidates by estimate: all that were below limit
	limit float32
	top   flat.TopK
	work  index.Work
}

// scratch takes one, with room for a model.
func (x *Index) scratch(m *model) *scratch {
	s, ok := x.scratches.Get().(*scratch)
	if !ok {
		dim, inner := x.o.Dim, x.o.inner()
		s = &scratch{whole: make([]float32, dim), spare: make([]float32, dim),
			vector: make([]float32, inner), centred: make([]float32, inner), residual: make([]float32, inner), approx: make([]float32, inner)}
		if !x.o.turned() {
			s.whole = s.vector // as it is
		}
		subs := x.o.subs()
		s.entry.codes = make([]uint8, subs)
		s.products, s.lows, s.tables = make([]float32, words*subs), make([]float32, subs), make([]uint8, words*subs)
	}
	return s
}

// read sets the vector from a stored row.
func (s *scratch) read(m *model, row []byte) {
	decode(m.o.space(), s.whole, row)
	s.across = m.frame.lay(s.vector, s.whole, s.spare)
}

// Search appends the K nearest accepted slots that it finds, nearest first, equal
// distances by slot. Ef is how many candidates are measured by their vectors, the
// nearest by code; how many lists are read follows from it (see probesFor),
// unless Options say. Where few slots are accepted more lists are read, all of
// them if K are not found. Work counts centroids and vectors measured, and lists.
func (x *Index) Search(q index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	g := x.now.Load()
	s := x.scratch(g.model)
	defer x.release(s)
	s.work = index.Work{}
	s.top.Reset(q.K)
	rows := x.vectors.Rows()
	s.query, s.row = simd.Encoded(x.o.space(), q.Vector, s.row)
	if waiting := g.waits(); len(waiting) > 0 {
		hits, work := flat.Search(q, x.o.space(), rows, waiting, s.found[:0])
		s.found, s.work = hits[:0], work
		for _, h := range hits {
			s.top.Offer(h.Slot, h.Dist)
		}
	}
	if g.model != nil {
		s.prepare(x, g, &q)
		s.look(x, g, &q)
		s.measure(rows)
	}
	runtime.KeepAlive(g)
	rows.Keep()
	return s.top.Append(dst), s.work
}

// release forgets the borrowed query, and the lists of a generation that may go.
func (x *Index) release(s *scratch) {
	s.query = simd.Query{}
	clear(s.near)
	x.scratches.Put(s)
}

// prepare makes the tables of a query.
func (s *scratch) prepare(x *Index, g *generation, q *index.Query) {
	if s.row != nil && x.o.Datatype.Bytes() < 4 {
		s.read(g.model, s.row)
	} else {
		g.model.frame.lay(s.vector, q.Vector, s.spare)
	}
	for d, v := range s.vector {
		s.centred[d] = v - g.model.mean[d]
	}
	g.model.codes.ask(s.centred, s)
	ef := q.Ef
	if ef == 0 {
		ef = defaultEf
	}
	s.keep = max(ef, q.K)
	s.found, s.limit = s.found[:0], float32(math.Inf(1))
}

// look reads the lists that are nearest to the query, and leaves in found the
// candidates that are nearest by estimate.
func (s *scratch) look(x *Index, g *generation, q *index.Query) {
	share := 1.
	if q.Accept != nil {
		share = min(1, float64(q.Accept.Len())/float64(max(x.Len(), 1))) // it may accept slots that are not in
	}
	if share == 0 {
		return
	}
	probes := x.probesFor(g, s.keep, share)
	eager := q.Accept != nil && share < rare
	for {
		s.lists = g.model.coarse.distances(s.vector, probes, s, s.lists[:0])
		s.choose(g, probes)
		for i := range s.near {
			if q.Ended() {
				return
			}
			if i+1 < len(s.near) {
				g.prefetch(&s.near[i+1], eager)
			}
			s.scan(g, &s.near[i], q, eager)
		}
		if len(s.found) >= q.K || probes >= len(g.lists) {
			return
		}
		// Too few: what is accepted lies elsewhere. The lists are read again, since
		// those that are new are not told apart; each time there are many more.
		s.found, s.limit = s.found[:0], float32(math.Inf(1))
		probes *= 8
	}
}

// near is a list that a search reads.
type near struct {
	dist    float32 // of its centroid
	run     *run
	n       int // entries
	numbers []uint32
}

// inOrder is how many of the lists are read in the order of their distances: behind
// them the limit hardly moves.
const inOrder = 32

// choose leaves in near the lists that are nearest, of those in lists. What says
// where each of them is lies in two more places, which are looked at for all lists
// at once: one list's need not wait for another's.
func (s *scratch) choose(g *generation, probes int) {
	nearestFirst(s.lists, probes)
	lists := s.lists[:min(probes, len(s.lists))]
	nearestFirst(lists, inOrder)
	slices.SortFunc(lists[:min(inOrder, len(lists))], byDistance)
	s.near = s.near[:0]
	for _, l := range lists {
		s.near = append(s.near, near{dist: l.Dist, run: g.lists[l.Slot].now.Load()})
	}
	for i := range s.near {
		l := &s.near[i]
		l.numbers, l.n = l.run.entries()
	}
}

func byDistance(a, b index.Hit) int {
	switch {
	case a.Dist < b.Dist:
		return -1
	case a.Dist > b.Dist:
		return 1
	}
	return int(a.Slot) - int(b.Slot)
}

// scan offers the entries of a list.
func (s *scratch) scan(g *generation, l *near, q *index.Query, eager bool) {
	s.work.Hops++
	numbers := l.numbers
	heads, codes := g.blocks.heads.Rows(), g.blocks.codes.Rows()
	for at := 0; at < len(numbers); {
		few := 1
		for few < stride && at+few < len(numbers) && numbers[at+few] == numbers[at]+uint32(few) {
			few++
		}
		part := numbers[at : at+few]
		if at += few; at < len(numbers) {
			simd.Prefetch(place(heads, numbers[at]))
			simd.Prefetch(place(codes, numbers[at]))
		}
		if eager && !anyAccepted(heads, part, q.Accept) {
			continue
		}
		sums, below := s.sums[:few*blockSize], s.below[:few]
		simd.FastScanBlocks(s.tables, place(codes, part[0]), g.blocks.subs, sums)
		s.sifter.Limit = s.limit - l.dist
		s.sifter.Below16(place(heads, part[0]), heads.Stride(), sums, below)
		if left := l.n - (at-1)*blockSize; left < blockSize {
			below[few-1] &= 1<<left - 1 // the last block is not full
		}
		for i, marks := range below {
			if marks != 0 {
				h := (*head)(place(heads, part[i]))
				s.sift(h, marks, (*[blockSize]uint16)(sums[i*blockSize:]), sifting{l.dist, q})
			}
		}
	}
}

// place is where a row begins.
func place(rows arena.Rows, number uint32) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(rows.Bytes(number)))
}

// anyAccepted reports whether one of the blocks' slots is. A place that is not in
// use has slot 0, which costs a look at most.
func anyAccepted(heads arena.Rows, numbers []uint32, accept *index.Set) bool {
	for _, number := range numbers {
		h := (*head)(place(heads, number))
		for i := range h.slot {
			if accept.Contains(index.Slot(h.slot[i])) {
				return true
			}
		}
	}
	return false
}

// sifting is how far a list is, and who asks.
type sifting struct {
	base float32
	q    *index.Query
}

// sift keeps the marked entries of a block that are accepted.
func (s *scratch) sift(h *head, marks uint32, sums *[blockSize]uint16, f sifting) {
	for ; marks != 0; marks &= marks - 1 {
		i := bits.TrailingZeros32(marks)
		slot := index.Slot(h.slot[i])
		dist := f.base + s.sifter.At(index.FromBfloat16(h.add[i]), index.FromBfloat16(h.mul[i]), sums[i])
		if !(dist < s.limit) || f.q.Accept != nil && !f.q.Accept.Contains(slot) || f.q.Check != nil && !f.q.Check(slot) {
			continue
		}
		s.found = append(s.found, index.Hit{Slot: slot, Dist: dist})
		if len(s.found) == 2*s.keep {
			s.cut()
		}
	}
}

// cut leaves the nearest candidates, some more than are kept in the end: telling
// which of those go costs more than they do. The limit is set to the farthest.
func (s *scratch) cut() {
	n, bound := firstOf(s.found, s.keep, s.keep+s.keep/4)
	s.found, s.limit = s.found[:n], bound
}

// measure offers the candidates by their vectors.
func (s *scratch) measure(rows arena.Rows) {
	if len(s.found) > s.keep {
		nearestFirst(s.found, s.keep)
		s.found = s.found[:s.keep]
	}
	for at := 0; at < len(s.found); at += batch {
		part := s.found[at:min(at+batch, len(s.found))]
		for i, h := range part {
			s.ids[i] = uint32(h.Slot)
		}
		s.query.Distances(rows.Base(), rows.Stride(), s.ids[:len(part)], s.dists[:])
		for i, h := range part {
			s.top.Offer(h.Slot, s.dists[i])
		}
	}
	s.work.Distances += len(s.found)
}

// probesFor is how many lists are read for so many candidates, where a share of
// the slots is accepted: one for two candidates. On data whose neighbours lie in
// many lists that is the best there is, on other data a measured candidate too
// many costs little beside the lists. Where matches are rare the nearest of them
// are farther, and so are their lists: as many more as the root of the rarity.
func (x *Index) probesFor(g *generation, keep int, share float64) int {
	probes := float64(x.probes.Load())
	if probes == 0 {
		probes = 1 + float64(keep)/2
	}
	probes /= math.Sqrt(max(share, 1e-6))
	return max(1, int(min(probes, float64(len(g.lists)))))
}

// Cost implements index.Searcher.
func (x *Index) Cost(ef int, share float64) float64 {
	g, n := x.now.Load(), x.Len()
	if g.model == nil {
		return float64(n)
	}
	if ef == 0 {
		ef = defaultEf
	}
	// A sequential scan compares a row while eight codes are looked up, and three
	// rows while one that lies anywhere is.
	const lookups, anywhere = 8, 3
	probes := float64(x.probesFor(g, ef, share))
	lists := float64(len(g.lists))
	centroids := min(lists, 2*math.Sqrt(lists)+4*probes)
	return centroids + probes/lists*float64(n)/lookups + anywhere*float64(min(ef, n))
}
