package hnsw

import (
	"slices"

	"github.com/kithdb/kith/index"
)

// rarestCheck bounds by how much a walk is widened for a test that few pass.
const rarestCheck = 20

// checked finds the nearest accepted nodes that pass q.Check, measured by their
// vectors: w.results. The test is dear, a look into a store. So the walk is as
// wide as the share that passes asks for, and the test is put to the nearest
// first, until K have passed.
func (w *walker) checked(at index.Hit, ef int, q *index.Query) {
	wider := 1 / max(q.Share, 1.0/rarestCheck)
	breadth := min(int(float64(ef)*wider), max(w.nodes, 1))
	w.terms = filtering{}
	w.walk(at, 0, breadth)
	w.pooled()
	if q.Accept != nil {
		w.hits = slices.DeleteFunc(w.hits, func(h index.Hit) bool { return !q.Accept.Contains(h.Slot) })
	}
	w.hits = w.exact(w.hits, int(float64(rescored(q))*wider))
	w.results = w.results[:0]
	for _, h := range w.hits {
		if q.Check(h.Slot) {
			if w.results = append(w.results, h); len(w.results) == q.K {
				return
			}
		}
	}
	if w.ended() || w.pool.Len() < breadth {
		return
	}
	// Fewer pass here than elsewhere: all that comes near is asked.
	w.filtered(at, 0, max(q.K, leastRescored), q)
	w.results = w.exact(w.results, rescored(q))
}
