package hnsw

import (
	"math"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// nearestFirst is all slots by their distance from a vector.
func (s *space) nearestFirst(v []float32) []index.Slot {
	n := s.rows.Rows().Len()
	slots, dist := make([]uint32, n), make([]float32, n)
	for i := range slots {
		slots[i] = uint32(i)
	}
	simd.Distances(s.m, v, s.rows.Rows().Base(), s.rows.Rows().Stride(), slots, dist)
	slices.SortFunc(slots, func(a, b uint32) int {
		if dist[a] < dist[b] {
			return -1
		}
		return 1
	})
	out := make([]index.Slot, n)
	for i, x := range slots {
		out[i] = index.Slot(x)
	}
	return out
}

func setOf(slots []index.Slot) *index.Set {
	e := (*index.Set)(nil).Edit()
	for _, s := range slots {
		e.Add(s)
	}
	return e.Done()
}

// way answers a search in one way of several, whatever it costs.
type way func(w *walker, entry uint64, ef int, q *index.Query) ending

func byPass(w *walker, _ uint64, _ int, q *index.Query) ending {
	w.scan(q)
	return arrived
}

func through(w *walker, entry uint64, ef int, q *index.Query) ending {
	w.terms = filtering{rates: w.g.rates(w.guide)}
	end := w.filtered(w.descend(entry, 0), 0, ef, q)
	w.settle(q, ef)
	return end
}

func behindOthers(w *walker, entry uint64, ef int, q *index.Query) ending {
	w.terms = filtering{rates: w.g.rates(w.guide), budget: math.Inf(1), probe: probeMost}
	w.terms.share = 1e-9 // the matches are never elsewhere
	w.filtered(w.descend(entry, 0), 0, ef, q)
	end := w.twoHop(ef, q)
	w.settle(q, ef)
	return end
}

// went answers a query in one way.
func (g *Graph) went(how way, q index.Query) ([]index.Hit, index.Work) {
	w := g.walker(g.guideFor(&q))
	defer g.release(w)
	w.query, w.row = simd.Encoded(g.o.space(), q.Vector, w.row)
	if w.guide != nil {
		w.guide.code.Ask(q.Vector, &w.asked)
	}
	how(w, g.entry.Load(), q.Ef, &q)
	return slices.Clone(w.results[:min(q.K, len(w.results))]), w.work
}

// Each way to search among accepted nodes finds them, and only them, by codes
// and by vectors; a pass finds them also where they are as good as equally far.
func TestEachWayThroughAFilter(t *testing.T) {
	const n, queries, k = 4000, 12, 10
	s := newSpace(t, n, 48, index.Euclid)
	g := s.graph(t, 100)
	s.insertAll(t, g)
	for _, guided := range []bool{false, true} {
		if guided {
			if err := g.Guide(s.affine(4), index.Pace{Workers: 1}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			name    string
			how     way
			share   float64
			opposed bool
		}{
			{"pass", byPass, 0.02, false}, {"pass", byPass, 0.5, false}, {"pass", byPass, 0.05, true}, {"pass", byPass, 0.99, true},
			{"through", through, 0.4, false}, {"through", through, 0.9, false},
			{"behind", behindOthers, 0.05, false}, {"behind", behindOthers, 0.2, false}, {"behind", behindOthers, 0.5, false},
		} {
			found := 0
			for range queries {
				v := s.point()
				order := s.nearestFirst(v)
				accept := order[n-int(c.share*n):]
				if !c.opposed {
					accept = nil
					for _, i := range s.rng.Perm(n)[:int(c.share*n)] {
						accept = append(accept, index.Slot(i))
					}
				}
				q := index.Query{Vector: v, K: k, Ef: 100, Accept: setOf(accept)}
				hits, work := g.went(c.how, q)
				if work.Distances > n*2 {
					t.Errorf("%s at %g: %+v", c.name, c.share, work)
				}
				want := order[:0:0]
				for _, at := range order {
					if q.Accept.Contains(at) && len(want) < k {
						want = append(want, at)
					}
				}
				for _, h := range hits {
					if !q.Accept.Contains(h.Slot) {
						t.Fatalf("%s at %g found %d, which is not accepted", c.name, c.share, h.Slot)
					}
					if slices.Contains(want, h.Slot) {
						found++
					}
				}
			}
			if recall := float64(found) / (queries * k); recall < 0.95 {
				t.Errorf("%s at %g, opposed %v, by codes %v: recall %.3f", c.name, c.share, c.opposed, guided, recall)
			}
		}
	}
}

// A walk that has cost as much as a pass gives up, and one that meets no match
// around the query says so.
func TestAWalkKnowsItsEnd(t *testing.T) {
	const n = 4000
	s := newSpace(t, n, 16, index.Euclid)
	g := s.graph(t, 60)
	s.insertAll(t, g)
	v := s.point()
	order := s.nearestFirst(v)
	far, near := setOf(order[n/2:]), setOf(order[:n/2])
	var end ending
	walk := func(terms filtering) way {
		return func(w *walker, entry uint64, ef int, q *index.Query) ending {
			terms.rates = g.rates(nil)
			w.terms = terms
			end = w.filtered(w.descend(entry, 0), 0, ef, q)
			return end
		}
	}
	for _, c := range []struct {
		name   string
		terms  filtering
		accept *index.Set
		want   ending
	}{
		{"far", filtering{share: 0.5, budget: math.Inf(1), probe: probeHops}, far, away},
		{"near", filtering{share: 0.5, budget: math.Inf(1), probe: probeHops}, near, arrived},
		{"poor", filtering{share: 0.5, budget: 1000}, near, spent},
	} {
		g.went(walk(c.terms), index.Query{Vector: v, K: 10, Ef: 60, Accept: c.accept})
		if end != c.want {
			t.Errorf("%s: ended %d, want %d", c.name, end, c.want)
		}
	}
}

// A test that is dear is asked of few, nearest first; where it fails for all of
// them the walk goes on to who passes.
func TestACheckIsAskedOfFew(t *testing.T) {
	const n = 4000
	s := newSpace(t, n, 16, index.Euclid)
	g := s.graph(t, 60)
	s.insertAll(t, g)
	v := s.point()
	order := s.nearestFirst(v)
	asked := 0
	third := func(slot index.Slot) bool { asked++; return slot%3 == 0 }
	hits, _ := g.Search(index.Query{Vector: v, K: 10, Ef: 80, Check: third, Share: 0.33}, nil)
	if len(hits) != 10 || asked > 90 {
		t.Errorf("%d hits with %d looks", len(hits), asked)
	}
	near := setOf(order[:600])
	hits, _ = g.Search(index.Query{Vector: v, K: 10, Ef: 80, Check: func(slot index.Slot) bool { return !near.Contains(slot) }, Share: 0.85}, nil)
	if len(hits) != 10 {
		t.Errorf("%d hits beyond the nearest", len(hits))
	}
	for _, h := range hits {
		if near.Contains(h.Slot) {
			t.Errorf("%d does not pass", h.Slot)
		}
	}
}
