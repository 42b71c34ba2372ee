package hnsw

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
)

const (
	// scanBlock is how many slots are looked through at once.
	scanBlock = 4096
	// chunk is how many are compared with the same bar.
	chunk = 256
	// gauged is how many are measured by both codes and vectors at first, to learn
	// how far the codes are off.
	gauged = 64
	// doubt is how many standard deviations of that an estimate may lie behind
	// the last of the nearest and still be measured.
	doubt = 2.5
)

// scan compares the codes of all accepted nodes and measures by their vectors
// whatever may be among the K nearest, given how far codes are off: w.results.
// Where the nearest stand out that is some hundreds; where the matches are as
// good as equally far it is most of them, and the codes are left aside. A number
// of candidates that was asked for, or none, is taken as such.
func (w *walker) scan(q *index.Query) {
	if w.guide == nil || q.Rescore != 0 {
		w.estimate(q)
		w.results = w.exact(w.results, rescored(q))
		return
	}
	w.top.Reset(q.K)
	w.off = quant.Lack{}
	w.scanFrom(0, q)
}

// scanFrom goes on with a scan from a slot.
func (w *walker) scanFrom(at index.Slot, q *index.Query) {
	var t tally
	for ; int(at) < w.g.nodes.Rows().Len() && !q.Ended(); at += scanBlock {
		w.block(q, at)
		w.compare(&t)
	}
	w.results = w.top.Append(w.results[:0])
}

// tally is how many a pass has looked at by their codes, or not at all, and how
// many it has measured by their vectors.
type tally struct{ looked, asked int }

// compare measures those of w.slots that may be among the nearest: w.top.
func (w *walker) compare(t *tally) {
	for left := w.slots; len(left) > 0; {
		n := min(len(left), chunk)
		if !w.off.Known() {
			n = min(n, gauged)
		}
		w.fresh = append(w.fresh[:0], left[:n]...)
		left = left[n:]
		w.closer(t.looked > 4*chunk && t.asked*2 > t.looked)
		t.looked, t.asked = t.looked+n, t.asked+len(w.fresh)
	}
}

// block sets w.slots to the accepted slots of a block of slots, or to all of them.
func (w *walker) block(q *index.Query, from index.Slot) {
	end := min(from+scanBlock, index.Slot(w.g.nodes.Rows().Len()))
	if w.slots = w.slots[:0]; q.Accept != nil {
		w.slots = q.Accept.AppendRange(w.slots, from, end)
		return
	}
	for ; from < end; from++ {
		w.slots = append(w.slots, uint32(from))
	}
}

// closer measures those of w.fresh that may be among the nearest, and leaves
// these there: all are when their codes are left aside.
func (w *walker) closer(aside bool) {
	if !w.off.Known() {
		w.gauge()
	} else if !aside {
		w.likely()
	}
	w.offerAll()
}

// offerAll measures w.fresh by their vectors and offers those in the graph to
// w.top.
func (w *walker) offerAll() {
	w.measureVectors()
	worst := w.top.Worst()
	for i, s := range w.fresh {
		if w.dist[i] <= worst && w.g.levels(s) > 0 {
			w.top.Offer(index.Slot(s), w.dist[i])
			worst = w.top.Worst()
		}
	}
}

// bar is the distance by code up to which a node may be among the nearest.
func (w *walker) bar() float32 {
	return w.top.Worst() + float32(w.off.Most(doubt))
}

// likely keeps of w.fresh whose codes say that they may be among the nearest.
func (w *walker) likely() {
	w.distances()
	w.nearer(doubt)
}

// nearer keeps of w.fresh whose distances by code are not beyond so many deviations.
func (w *walker) nearer(deviations float64) {
	bar := w.top.Worst() + float32(w.off.Most(deviations))
	kept := w.fresh[:0]
	for i, s := range w.fresh {
		if w.dist[i] <= bar {
			kept = append(kept, s)
		}
	}
	w.fresh = kept
}

// gauge learns from w.fresh how much farther vectors are than their codes say.
func (w *walker) gauge() {
	w.fresh = w.g.inside(w.fresh) // others have no code yet
	w.distances()
	w.codes = append(w.codes[:0], w.dist...)
	w.measureVectors()
	for i, d := range w.dist {
		w.off.Add(float64(d - w.codes[i]))
	}
}

// estimate puts the nearest by code into w.results: as many as are measured
// later.
func (w *walker) estimate(q *index.Query) {
	most := q.K
	if w.guide != nil {
		most = max(q.K, rescored(q))
	}
	w.top.Reset(most)
	for at := index.Slot(0); int(at) < w.g.nodes.Rows().Len() && !q.Ended(); at += scanBlock {
		w.block(q, at)
		w.fresh = w.g.inside(append(w.fresh[:0], w.slots...))
		w.distances()
		for i, s := range w.fresh {
			w.top.Offer(index.Slot(s), w.dist[i])
		}
	}
	w.results = w.top.Append(w.results[:0])
}

// inside keeps the slots that are in the graph, in place.
func (g *Graph) inside(slots []uint32) []uint32 {
	kept := slots[:0]
	for _, s := range slots {
		if g.levels(s) > 0 {
			kept = append(kept, s)
		}
	}
	return kept
}
