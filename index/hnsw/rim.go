package hnsw

import (
	"math"
	"slices"

	"github.com/kithdb/kith/index"
)

// rim is how far a tree's members lie from their nearest neighbours: what finds
// its nearest farther away asks from the edge of the tenant's region, or from
// outside of it. The nearest members are more and more as good as equally far from
// there, and a walk of the usual breadth finds some of them and misses others.
type rim struct {
	edge    float32 // of seven in ten the nearest is nearer
	dist    float32 // of all but a few it is much nearer
	members int     // of the tree when it was looked at
}

const (
	// looked is how many members a rim is learnt from. The farthest of them may
	// stand alone and say nothing; outside is as far beyond the others as those are
	// beyond the middle, so that next to nobody within is taken for outside.
	looked, alone, within = 64, 3, 0.7
	// rimEf is the breadth of the walks that look for their neighbours.
	rimEf = 24
	// A search from the edge is so many times as broad, and one from outside.
	atEdge, outward = 2, 4
)

// wider is how many times as broad the search is to be that found these, nearest
// first.
func (t *Tree) wider(hits []index.Hit) int {
	r := t.rim.Load()
	switch {
	case r == nil || len(hits) == 0 || hits[0].Dist <= r.edge:
		return 1
	case hits[0].Dist <= r.dist:
		return atEdge
	}
	return outward
}

// look learns the rim anew once the tree has doubled. Not beside Insert.
func (t *Tree) look() {
	n, r := t.Len(), t.rim.Load()
	if n < looked || r != nil && n < 2*r.members {
		return
	}
	members := t.Members().AppendRange(nil, 0, index.NoSlot)
	w := t.g.walker(t.g.guide.Load())
	defer t.g.release(w)
	var nearest []float32
	for i := range looked {
		if d := w.neighbour(members[i*len(members)/looked], t.entry.Load()); !math.IsInf(float64(d), 1) {
			nearest = append(nearest, d)
		}
	}
	slices.Sort(nearest)
	if len(nearest) > alone {
		far := nearest[len(nearest)-alone]
		edge := nearest[int(within*float64(len(nearest)))]
		t.rim.Store(&rim{min(edge, far), far + (far - nearest[len(nearest)/2]), n})
	}
}

// neighbour is about the distance of a node to its nearest other one.
func (w *walker) neighbour(s uint32, entry uint64) float32 {
	w.towards(s)
	w.walk(w.descend(entry, 0), 0, rimEf)
	w.fresh = w.fresh[:0]
	for at := range w.pool.Len() {
		if other, _ := w.pool.At(at); other != s {
			w.fresh = append(w.fresh, other)
		}
	}
	w.measureVectors()
	least := float32(math.Inf(1))
	for _, d := range w.dist {
		least = min(least, d)
	}
	return least
}

// wide is a search so many times broader, or over all that is accepted where that
// is cheaper.
func (t *Tree) wide(q *index.Query, times int, dst []index.Hit) ([]index.Hit, index.Work) {
	broad := *q
	broad.Ef = times * max(q.Ef, t.g.o.EfConstruct)
	r := t.g.rates(t.g.guide.Load())
	n := float64(q.Accept.Len())
	if n*r.pass <= r.walk(broad.Ef, t.g.o.M, n/float64(max(t.Len(), 1))) {
		return t.g.passed(q, dst)
	}
	return t.near(&broad, dst)
}

// passed compares all accepted nodes, by their codes first where there are some.
func (g *Graph) passed(q *index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	w := g.asker(q)
	defer g.release(w)
	w.scan(q)
	return append(dst, w.results[:min(q.K, len(w.results))]...), w.work
}
