package hnsw

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

// newFlat is a space of vectors that vary along ten axes most, in groups that go
// the same way across these.
func newFlat(t *testing.T, n, dim int, m index.Metric) *space {
	s := newSpace(t, n, dim, m)
	var axes [10][]float32
	for i := range axes {
		for range dim {
			axes[i] = append(axes[i], float32(s.rng.NormFloat64()))
		}
	}
	s.mid = nil
	for range n / 30 {
		mid := make([]float32, dim)
		for d := range mid {
			mid[d] = float32(s.rng.NormFloat64())
		}
		for i, axis := range axes {
			part := 1.5 * float32(s.rng.NormFloat64()) / float32(1+i)
			for d := range mid {
				mid[d] += part * axis[d]
			}
		}
		s.mid = append(s.mid, mid)
	}
	for i := range n {
		copy(s.rows.Rows().Floats(uint32(i)), s.point())
	}
	return s
}

// sketched is a graph by codes whose nodes have sketches, made in pieces; a loose
// one has no links.
func (s *space) sketched(t *testing.T, loose bool) *Graph {
	t.Helper()
	g, err := New(s.rows, Options{Dim: s.dim, Metric: s.m, M: 12, EfConstruct: 40, Seed: 3, Loose: loose})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	s.insertAll(t, g)
	if err := g.Guide(s.affine(4), index.Pace{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	s.sketchAll(t, g)
	return g
}

func (s *space) sketchAll(t *testing.T, g *Graph) {
	t.Helper()
	for left := g.Unsketched(); left > 0; {
		now, err := g.SketchSome(1500, index.Pace{Workers: 2})
		if err != nil || now >= left || now != g.Unsketched() {
			t.Fatalf("%d slots left, %d before, %d unsketched, error %v", now, left, g.Unsketched(), err)
		}
		left = now
	}
}

// where the matches of a filter lie.
type where int

const (
	anywhere where = iota
	nearest
	farthest
	mostlyFarthest // and a few of the nearest
)

// some is a share of the slots, by where they lie from a vector.
func (s *space) some(order []index.Slot, share float64, lie where) []index.Slot {
	n := int(share * float64(len(order)))
	switch lie {
	case nearest:
		return order[:n]
	case farthest:
		return order[len(order)-n:]
	case mostlyFarthest:
		return append([]index.Slot{order[3], order[6], order[8]}, order[len(order)-n:]...)
	}
	var out []index.Slot
	for _, i := range s.rng.Perm(len(order))[:n] {
		out = append(out, order[i])
	}
	return out
}

// among is the recall of ten of searches among a share of the slots, and what each
// took.
func (s *space) among(g *Graph, how way, share float64, lie where) (recall float64, took index.Work) {
	const queries, k = 12, 10
	found := 0
	for range queries {
		v := s.point()
		order := s.nearestFirst(v)
		q := index.Query{Vector: v, K: k, Ef: 60, Accept: setOf(s.some(order, share, lie))}
		hits, work := g.went(how, q)
		took = took.Add(work)
		var want []index.Slot
		for _, at := range order {
			if q.Accept.Contains(at) && len(want) < k {
				want = append(want, at)
			}
		}
		for _, h := range hits {
			if slices.Contains(want, h.Slot) {
				found++
			}
		}
	}
	return float64(found) / (queries * k), index.Work{Distances: took.Distances / queries, Hops: took.Hops / queries}
}

// bySketches is a pass for a query that walked among so many nodes as a search
// does, and met few matches.
func bySketches(w *walker, entry uint64, ef int, q *index.Query) ending {
	w.terms = filtering{rates: w.g.rates(w.guide), probe: probeMost, share: 0.5}
	w.filtered(w.descend(entry, 0), 0, ef, q)
	w.top.Reset(0)
	w.distant(q)
	return arrived
}

// A pass by sketches finds the nearest matches of a query that has none around it,
// or a few, and looks at the codes of a small part of them.
func TestPassBySketches(t *testing.T) {
	const n = 4200
	metrics := []index.Metric{index.Euclid, index.Dot, index.Cosine}
	if testing.Short() {
		metrics = metrics[1:2]
	}
	for _, m := range metrics {
		s := newFlat(t, n, 400, m)
		g := s.sketched(t, false)
		for _, share := range []float64{0.6, 0.8, 0.95} {
			for _, lie := range []where{farthest, mostlyFarthest} {
				if !g.rates(g.guide.Load()).sketches(share * n) {
					t.Fatalf("%v at %g: a pass goes without sketches", m, share)
				}
				recall, took := s.among(g, bySketches, share, lie)
				if recall < 0.96 {
					t.Errorf("%v at %g, lying %d: recall %.3f", m, share, lie, recall)
				}
				if walked := 5.0 * float64(took.Hops); float64(took.Distances) > 0.35*share*n+walked {
					t.Errorf("%v at %g, lying %d: %+v", m, share, lie, took)
				}
			}
		}
	}
}

// Searches find matches wherever they lie, and see at once that none is near: they
// take a fraction of the distances of a pass through the codes.
func TestSearchesAroundAHole(t *testing.T) {
	const n = 4200
	s := newFlat(t, n, 400, index.Euclid)
	g := s.sketched(t, false)
	search := func(w *walker, entry uint64, ef int, q *index.Query) ending {
		w.nodes = n
		w.among(entry, ef, q)
		return arrived
	}
	for _, share := range []float64{0.1, 0.5, 0.9, 0.99} {
		for lie := anywhere; lie <= mostlyFarthest; lie++ {
			recall, took := s.among(g, search, share, lie)
			if recall < 0.95 {
				t.Errorf("%g, lying %d: recall %.3f", share, lie, recall)
			}
			if lie == farthest && share >= 0.9 && (float64(took.Distances) > 0.3*share*n || took.Hops > 3*glimpse) {
				t.Errorf("%g, lying %d: %+v", share, lie, took)
			}
		}
	}
}

// Sketches follow what is inserted and cut off, also when they are made in turns
// with it, and a new code begins them anew.
func TestSketchesFollow(t *testing.T) {
	const n = 6000
	s := newSpace(t, n, 160, index.Euclid)
	g, err := New(s.rows, Options{Dim: s.dim, Metric: s.m, M: 12, EfConstruct: 60, Seed: 3, Loose: true})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	insert := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if err := g.Insert(index.Slot(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if insert(0, 100); g.Unsketched() != 0 {
		t.Error("sketches without codes")
	}
	if err := g.Guide(s.affine(4), index.Pace{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	if insert(100, 1000); g.Unsketched() != 0 {
		t.Error("sketches of few nodes")
	}
	insert(1000, 5000)
	if left, err := g.SketchSome(2000, index.Pace{Workers: 2, Go: func(int) bool { return false }}); left != 5000 || err != nil {
		t.Fatalf("%d slots left after a piece that was stopped, %v", left, err)
	}
	if left, err := g.SketchSome(2000, index.Pace{Workers: 2, Go: func(int) bool { return g.guide.Load().sketch == nil }}); left != 5000 || err != nil {
		t.Fatalf("%d slots left after a piece that was stopped, %v", left, err)
	}
	if left, err := g.SketchSome(2000, index.Pace{Workers: 2}); left != 3000 || err != nil {
		t.Fatal(left, err)
	}
	for i := 1000; i < 1500; i++ { // other vectors move in
		g.remove([]uint32{uint32(i)})
		copy(s.rows.Rows().Floats(uint32(i)), s.point())
	}
	insert(1000, 1500)
	insert(5000, n)
	s.sketchAll(t, g)
	g.Truncate(4097)
	insert(4097, n)
	if left := g.Unsketched(); left != n-4097 {
		t.Errorf("%d unsketched after a cut", left)
	}
	s.sketchAll(t, g)
	s.checkSketches(t, g)
	if err := g.Guide(s.affine(8), index.Pace{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	if left := g.Unsketched(); left != n {
		t.Errorf("%d unsketched by a new code", left)
	}
}

// checkSketches compares every slot's sketch with one of its vector.
func (s *space) checkSketches(t *testing.T, g *Graph) {
	t.Helper()
	rows, _, end := g.guide.Load().sketch.blocks()
	if end != s.rows.Rows().Len() {
		t.Fatalf("%d sketches", end)
	}
	w := g.walker(nil)
	defer g.release(w)
	v := s.point()
	g.guide.Load().sketch.code.Ask(v, &w.rough)
	fresh := arena.New(arena.Options{RowBytes: simd.SketchBytes})
	if err := fresh.Grow(1); err != nil {
		t.Fatal(err)
	}
	var got, want [simd.SketchRows]float32
	next := make([]byte, quant.SketchNextBytes())
	for i := range end {
		w.decode(uint32(i))
		g.guide.Load().sketch.code.Put(fresh.Rows().Bytes(0), i%simd.SketchRows, next, w.vector, &w.scratch)
		if !bytes.Equal(next, g.guide.Load().sketch.next.Rows().Bytes(uint32(i))) {
			t.Fatalf("slot %d has the second row of another vector", i)
		}
		w.rough.Estimates(sketchAt(rows, i/simd.SketchRows), &got)
		w.rough.Estimates(fresh.Rows().Base(), &want)
		if lane := i % simd.SketchRows; got[lane] != want[lane] {
			t.Fatalf("slot %d has the sketch of another vector", i)
		}
	}
}

// Where vectors vary in all directions, or are short, there are no sketches, and a
// pass finds what it found.
func TestNoSketches(t *testing.T) {
	const n = 5000
	for _, dim := range []int{96, 256} {
		s := newSpace(t, n, dim, index.Euclid)
		for i := range n {
			for d := range dim {
				s.rows.Rows().Floats(uint32(i))[d] = float32(s.rng.NormFloat64())
			}
		}
		g := s.sketched(t, true)
		if by := g.guide.Load(); g.Unsketched() != 0 || by.sketch.all(n) || g.rates(by).sketch != 0 {
			t.Errorf("%d dimensions have sketches", dim)
		}
		if recall, _ := s.among(g, byPass, 0.9, farthest); recall < 0.95 {
			t.Errorf("%d dimensions: recall %.3f", dim, recall)
		}
		if math.IsInf(g.rates(g.guide.Load()).scan(n), 0) {
			t.Error("a pass takes for ever")
		}
	}
}
