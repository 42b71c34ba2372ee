package hnsw

import (
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
)

// leastRescored is enough for the ten nearest to be among the best by code, most
// often.
const leastRescored = 40

// rescored is how many of the nearest by code a filtered search measures by their
// vectors at first.
func rescored(q *index.Query) int {
	switch {
	case q.Rescore < 0:
		return 0
	case q.Rescore == 0:
		return max(2*q.K, leastRescored)
	default:
		return max(q.Rescore, q.K)
	}
}

// rescore puts the nearest of the pool into w.hits, in order: with a guide, those
// that the query wants are measured by their vectors.
func (w *walker) rescore(q *index.Query) {
	w.pooled()
	if w.guide != nil {
		w.wanted(q)
		w.hits = quant.Decide(q, w.hits, w.byVectors)
	}
}

// rescoredAhead is how many of the nearest by code are asked of the disk at once:
// most queries measure about as many.
const rescoredAhead = 32

// wanted asks for the vectors that are about to be measured, where they lie on disk.
func (w *walker) wanted(q *index.Query) {
	if q.Rescore < 0 || !w.g.vectors.OnDisk() {
		return
	}
	w.fresh = w.fresh[:0]
	for _, h := range w.hits[:min(max(q.Rescore, rescoredAhead), len(w.hits))] {
		w.fresh = append(w.fresh, uint32(h.Slot))
	}
	w.g.vectors.Rows().Want(w.fresh)
}

// pooled puts the pool into w.hits.
func (w *walker) pooled() {
	w.hits = slices.Grow(w.hits[:0], w.pool.Len())[:w.pool.Len()]
	for at := range w.hits {
		slot, dist := w.pool.At(at)
		w.hits[at] = index.Hit{Slot: index.Slot(slot), Dist: dist}
	}
}

// exact cuts hits to the first `most` and measures them by their vectors, anew
// in order. Without a guide, or with 0, there is nothing to do.
func (w *walker) exact(hits []index.Hit, most int) []index.Hit {
	if w.guide == nil || most == 0 {
		return hits
	}
	hits = hits[:min(most, len(hits))]
	for i, d := range w.byVectors(hits) {
		hits[i].Dist = d
	}
	w.sortHits(hits)
	return hits
}

// byVectors is the distances to the vectors of hits, valid until the next call.
func (w *walker) byVectors(hits []index.Hit) []float32 {
	w.fresh = w.fresh[:0]
	for _, h := range hits {
		w.fresh = append(w.fresh, uint32(h.Slot))
	}
	w.measureVectors()
	return w.dist
}
