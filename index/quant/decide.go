package quant

import (
	"slices"

	"github.com/kithdb/kith/index"
)

const (
	// leastMeasured is how many are measured before the code's error is known, and
	// beyond how many more than the wanted ones.
	leastMeasured, moreMeasured = 16, 6
	// measuredAtOnce is how many are measured at a time from then on.
	measuredAtOnce = 16
	// sure is how many standard deviations of the error an estimate must be beyond
	// the nearest, to be left alone.
	sure = 3
)

// Decide answers the best of hits, which are in the order of their estimates, in
// the order of their distances: measure answers those to the vectors of some.
//
// q says how many are measured: as many as it names, none, or, where it leaves it
// open, as many as the error of the estimates asks for; then the K nearest alone
// are answered. That error is seen on those that are measured, so that every code
// and every query has its own: it goes on until the next estimate is so far beyond
// the K nearest that no error of that size would bring it among them.
func Decide(q *index.Query, hits []index.Hit, measure func([]index.Hit) []float32) []index.Hit {
	var e Lack
	var words [64]uint64 // enough for most
	switch {
	case q.Rescore < 0 || len(hits) == 0:
		return hits
	case q.Rescore > 0:
		hits = hits[:min(max(q.Rescore, q.K), len(hits))]
		settle(&e, hits, measure(hits))
		index.SortHits(hits, words[:])
		return hits
	}
	to := min(max(q.K+moreMeasured, leastMeasured), len(hits))
	settle(&e, hits[:to], measure(hits[:to]))
	index.SortHits(hits[:to], words[:])
	best := hits[:min(q.K, to)]
	for to < len(hits) && float64(hits[to].Dist) <= float64(best[len(best)-1].Dist)+e.Most(sure) {
		few := hits[to:min(to+measuredAtOnce, len(hits))]
		settle(&e, few, measure(few))
		for _, h := range few {
			insert(best, h)
		}
		to += len(few)
	}
	return best
}

// insert puts a hit into its place among the best, and the last of them out, if
// it is nearer than that.
func insert(best []index.Hit, h index.Hit) {
	at, _ := slices.BinarySearchFunc(best, h, index.Nearer)
	if at < len(best) {
		copy(best[at+1:], best[at:])
		best[at] = h
	}
}

// settle puts distances in the place of estimates.
func settle(e *Lack, hits []index.Hit, by []float32) {
	for i := range hits {
		e.Add(float64(by[i] - hits[i].Dist))
		hits[i].Dist = by[i]
	}
}
