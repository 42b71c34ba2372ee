package hnsw

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kithdb/kith/index"
)

// save is what a graph is saved as.
func (g *Graph) save(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := g.Save(&file, index.Meta{High: 5000, Coding: "rotated 4"}); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// turnOver takes every third node out and puts it in again, some times.
func (g *Graph) turnOver(t *testing.T, n, times int) {
	t.Helper()
	for round := range times {
		e := all(n).Edit()
		for s := round % 3; s < n; s += 3 {
			e.Remove(index.Slot(s))
		}
		if _, err := g.Repair(e.Done(), index.Pace{Workers: 2}); err != nil {
			t.Fatal(err)
		}
		for s := round % 3; s < n; s += 3 {
			if err := g.Insert(index.Slot(s)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A packed graph is the one that it is a copy of, to the bit: links, codes, sketches
// and trees. Only what no list has is gone. Searches of the old one go on until it is
// closed, and what comes into the new one does not come into the old.
func TestPackedIsTheSameGraph(t *testing.T) {
	const n = 5000
	s := newFlat(t, n, 160, index.Euclid)
	g := s.sketched(t, false)
	sets := tenants(n, 0.3, 0.4)
	for i, set := range sets {
		plant(t, g, names(i), set)
	}
	g.turnOver(t, n, 6)
	spare := g.SpareBytes()
	if spare*10 < g.LinkBytes() {
		t.Fatalf("%d bytes of %d are to spare: nothing to pack", spare, g.LinkBytes())
	}
	was, bytesWas := g.save(t), g.LinkBytes()
	looks := 0
	if _, err := g.Packed(index.Pace{Go: func(int) bool { looks++; return looks < 2 }}); !errors.Is(err, index.ErrStopped) {
		t.Fatalf("stopped: %v", err)
	}
	packed, err := g.Packed(index.Pace{})
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	if got := packed.LinkBytes(); packed.SpareBytes() != 0 || got > bytesWas-spare+1<<12 {
		t.Errorf("packed: %d bytes, %d to spare; before %d and %d", got, packed.SpareBytes(), bytesWas, spare)
	}
	if !bytes.Equal(packed.save(t), was) {
		t.Fatal("a packed graph is saved with other bytes")
	}
	s.checkSketches(t, packed)
	packed.soundTrees(t)
	for range 30 {
		q := index.Query{Vector: s.point(), K: 10, Ef: 40}
		a, workA := g.Search(q, nil)
		b, workB := packed.Search(q, nil)
		if !slices.Equal(a, b) || workA != workB {
			t.Fatalf("the packed graph answers %v at %v, was %v at %v", b, workB, a, workA)
		}
	}
	packed.turnOver(t, n, 1)
	packed.mustBeSound(t, all(n))
	if !bytes.Equal(g.save(t)[headerSize:headerSize+1000], was[headerSize:headerSize+1000]) {
		t.Error("the old graph has changed with the new one")
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if r := s.recall(packed, index.Query{K: 10, Ef: 100}, 40); r < 0.9 {
		t.Errorf("recall %.3f once the old graph is closed", r)
	}
}

// Searches go on in the old graph beside the copying, and beside changes of the new.
func TestSearchBesidePacked(t *testing.T) {
	const n = 2000
	s := newSpace(t, n, 16, index.Euclid)
	g := s.graph(t, 60)
	s.insertAll(t, g)
	queries := [][]float32{}
	for range 50 {
		queries = append(queries, s.point())
	}
	var stop atomic.Bool
	var searches sync.WaitGroup
	for range 2 {
		searches.Go(func() {
			for !stop.Load() {
				for _, v := range queries {
					if hits, _ := g.Search(index.Query{Vector: v, K: 10, Ef: 40}, nil); len(hits) != 10 {
						t.Errorf("%d hits", len(hits))
						return
					}
				}
			}
		})
	}
	packed, err := g.Packed(index.Pace{})
	if err != nil {
		t.Fatal(err)
	}
	packed.turnOver(t, n, 2)
	stop.Store(true)
	searches.Wait()
	packed.mustBeSound(t, all(n))
	if err := packed.Close(); err != nil {
		t.Error(err)
	}
}

// What comes into the new graph stays unseen by searches of the old one, though both
// have the same rows of codes beside the links.
func TestOldSearchesDoNotSeeWhatIsNew(t *testing.T) {
	const n, more = 1000, 60
	s := newSpace(t, n+more, 64, index.Euclid)
	g := s.inlined(t, more)
	packed, err := g.Packed(index.Pace{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range index.Slot(more) {
		if err := packed.Insert(n + i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(more) {
		hits, _ := g.Search(index.Query{Vector: s.rows.Rows().Floats(n + i), K: 10, Ef: 40}, nil)
		for _, h := range hits {
			if h.Slot >= n {
				t.Fatalf("the old graph finds %d, which came into the new one", h.Slot)
			}
		}
	}
	if err := errors.Join(g.Close(), packed.Close()); err != nil {
		t.Error(err)
	}
}

// An empty graph, and one without links, are packed as they are.
func TestPackedWithoutLists(t *testing.T) {
	s := newSpace(t, 50, 8, index.Euclid)
	g := s.graph(t, 20)
	empty, err := g.Packed(index.Pace{})
	if err != nil || empty.Len() != 0 {
		t.Fatalf("%v", err)
	}
	if err := empty.Insert(3); err != nil {
		t.Fatal(err)
	}
	if hits, _ := empty.Search(index.Query{Vector: s.point(), K: 1, Ef: 10}, nil); len(hits) != 1 || hits[0].Slot != 3 {
		t.Errorf("%v", hits)
	}
	o := g.o
	o.Loose = true
	loose, err := New(s.rows, o)
	if err != nil {
		t.Fatal(err)
	}
	s.insertAll(t, loose)
	packed, err := loose.Packed(index.Pace{})
	if err != nil || packed.Len() != 50 || !packed.Contains(49) {
		t.Fatalf("%v", err)
	}
	for _, g := range []*Graph{empty, loose, packed} {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}
