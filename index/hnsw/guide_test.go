package hnsw

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/quant"
)

// affine is a code of the space's vectors.
func (s *space) affine(bits int) quant.Code {
	mean := make([]float32, s.dim)
	rows := s.rows.Rows()
	for i := range uint32(rows.Len()) {
		for d, x := range rows.Floats(i) {
			mean[d] += x / float32(rows.Len())
		}
	}
	return quant.NewAffine(quant.AffineOptions{Metric: s.m, Dim: s.dim, Bits: bits, Seed: 5}, mean)
}

// recallOf is the share of the ten nearest that searches find.
func (s *space) recallOf(g *Graph, q index.Query, queries [][]float32) float64 {
	found := 0
	every := (*index.Set)(nil).Edit()
	for i := range index.Slot(s.rows.Rows().Len()) {
		every.Add(i)
	}
	all := every.Done()
	for _, v := range queries {
		q.Vector, q.K = v, 10
		exact := q
		if exact.Accept == nil {
			exact.Accept = all
		}
		want, _ := flat.Range(exact, index.Space{Metric: s.m, Datatype: index.Float32}, s.rows.Rows(), 0, index.Slot(s.rows.Rows().Len()), nil)
		got, _ := g.Search(q, nil)
		for _, h := range got {
			if slices.ContainsFunc(want, func(w index.Hit) bool { return w.Slot == h.Slot }) {
				found++
			}
		}
	}
	return float64(found) / float64(10*len(queries))
}

// A guide, given to a graph that stands or that grows, costs hardly any recall,
// and distances are those of the vectors.
func TestGuide(t *testing.T) {
	for _, m := range []index.Metric{index.Cosine, index.Dot, index.Euclid} {
		for _, bits := range []int{4, 8} {
			s := newSpace(t, 3000, 48, m)
			g := s.graph(t, 100)
			code := s.affine(bits)
			for i := range index.Slot(3000) {
				if i == 1000 {
					if err := g.Guide(code, index.Pace{Workers: 2}); err != nil {
						t.Fatal(err)
					}
				}
				if err := g.Insert(i); err != nil {
					t.Fatal(err)
				}
			}
			var queries [][]float32
			for range 50 {
				queries = append(queries, s.point())
			}
			q := index.Query{Ef: 100}
			if r := s.recallOf(g, q, queries); r < 0.97 {
				t.Errorf("%v, %d bits: recall %.3f", m, bits, r)
			}
			rough, plain := index.Query{Ef: 100, Rescore: -1}, index.Query{Ef: 100, NoCodes: true}
			if a, b := s.recallOf(g, rough, queries), s.recallOf(g, plain, queries); bits == 4 && a >= b {
				t.Errorf("%v: recall without rescoring %.3f, by the vectors %.3f: the codes are not asked", m, a, b)
			}
			s.checkDistances(t, g, queries)
		}
	}
}

func (s *space) checkDistances(t *testing.T, g *Graph, queries [][]float32) {
	t.Helper()
	for _, v := range queries {
		hits, _ := g.Search(index.Query{Vector: v, K: 10, Ef: 64}, nil)
		exact, _ := g.Search(index.Query{Vector: v, K: 10, Ef: 64, NoCodes: true}, nil)
		for _, h := range hits {
			if at := slices.IndexFunc(exact, func(e index.Hit) bool { return e.Slot == h.Slot }); at >= 0 && exact[at].Dist != h.Dist {
				t.Fatalf("slot %d at %v, by the vectors %v", h.Slot, h.Dist, exact[at].Dist)
			}
		}
		if !slices.IsSortedFunc(hits, func(a, b index.Hit) int { return int(max(min((a.Dist-b.Dist)*1e6, 1), -1)) }) {
			t.Fatal("hits are not in order")
		}
	}
}

// Codes change hands while searches are under way, repairs keep them, and a
// checkpoint is loaded without them.
func TestGuideChanges(t *testing.T) {
	s := newSpace(t, 2000, 24, index.Euclid)
	g := s.graph(t, 60)
	for i := range index.Slot(2000) {
		if err := g.Insert(i); err != nil {
			t.Fatal(err)
		}
	}
	queries := [][]float32{s.point(), s.point(), s.point(), s.point()}
	stop := make(chan struct{})
	var searching sync.WaitGroup
	for _, v := range queries {
		searching.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if hits, _ := g.Search(index.Query{Vector: v, K: 5, Ef: 50}, nil); len(hits) != 5 {
					t.Errorf("%d hits", len(hits))
					return
				}
			}
		})
	}
	for _, code := range []quant.Code{s.affine(4), s.affine(8), nil, s.affine(4)} {
		if err := g.Guide(code, index.Pace{Workers: 2}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	searching.Wait()
	live := (*index.Set)(nil).Edit()
	for i := range index.Slot(2000) {
		if i%3 != 0 {
			live.Add(i)
		}
	}
	set := live.Done()
	if _, err := g.Repair(set, index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	if r := s.recallOf(g, index.Query{Ef: 100, Accept: set}, queries); r < 0.9 {
		t.Errorf("recall %.3f after a repair", r)
	}
	var file bytes.Buffer
	if err := g.Save(&file, index.Meta{High: 2000}); err != nil {
		t.Fatal(err)
	}
	loaded, _, err := Load(&file, s.rows, g.o)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	if loaded.Code() == nil || !bytes.Equal(loaded.Code().AppendBinary(nil), g.Code().AppendBinary(nil)) {
		t.Error("the code that came last is not in the checkpoint")
	}
}

// A graph that grew beside a poor code has the links of one that never saw it.
func TestPoorCodesDoNotBuild(t *testing.T) {
	const n = 1000
	s := newSpace(t, n, 16, index.Euclid)
	poor := quant.NewBits(quant.BitsOptions{Metric: s.m, Depth: quant.One, Query: 4, Seed: 3}, make([]float32, s.dim))
	plain, beside := s.graph(t, 60), s.graph(t, 60)
	for i := range index.Slot(n) {
		if i == 1 {
			if err := beside.Guide(poor, index.Pace{Workers: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(plain.Insert(i), beside.Insert(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(n) {
		if want, got := links(nil, plain.list(i, 0)), links(nil, beside.list(i, 0)); !slices.Equal(want, got) {
			t.Fatalf("node %d links to %v, want %v", i, got, want)
		}
	}
	q := index.Query{Vector: s.point(), K: 10, Ef: 30, Rescore: -1}
	byCodes, _ := beside.Search(q, nil)
	byVectors, _ := plain.Search(q, nil)
	if slices.Equal(byCodes, byVectors) {
		t.Error("searches do not ask the code")
	}
}
