package hnsw

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/block"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/invariant"
)

// space is clustered random vectors in a pinned arena.
type space struct {
	rows *arena.Arena
	dim  int
	m    index.Metric
	rng  *rand.Rand
	mid  [][]float32
}

func newSpace(t testing.TB, n, dim int, m index.Metric) *space {
	t.Helper()
	s := &space{rows: arena.New(arena.Options{RowBytes: 4 * dim}), dim: dim, m: m, rng: rand.New(rand.NewPCG(uint64(n), uint64(dim)))}
	if err := errors.Join(s.rows.Pin(), s.rows.Grow(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.rows.Close(); err != nil {
			t.Error(err)
		}
	})
	for range 20 {
		s.mid = append(s.mid, s.around(nil))
	}
	for i := range n {
		copy(s.rows.Rows().Floats(uint32(i)), s.point())
	}
	return s
}

func (s *space) around(mid []float32) []float32 {
	v := make([]float32, s.dim)
	var sum float64
	for i := range v {
		v[i] = float32(s.rng.NormFloat64())
		if mid != nil {
			v[i] = mid[i] + v[i]/2
		}
		sum += float64(v[i]) * float64(v[i])
	}
	if s.m == index.Cosine {
		for i := range v {
			v[i] /= float32(math.Sqrt(sum))
		}
	}
	return v
}

func (s *space) point() []float32 { return s.around(s.mid[s.rng.IntN(len(s.mid))]) }

func (s *space) graph(t testing.TB, efConstruct int) *Graph {
	t.Helper()
	g, err := New(s.rows, Options{Dim: s.dim, Metric: s.m, M: 12, EfConstruct: efConstruct, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (s *space) insertAll(t testing.TB, g *Graph) {
	t.Helper()
	for i := range s.rows.Rows().Len() {
		if err := g.Insert(index.Slot(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func all(n int) *index.Set {
	e := (*index.Set)(nil).Edit()
	for i := range n {
		e.Add(index.Slot(i))
	}
	return e.Done()
}

// recall is the share of true neighbours found, over a number of queries. A hit
// as near as the last true one counts.
func (s *space) recall(g *Graph, q index.Query, queries int) float64 {
	found, want := 0, 0
	for range queries {
		q.Vector = s.point()
		exact := q
		if exact.Accept == nil {
			exact.Accept = all(s.rows.Rows().Len())
		}
		truth, _ := flat.Range(exact, index.Space{Metric: s.m}, s.rows.Rows(), 0, index.Slot(s.rows.Rows().Len()), nil)
		hits, _ := g.Search(q, nil)
		want += len(truth)
		for _, h := range hits {
			if len(truth) > 0 && h.Dist <= truth[len(truth)-1].Dist {
				found++
			}
		}
	}
	if want == 0 {
		return 1
	}
	return float64(min(found, want)) / float64(want)
}

func TestRecallOnEveryMetric(t *testing.T) {
	for m := index.Cosine; m <= index.Manhattan; m++ {
		t.Run(m.String(), func(t *testing.T) {
			s := newSpace(t, 3000, 24, m)
			g := s.graph(t, 100)
			s.insertAll(t, g)
			last := 0.0
			for _, ef := range []int{10, 40, 200} {
				r := s.recall(g, index.Query{K: 10, Ef: ef}, 60)
				if r < last-0.05 {
					t.Errorf("ef %d: recall falls from %.3f to %.3f", ef, last, r)
				}
				last = r
			}
			if last < 0.98 {
				t.Errorf("recall %.3f at ef 200", last)
			}
		})
	}
}

// A query accepts only some slots; the others are still walked through.
func TestRecallUnderFilters(t *testing.T) {
	s := newSpace(t, 4000, 16, index.Euclid)
	g := s.graph(t, 80)
	s.insertAll(t, g)
	for _, share := range []int{1, 2, 10, 100, 1000} {
		t.Run(fmt.Sprint("one in ", share), func(t *testing.T) {
			e := (*index.Set)(nil).Edit()
			for i := 0; i < 4000; i += share {
				e.Add(index.Slot(i))
			}
			q := index.Query{K: 10, Ef: 64, Accept: e.Done(), Check: func(s index.Slot) bool { return s%3 != 1 }}
			hits, _ := g.Search(index.Query{Vector: s.point(), K: 10, Ef: 64, Accept: q.Accept, Check: q.Check}, nil)
			for _, h := range hits {
				if !q.Accept.Contains(h.Slot) || !q.Check(h.Slot) {
					t.Fatalf("slot %d was not to be returned", h.Slot)
				}
			}
			q.Check = nil
			if r := s.recall(g, q, 40); r < 0.95 {
				t.Errorf("recall %.3f", r)
			}
		})
	}
}

func TestDuplicatesAndTinyGraphs(t *testing.T) {
	s := newSpace(t, 500, 4, index.Euclid)
	for i := range 400 {
		copy(s.rows.Rows().Floats(uint32(i)), []float32{1, 2, 3, 4})
	}
	g := s.graph(t, 20)
	if hits, _ := g.Search(index.Query{Vector: s.point(), K: 5}, nil); len(hits) != 0 {
		t.Fatalf("an empty graph answers %d hits", len(hits))
	}
	for i := range 500 {
		if err := g.Insert(index.Slot(i)); err != nil {
			t.Fatal(err)
		}
		if i < 12 {
			hits, _ := g.Search(index.Query{Vector: []float32{1, 2, 3, 4}, K: 20, Ef: 20}, nil)
			if len(hits) != i+1 {
				t.Fatalf("%d of %d equal vectors found", len(hits), i+1)
			}
		}
	}
	hits, _ := g.Search(index.Query{Vector: []float32{1, 2, 3, 4}, K: 10, Ef: 64}, nil)
	for _, h := range hits {
		if h.Dist != 0 {
			t.Errorf("slot %d at %v before an equal one", h.Slot, h.Dist)
		}
	}
	if err := g.Insert(7); err != nil || g.Len() != 500 {
		t.Errorf("a second insert: %v, %d nodes", err, g.Len())
	}
	if err := g.Insert(maxSlot); err == nil {
		t.Error("a slot beyond the limit was accepted")
	}
}

// check proves the invariants that a walk relies on.
func (g *Graph) mustBeSound(t *testing.T, live *index.Set) {
	t.Helper()
	for s := range uint32(g.nodes.Rows().Len()) {
		for level := range g.levels(s) {
			seen := map[uint32]bool{}
			for _, to := range links(nil, g.list(s, level)) {
				switch {
				case to == s:
					t.Fatalf("node %d links to itself on level %d", s, level)
				case seen[to]:
					t.Fatalf("node %d links twice to %d", s, to)
				case g.levels(to) <= level:
					t.Fatalf("node %d links to %d, which is not on level %d", s, to, level)
				case live != nil && !live.Contains(index.Slot(to)):
					t.Fatalf("node %d links to the dead node %d", s, to)
				}
				seen[to] = true
			}
			if len(seen) > g.o.most(level) {
				t.Fatalf("node %d has %d links on level %d", s, len(seen), level)
			}
		}
	}
}

func TestConcurrentInsertsAndSearches(t *testing.T) {
	const n = 2000
	s := newSpace(t, n, 16, index.Dot)
	g := s.graph(t, 60)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < n; i += 4 {
				if err := g.Insert(index.Slot(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	queries := make([][]float32, 50)
	for i := range queries {
		queries[i] = s.point()
	}
	for range 2 {
		wg.Go(func() {
			for _, q := range queries {
				hits, _ := g.Search(index.Query{Vector: q, K: 10, Ef: 50}, nil)
				if !slices.IsSortedFunc(hits, func(a, b index.Hit) int {
					if a.Dist < b.Dist {
						return -1
					}
					return 1
				}) && len(hits) > 1 {
					for i := 1; i < len(hits); i++ {
						if hits[i].Dist < hits[i-1].Dist {
							t.Error("hits out of order")
						}
					}
				}
			}
		})
	}
	wg.Wait()
	g.mustBeSound(t, nil)
	if g.Len() != n {
		t.Fatalf("%d nodes of %d", g.Len(), n)
	}
	if r := s.recall(g, index.Query{K: 10, Ef: 200}, 50); r < 0.95 {
		t.Errorf("recall %.3f after concurrent inserts", r)
	}
}

func TestSaveAndLoad(t *testing.T) {
	s := newSpace(t, 1500, 12, index.Cosine)
	g := s.graph(t, 50)
	s.insertAll(t, g)
	var file bytes.Buffer
	want := index.Meta{High: 1500, Applied: 77, Effort: 128}
	if err := g.Save(&file, want); err != nil {
		t.Fatal(err)
	}
	again, meta, err := Load(bytes.NewReader(file.Bytes()), s.rows, g.o)
	if err != nil || meta != want {
		t.Fatalf("load: %+v, %v", meta, err)
	}
	defer again.Close()
	again.mustBeSound(t, nil)
	for range 30 {
		q := index.Query{Vector: s.point(), K: 10, Ef: 40}
		a, workA := g.Search(q, nil)
		b, workB := again.Search(q, nil)
		if !slices.Equal(a, b) || workA != workB {
			t.Fatalf("the loaded graph answers %v at %v, was %v at %v", b, workB, a, workA)
		}
	}
	var second bytes.Buffer
	if err := again.Save(&second, want); err != nil || !bytes.Equal(file.Bytes(), second.Bytes()) {
		t.Errorf("a loaded graph is saved with other bytes (%v)", err)
	}
	other := g.o
	other.M++
	if _, _, err := Load(bytes.NewReader(file.Bytes()), s.rows, other); !errors.Is(err, ErrSettings) {
		t.Errorf("other settings: %v", err)
	}
	future := bytes.Clone(file.Bytes())
	future[8] = 9
	if _, _, err := Load(bytes.NewReader(future), s.rows, g.o); !errors.Is(err, ErrVersion) {
		t.Errorf("another version: %v", err)
	}
}

// Any damage is found, wherever it is.
func TestDamagedFilesAreRefused(t *testing.T) {
	s := newSpace(t, 300, 8, index.Euclid)
	g := s.graph(t, 20)
	s.insertAll(t, g)
	var file bytes.Buffer
	if err := g.Save(&file, index.Meta{High: 300}); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 400 {
		bad := bytes.Clone(file.Bytes())
		switch i % 3 {
		case 0:
			bad = bad[:rng.IntN(len(bad))]
		default:
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		}
		h, _, err := Load(bytes.NewReader(bad), s.rows, g.o)
		if err == nil {
			h.Close()
			t.Fatalf("round %d: damage was not found", i)
		}
	}
}

func FuzzLoad(f *testing.F) {
	s := newSpace(f, 60, 4, index.Euclid)
	g := s.graph(f, 10)
	s.insertAll(f, g)
	var file bytes.Buffer
	if err := g.Save(&file, index.Meta{High: 60}); err != nil {
		f.Fatal(err)
	}
	// Checksums are made here: what is fuzzed is what they would let through.
	f.Add(file.Bytes()[headerSize:file.Len()-4], uint8(60), uint8(g.rows), uint8(60), g.entry.Load())
	f.Fuzz(func(t *testing.T, body []byte, slots, upper, count uint8, entry uint64) {
		var blocks bytes.Buffer
		w := block.NewWriter(&blocks)
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		h := &header{Slots: uint32(slots % 61), Upper: uint32(upper), Count: uint32(count), Entry: entry}
		fresh := s.graph(t, 10)
		if _, err := fresh.read(block.NewReader(&blocks), h); err == nil {
			fresh.Search(index.Query{Vector: s.point(), K: 10, Ef: 20}, nil)
		}
	})
}

func TestRepair(t *testing.T) {
	const n = 2500
	for _, keep := range []int{2, 20} { // one in so many stays
		t.Run(fmt.Sprint("one in ", keep), func(t *testing.T) {
			s := newSpace(t, n, 16, index.Euclid)
			g := s.graph(t, 80)
			s.insertAll(t, g)
			e := (*index.Set)(nil).Edit()
			for i := range n {
				if i%keep == 0 {
					e.Add(index.Slot(i))
				}
			}
			live := e.Done()
			removed, err := g.Repair(live, index.Pace{Workers: 2})
			if err != nil || removed != n-live.Len() || g.Len() != live.Len() {
				t.Fatalf("%d removed, %d left, %v", removed, g.Len(), err)
			}
			g.mustBeSound(t, live)
			if r := s.recall(g, index.Query{K: 10, Ef: 100, Accept: live}, 50); r < 0.95 {
				t.Errorf("recall %.3f after the repair", r)
			}
			again, err := g.Repair(live, index.Pace{Workers: 2})
			if again != 0 || err != nil {
				t.Errorf("a second repair removes %d, %v", again, err)
			}
			var file bytes.Buffer
			if err := g.Save(&file, index.Meta{High: n}); err != nil {
				t.Fatal(err)
			}
			loaded, _, err := Load(&file, s.rows, g.o)
			if err != nil {
				t.Fatal(err)
			}
			defer loaded.Close()
			if r := s.recall(loaded, index.Query{K: 10, Ef: 100, Accept: live}, 50); r < 0.95 {
				t.Errorf("recall %.3f after repair and load", r)
			}
		})
	}
}

func TestRepairOfEverything(t *testing.T) {
	s := newSpace(t, 200, 4, index.Euclid)
	g := s.graph(t, 20)
	s.insertAll(t, g)
	if _, err := g.Repair(nil, index.Pace{Workers: 1}); err != nil || g.Len() != 0 {
		t.Fatalf("%d nodes are left, %v", g.Len(), err)
	}
	if hits, _ := g.Search(index.Query{Vector: s.point(), K: 3}, nil); len(hits) != 0 {
		t.Errorf("an emptied graph answers %v", hits)
	}
}

// Searches beside a repair meet dead nodes, never a panic.
func TestSearchBesideRepair(t *testing.T) {
	const n = 3000
	s := newSpace(t, n, 8, index.Euclid)
	g := s.graph(t, 40)
	s.insertAll(t, g)
	queries := make([][]float32, 300)
	for i := range queries {
		queries[i] = s.point()
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for _, q := range queries {
				g.Search(index.Query{Vector: q, K: 10, Ef: 40}, nil)
			}
		})
	}
	live := all(n)
	for round := range 4 {
		e := live.Edit()
		for i := round; i < n; i += 7 {
			e.Remove(index.Slot(i))
		}
		live = e.Done()
		if _, err := g.Repair(live, index.Pace{Workers: 1}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	g.mustBeSound(t, live)
}

func TestSearchAllocatesNothing(t *testing.T) {
	if invariant.Enabled {
		t.Skip("the race detector makes sync.Pool forget on purpose")
	}
	s := newSpace(t, 1000, 16, index.Dot)
	g := s.graph(t, 40)
	s.insertAll(t, g)
	accept := all(1000)
	dst := make([]index.Hit, 0, 64)
	for _, q := range []index.Query{{Vector: s.point(), K: 10, Ef: 64}, {Vector: s.point(), K: 10, Ef: 64, Accept: accept}} {
		g.Search(q, dst[:0])
		if n := testing.AllocsPerRun(50, func() { dst, _ = g.Search(q, dst[:0]) }); n > 0 {
			t.Errorf("a search allocates %v times", n)
		}
	}
}

// A search that has to stop expands hardly more than it had, and answers what
// it has found.
func TestSearchEndsEarly(t *testing.T) {
	s := newSpace(t, 3000, 8, index.Dot)
	g := s.graph(t, 40)
	s.insertAll(t, g)
	done := make(chan struct{})
	close(done)
	for _, accept := range []*index.Set{nil, all(3000)} {
		q := index.Query{Vector: s.point(), K: 10, Ef: 2000, Accept: accept}
		if _, whole := g.Search(q, nil); whole.Hops < 20*patience && whole.Distances < 2900 {
			t.Fatalf("a search that is left alone does %+v: too little to tell", whole)
		}
		q.Done = done
		if _, cut := g.Search(q, nil); cut.Hops > 2*patience || cut.Hops == 0 && cut.Distances > 0 {
			t.Errorf("a search that has to stop: %+v", cut)
		}
		q.Check = func(slot index.Slot) bool { return slot%2 == 0 }
		if _, cut := g.Search(q, nil); cut.Hops > 2*patience {
			t.Errorf("with a check, a search that has to stop expands %d nodes", cut.Hops)
		}
	}
}
