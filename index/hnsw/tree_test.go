package hnsw

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
	"github.com/kithdb/kith/index/flat"
)

// tenants deals the slots below n out: value i to those whose draw is i.
func tenants(n int, shares ...float64) []*index.Set {
	rng := rand.New(rand.NewPCG(uint64(n), 5))
	sets := make([]index.Builder, len(shares))
	for s := range n {
		x := rng.Float64()
		for i, share := range shares {
			if x -= share; x < 0 {
				sets[i].Add(index.Slot(s))
				break
			}
		}
	}
	var out []*index.Set
	for i := range sets {
		out = append(out, sets[i].Done())
	}
	return out
}

func names(i int) Tenant { return Tenant{"tenant", string(rune('a' + i))} }

func plant(t testing.TB, g *Graph, of Tenant, set *index.Set) *Tree {
	t.Helper()
	tree, err := g.Plant(of, set, 12)
	if err != nil || tree == nil {
		t.Fatalf("no tree for %v: %v", of, err)
	}
	grow(t, tree, set)
	return tree
}

func grow(t testing.TB, tree *Tree, set *index.Set) {
	t.Helper()
	for s := range set.All() {
		if err := tree.Insert(s); err != nil {
			t.Fatal(err)
		}
	}
	tree.Join()
}

// recallOf searches a tree under a set of its members.
func (s *space) treeRecall(t testing.TB, x index.Searcher, accept *index.Set, ef int) float64 {
	t.Helper()
	got, want := 0, 0
	for range 30 {
		q := index.Query{Vector: s.point(), K: 10, Ef: ef, Accept: accept}
		truth, _ := flat.Range(q, index.Space{Metric: s.m}, s.rows.Rows(), 0, index.NoSlot-1, nil)
		hits, _ := x.Search(q, nil)
		seen := map[index.Slot]bool{}
		for _, h := range hits {
			if !accept.Contains(h.Slot) || seen[h.Slot] {
				t.Fatalf("hit %v is not accepted, or there twice", h)
			}
			seen[h.Slot] = true
			if h.Dist <= truth[len(truth)-1].Dist {
				got++
			}
		}
		want += len(truth)
	}
	return float64(got) / float64(want)
}

// soundTrees proves that members and nodes are the same, and that no link leads
// out of a tree.
func (g *Graph) soundTrees(t testing.TB) {
	t.Helper()
	nodes, members := 0, 0
	g.eachGrove(func(x *Graph) { nodes += x.Len() })
	for _, of := range g.Tenants() {
		tree := g.Tree(of)
		set := tree.Members()
		members += set.Len()
		if e := tree.entry.Load(); set.Len() > 0 && !set.Contains(index.Slot(uint32(e))) {
			t.Errorf("%v is entered at %d, which is not a member", of, e)
		}
		for s := range set.All() {
			for level := range tree.g.levels(uint32(s)) {
				for _, to := range links(nil, tree.g.list(uint32(s), level)) {
					if !set.Contains(index.Slot(to)) {
						t.Fatalf("%v: %d links to %d, which is not a member", of, s, to)
					}
				}
			}
		}
	}
	if nodes != members {
		t.Errorf("%d nodes in groves, %d members of trees", nodes, members)
	}
}

// Trees find what there is of their tenant, also under a further filter, before
// and after they were saved, churned and moved; those that share points are in
// other groves.
func TestTrees(t *testing.T) {
	const n = 3000
	for _, loose := range []bool{false, true} {
		s := newSpace(t, n, 12, index.Euclid)
		o := s.graph(t, 40).o
		o.Loose = loose
		g, err := New(s.rows, o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { g.Close() }()
		s.insertAll(t, g)
		sets := tenants(n, 0.4, 0.25, 0.1)
		for i, set := range sets {
			plant(t, g, names(i), set)
		}
		other := tenants(n-1, 0.5)[0]
		plant(t, g, Tenant{"city", "a"}, other)
		if groves := len(g.forest.Load().groves); groves != 2 {
			t.Errorf("%d groves, one for the tenants and one for who shares their points were enough", groves)
		}
		check := func(when string) {
			t.Helper()
			g.soundTrees(t)
			for i := range sets {
				tree := g.Tree(names(i))
				if r := s.treeRecall(t, tree, tree.Members(), 64); r < 0.95 {
					t.Errorf("%s: recall %.3f of tenant %d", when, r, i)
				}
				half := tree.Members().And(other)
				if r := s.treeRecall(t, tree, half, 64); r < 0.95 {
					t.Errorf("%s: recall %.3f of half of tenant %d", when, r, i)
				}
			}
		}
		check("built")

		var file, again bytes.Buffer
		if err := g.Save(&file, index.Meta{High: n}); err != nil {
			t.Fatal(err)
		}
		loaded, _, err := Load(bytes.NewReader(file.Bytes()), s.rows, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(loaded.Save(&again, index.Meta{High: n}), g.Close()); err != nil || !bytes.Equal(file.Bytes(), again.Bytes()) {
			t.Errorf("loaded trees are saved with other bytes (%v)", err)
		}
		g = loaded
		check("loaded")

		var live index.Builder // a third dies
		for i := range n {
			if i%3 > 0 {
				live.Add(index.Slot(i))
			}
		}
		alive := live.Done()
		before := g.Tree(names(0)).Len()
		if _, err := g.KeepTrees(alive, index.Pace{Workers: 8}); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Repair(alive, index.Pace{Workers: 8}); err != nil {
			t.Fatal(err)
		}
		if g.Holds(3) || before <= g.Tree(names(0)).Len() {
			t.Error("a dead slot is still held")
		}
		check("repaired")

		from, to := g.Tree(names(0)), g.Tree(names(2)) // half of one tenant's points become another's
		moved := from.Members().And(other)
		if _, err := from.Keep(from.Members().AndNot(moved), index.Pace{Workers: 8}); err != nil {
			t.Fatal(err)
		}
		grow(t, to, moved)
		if !to.Members().Contains(moved.At([]int{0}, nil)[0]) {
			t.Error("a point that moved is not where it moved to")
		}
		check("moved")

		g.Fell(names(1))
		if g.Tree(names(1)) != nil || len(g.Tenants()) != 3 {
			t.Error("a felled tree stands")
		}
		sets = sets[:1]
		check("felled")
		bytes := g.Bytes()
		g.FellAll()
		if len(g.Tenants()) > 0 || g.Bytes() >= bytes {
			t.Error("felled trees count as memory")
		}
	}
}

// Points of too many tenants have no tree, and nothing else goes wrong.
func TestGrovesAreBounded(t *testing.T) {
	s := newSpace(t, 400, 4, index.Euclid)
	g := s.graph(t, 10)
	s.insertAll(t, g)
	for i := range mostGroves {
		plant(t, g, names(i), all(400))
	}
	if tree, err := g.Plant(names(mostGroves), all(400), 12); tree != nil || err != nil {
		t.Errorf("the next is planted: %v, %v", tree, err)
	}
	if _, err := g.Plant(names(0), all(400), 8); err != nil || len(g.Tenants()) != 1 || g.TreeM() != 8 {
		t.Errorf("trees of %d links stand beside those of 8 (%v)", g.TreeM(), err)
	}
}

// A walk through a tree costs what one of a graph of its points alone costs, whatever
// else there is.
func TestTreeCostsAsAGraphOfItsOwn(t *testing.T) {
	const n = 4000
	s := newSpace(t, n, 12, index.Euclid)
	g, own := s.graph(t, 40), s.graph(t, 40)
	s.insertAll(t, g)
	set := tenants(n, 0.3)[0]
	tree := plant(t, g, names(0), set)
	for slot := range set.All() {
		if err := own.Insert(slot); err != nil {
			t.Fatal(err)
		}
	}
	var mine, theirs index.Work
	for range 50 {
		q := index.Query{Vector: s.point(), K: 10, Ef: 64}
		_, work := own.Search(q, nil)
		theirs = theirs.Add(work)
		q.Accept = set
		_, work = tree.near(&q, nil) // one from the edge looks wider after that
		mine = mine.Add(work)
	}
	if mine.Distances > theirs.Distances*11/10 || mine.Hops > theirs.Hops*11/10 {
		t.Errorf("the tree took %+v, a graph of its own %+v", mine, theirs)
	}
}

// What a tree has learnt of the distances between its members is saved with it,
// and says of the farthest queries that they ask from outside.
func TestRim(t *testing.T) {
	const n = 2000
	s := newSpace(t, n, 12, index.Euclid)
	g := s.graph(t, 40)
	s.insertAll(t, g)
	tree := plant(t, g, names(0), tenants(n, 0.6)[0])
	was := *tree.rim.Load()
	times := map[int]int{}
	for slot := range tree.Members().All() {
		w := g.walker(nil)
		times[tree.wider([]index.Hit{{Dist: w.neighbour(uint32(slot), tree.entry.Load())}})]++
		g.release(w)
	}
	if most := times[1]; most < tree.Len()/2 || times[outward] > tree.Len()/20 {
		t.Errorf("of the members themselves so many would be looked for so many times as broadly: %v", times)
	}
	if tree.wider([]index.Hit{{Dist: 100 * was.dist}}) != outward {
		t.Error("what is far from all is not outside")
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
	if is := *loaded.Tree(names(0)).rim.Load(); is != was {
		t.Errorf("%+v was saved, %+v loaded", was, is)
	}
}

func TestDamagedTreesAreRefused(t *testing.T) {
	s := newSpace(t, 300, 4, index.Euclid)
	g := s.graph(t, 10)
	s.insertAll(t, g)
	for i, set := range tenants(300, 0.5, 0.3) {
		plant(t, g, names(i), set)
	}
	var file bytes.Buffer
	if err := g.Save(&file, index.Meta{High: 300}); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 300 {
		bad := bytes.Clone(file.Bytes())
		if i%3 == 0 {
			bad = bad[:rng.IntN(len(bad))]
		} else {
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		}
		if h, _, err := Load(bytes.NewReader(bad), s.rows, g.o); err == nil {
			h.Close()
			t.Fatalf("round %d: damage was not found", i)
		}
	}
}

// FuzzLoadTrees makes the checksums: what is fuzzed is what they would let through.
func FuzzLoadTrees(f *testing.F) {
	s := newSpace(f, 60, 4, index.Euclid)
	g := s.graph(f, 10)
	s.insertAll(f, g)
	for i, set := range tenants(60, 0.5, 0.3) {
		plant(f, g, names(i), set)
	}
	var body bytes.Buffer
	w := block.NewWriter(&body)
	if err := errors.Join(g.forest.Load().save(w), w.Close()); err != nil {
		f.Fatal(err)
	}
	f.Add(body.Bytes()[:body.Len()-4])
	f.Fuzz(func(t *testing.T, body []byte) {
		var blocks bytes.Buffer
		w := block.NewWriter(&blocks)
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		fresh := s.graph(t, 10)
		s.insertAll(t, fresh)
		b := block.NewReader(&blocks)
		if fresh.readForest(b) != nil || b.End() != nil {
			return
		}
		for _, of := range slices.Clone(fresh.Tenants()) {
			tree := fresh.Tree(of)
			tree.Search(index.Query{Vector: s.point(), K: 10, Ef: 20, Accept: tree.Members()}, nil)
		}
	})
}

// A search whose set was made before Keep took members out finds those that stayed.
func TestTreeSearchWithAnOlderSet(t *testing.T) {
	const n = 800
	s := newSpace(t, n, 12, index.Euclid)
	g := s.graph(t, 40)
	defer g.Close()
	s.insertAll(t, g)
	set := tenants(n, 0.5)[0]
	tree := plant(t, g, names(0), set)
	stay := tenants(n, 0.25)[0]
	if _, err := tree.Keep(stay, index.Pace{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	for _, k := range []int{1, 10, 300} {
		hits, _ := tree.Search(index.Query{Vector: s.point(), K: k, Ef: 10, Accept: set}, nil)
		if want := min(k, tree.Len()); len(hits) != want {
			t.Errorf("%d hits of k %d, want %d", len(hits), k, want)
		}
	}
}
