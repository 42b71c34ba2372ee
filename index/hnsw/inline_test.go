package hnsw

import (
	"bytes"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

// inlined is a graph of all of the space's vectors but the last `later`, with codes
// beside its links.
func (s *space) inlined(t *testing.T, later int) *Graph {
	t.Helper()
	g := s.graph(t, 100)
	for i := range index.Slot(s.rows.Rows().Len() - later) {
		if err := g.Insert(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Guide(s.affine(4), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	if err := g.Inline(true, 2); err != nil || !g.Inlined() {
		t.Fatalf("not inlined: %v", err)
	}
	return g
}

// mustMirror checks that every link has its code in its node's row, to the bit, and
// a long code of the node itself, and that no row names a node that is not in the
// graph.
func (g *Graph) mustMirror(t *testing.T) {
	t.Helper()
	x := g.guide.Load().beside
	for s := range uint32(g.nodes.Rows().Len()) {
		own := x.rows.Rows().Bytes(s)[:x.own]
		if g.Contains(index.Slot(s)) && !bytes.HasPrefix(own, x.codes.Rows().Bytes(s)[:min(x.own, x.codes.Rows().Stride())]) {
			t.Fatalf("node %d: the code in its row is not its own", s)
		}
		for level := range max(g.levels(s), 1) {
			if row := x.row(s, level); row != nil {
				g.mustMirrorRow(t, row, s, level)
			} else if x.own > 0 {
				t.Fatalf("node %d has no row on level %d", s, level)
			}
		}
	}
}

func (g *Graph) mustMirrorRow(t *testing.T, row []byte, s uint32, level int) {
	t.Helper()
	x, w := g.guide.Load().beside, g.walker(nil)
	defer g.release(w)
	want, list := make([]byte, x.stride), []uint32{}
	if g.Contains(index.Slot(s)) {
		list = links(nil, g.list(s, level))
	}
	w.decode(s)
	x.code.Stand(&w.place, w.vector)
	for lane := range len(row) / x.stride * lanes {
		block := x.block(row, lane)
		to := *slot(block, lane)
		if to == noLane {
			continue
		}
		if g.levels(to) <= level || !g.Contains(index.Slot(s)) {
			t.Fatalf("node %d has a code of %d on level %d, which is not there", s, to, level)
		}
		list = slices.DeleteFunc(list, func(l uint32) bool { return l == to })
		copy(want, block)
		x.code.Put(want[slotBytes:], lane%lanes, &w.place, x.codes.Rows().Bytes(to))
		if !bytes.Equal(want, block) {
			t.Fatalf("node %d: the code of %d on level %d is not its own", s, to, level)
		}
	}
	if len(list) > 0 {
		t.Fatalf("node %d: links %v of level %d have no code", s, list, level)
	}
}

// Searches that sift find as much as those that measure every link, and measure
// fewer; with nodes that were inserted later as with those of the beginning.
func TestInline(t *testing.T) {
	for _, m := range []index.Metric{index.Cosine, index.Dot, index.Euclid} {
		s := newSpace(t, 2000, 64, m)
		g := s.inlined(t, 500)
		for i := range index.Slot(500) {
			if err := g.Insert(1500 + i); err != nil {
				t.Fatal(err)
			}
		}
		g.mustMirror(t)
		var queries [][]float32
		for range 60 {
			queries = append(queries, s.point())
		}
		q := index.Query{Ef: 60}
		sifted, spent := s.recallOf(g, q, queries), s.work(g, q, queries)
		size := g.Bytes()
		if err := g.Inline(false, 1); err != nil || g.Inlined() || g.Bytes() >= size {
			t.Fatalf("still inlined: %v", err)
		}
		whole, most := s.recallOf(g, q, queries), s.work(g, q, queries)
		if sifted < whole-0.02 || sifted < 0.8 {
			t.Errorf("%v: recall %.3f sifted, %.3f whole", m, sifted, whole)
		}
		if spent > most*4/5 {
			t.Errorf("%v: %d measured of %d", m, spent, most)
		}
	}
}

// work is how many distances searches compute.
func (s *space) work(g *Graph, q index.Query, queries [][]float32) (n int) {
	for _, v := range queries {
		q.Vector, q.K = v, 10
		_, w := g.Search(q, nil)
		n += w.Distances
	}
	return n
}

// A search that took its guide just before the codes were taken away goes by what
// is there: codes without those beside links, and vectors without codes.
func TestLateSearch(t *testing.T) {
	s := newSpace(t, 900, 64, index.Euclid)
	g := s.inlined(t, 0)
	late := func(change func() error) {
		t.Helper()
		old := g.guide.Load() // as Search does
		if err := change(); err != nil {
			t.Fatal(err)
		}
		w := g.walker(old)
		defer g.release(w)
		point := s.point()
		w.query, w.row = simd.Encoded(g.o.space(), point, w.row)
		if w.guide != nil {
			w.guide.code.Ask(point, &w.asked)
		}
		w.siftLinks()
		if w.sifting != nil {
			t.Error("it sifts by rows that are gone")
		}
		if w.walk(w.descend(g.entry.Load(), 0), 0, 40); w.pool.Len() != 40 {
			t.Errorf("%d found", w.pool.Len())
		}
	}
	late(func() error { return g.Inline(false, 1) })
	late(func() error { return g.Guide(nil, index.Pace{Workers: 1}) })
}

// A search that has begun goes on by rows that are taken away.
func TestRowsOutliveTheirEnd(t *testing.T) {
	for _, dim := range []int{64, 2 * leastOwn} {
		s := newSpace(t, 900, dim, index.Euclid)
		g := s.inlined(t, 0)
		w := g.walker(g.guide.Load())
		w.guide.code.Ask(s.point(), &w.asked)
		w.siftLinks()
		if err := g.Inline(false, 1); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			runtime.GC() // frees what nobody holds
		}
		for range 20 {
			if w.walk(w.descend(g.entry.Load(), 0), 0, 40); w.pool.Len() != 40 {
				t.Errorf("%d found", w.pool.Len())
			}
		}
		g.release(w)
	}
}

// Rows of slots that are cut off are cut off, too.
func TestInlineIsTruncated(t *testing.T) {
	for _, dim := range []int{64, 2 * leastOwn} { // without a ladder, and with one
		s := newSpace(t, 900, dim, index.Euclid)
		g := s.inlined(t, 0)
		edit := (*index.Set)(nil).Edit()
		for i := range index.Slot(500) {
			edit.Add(i)
		}
		if _, err := g.Repair(edit.Done(), index.Pace{Workers: 2}); err != nil {
			t.Fatal(err)
		}
		g.Release(500, 900)
		g.Truncate(500)
		if n := g.guide.Load().beside.rows.Rows().Len(); n != 500 {
			t.Errorf("%d rows", n)
		}
		g.mustMirror(t)
		for i := range index.Slot(400) {
			if err := g.Insert(500 + i); err != nil {
				t.Fatal(err)
			}
		}
		g.mustMirror(t)
	}
}

// Deleted nodes leave the rows, and slots that are taken again come back right.
func TestInlineRepair(t *testing.T) {
	for _, dim := range []int{64, 2 * leastOwn} { // without a ladder, and with one
		s := newSpace(t, 2000, dim, index.Euclid)
		g := s.inlined(t, 0)
		edit := (*index.Set)(nil).Edit()
		for i := range index.Slot(2000) {
			if i%3 != 0 {
				edit.Add(i)
			}
		}
		live := edit.Done()
		if _, err := g.Repair(live, index.Pace{Workers: 2}); err != nil {
			t.Fatal(err)
		}
		g.mustMirror(t)
		for range 50 {
			got, _ := g.Search(index.Query{Vector: s.point(), K: 10, Ef: 50}, nil)
			for _, h := range got {
				if !live.Contains(h.Slot) {
					t.Fatalf("slot %d is deleted", h.Slot)
				}
			}
		}
		for i := index.Slot(0); i < 2000; i += 3 {
			copy(s.rows.Rows().Floats(uint32(i)), s.point())
			if err := g.Insert(i); err != nil {
				t.Fatal(err)
			}
		}
		g.mustMirror(t)
	}
}

// Pieces of the work leave room for inserts and repairs, on both sides of where
// they are; searches go as without until the last is done.
func TestInlineInPieces(t *testing.T) {
	inlineInPieces(t, 64)
}

// The same with codes so long that they stand in the rows, too.
func TestLongCodesInPieces(t *testing.T) {
	if g := inlineInPieces(t, 2*leastOwn); g.guide.Load().beside.own == 0 {
		t.Error("the code does not stand in its node's row")
	}
}

func inlineInPieces(t *testing.T, dim int) *Graph {
	t.Helper()
	s := newSpace(t, 1200, dim, index.Euclid)
	g := s.graph(t, 60)
	live := (*index.Set)(nil).Edit()
	insert := func(from, to, step index.Slot) {
		for i := from; i < to; i += step {
			live.Add(i)
			copy(s.rows.Rows().Floats(uint32(i)), s.point()) // another one in a slot that is used again
			if err := g.Insert(i); err != nil {
				t.Fatal(err)
			}
		}
	}
	insert(0, 1000, 1)
	if err := g.Guide(s.affine(4), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	piece := func(want int) {
		t.Helper()
		left, err := g.InlineSome(300, index.Pace{Workers: 2})
		if err != nil || left != want || g.Inlined() != (left == 0) {
			t.Fatalf("%d left, want %d, %v; inlined %v", left, want, err, g.Inlined())
		}
		if hits, _ := g.Search(index.Query{Vector: s.point(), K: 10, Ef: 40}, nil); len(hits) != 10 {
			t.Fatalf("%d hits", len(hits))
		}
	}
	stopped := func(want int) {
		t.Helper()
		left, err := g.InlineSome(300, index.Pace{Workers: 2, Go: func(int) bool { return false }})
		if err != nil || left != want || g.Inlined() {
			t.Fatalf("%d left of a piece that was stopped, want %d, %v; inlined %v", left, want, err, g.Inlined())
		}
	}
	stopped(1000)
	piece(700)
	insert(1000, 1100, 1)
	for i := index.Slot(0); i < 1000; i += 3 {
		live.Remove(i)
	}
	set := live.Done()
	live = set.Edit()
	if _, err := g.Repair(set, index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	piece(500)
	insert(0, 1000, 6)
	insert(1100, 1200, 1)
	piece(300)
	stopped(300)
	piece(0)
	insert(3, 1000, 6)
	g.mustMirror(t)
	if left, err := g.InlineSome(300, index.Pace{Workers: 2}); left != 0 || err != nil {
		t.Errorf("%d left once more, %v", left, err)
	}
	return g
}

// Inline does nothing where no code of ours can stand beside links: without a
// guide, and by codes that are not turned.
func TestInlineNeedsACode(t *testing.T) {
	s := newSpace(t, 500, 64, index.Euclid)
	g := s.graph(t, 50)
	s.insertAll(t, g)
	if err := g.Inline(true, 1); err != nil || g.Inlined() {
		t.Errorf("inlined without a guide: %v", err)
	}
	plain := quant.NewAffine(quant.AffineOptions{Metric: s.m, Dim: s.dim, Bits: 8, Plain: true}, make([]float32, s.dim))
	if err := g.Guide(plain, index.Pace{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	if err := g.Inline(true, 1); err != nil || g.Inlined() {
		t.Errorf("inlined beside a plain code: %v", err)
	}
}

// Vectors of every short length are searched as well with inline_storage as without;
// below ten dimensions signs tell nothing, and nothing lies beside the links.
func TestInlineOfShortVectors(t *testing.T) {
	for dim := 1; dim <= 20; dim++ {
		s := newSpace(t, 300, dim, index.Euclid)
		g := s.graph(t, 50)
		s.insertAll(t, g)
		for _, bits := range []int{4, 8} {
			if err := g.Guide(s.affine(bits), index.Pace{Workers: 1}); err != nil {
				t.Fatal(err)
			}
			if err := g.Inline(true, 1); err != nil || g.Inlined() != (dim >= 10) {
				t.Errorf("%d dimensions, %d bits: inlined %v, %v", dim, bits, g.Inlined(), err)
			}
			if r := s.recall(g, index.Query{K: 10, Ef: 100}, 20); r < 0.95 {
				t.Errorf("%d dimensions, %d bits: recall %.3f", dim, bits, r)
			}
		}
	}
}

// Searches go on beside inserts, and beside the change to codes and back.
func TestInlineBesideWriters(t *testing.T) {
	for _, dim := range []int{64, 2 * leastOwn} {
		inlineBesideWriters(t, dim)
	}
}

func inlineBesideWriters(t *testing.T, dim int) {
	s := newSpace(t, 900, dim, index.Cosine)
	g := s.inlined(t, 400)
	stop := make(chan struct{})
	queries := make([][]float32, 8)
	for i := range queries {
		queries[i] = s.point()
	}
	var searches, inserts sync.WaitGroup
	for worker := range 2 {
		searches.Go(func() {
			for i := worker; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				got, _ := g.Search(index.Query{Vector: queries[i%len(queries)], K: 10, Ef: 40}, nil)
				if len(got) != 10 || int(got[9].Slot) > 899 {
					t.Errorf("%d hits", len(got))
					return
				}
			}
		})
		inserts.Go(func() {
			for i := worker; i < 400; i += 2 {
				if err := g.Insert(index.Slot(500 + i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	inserts.Wait()
	for _, on := range []bool{false, true} {
		if err := g.Inline(on, 1); err != nil || g.Inlined() != on {
			t.Error(err)
		}
	}
	close(stop)
	searches.Wait()
	g.mustMirror(t)
}

// While the pool has room, what a sift has measured fills it at most, and is what
// the codes say is nearest; what was left can be found again.
func TestSiftFillsThePool(t *testing.T) {
	s := newSpace(t, 600, 64, index.Euclid)
	g := s.inlined(t, 0)
	w := g.walker(g.guide.Load())
	defer g.release(w)
	query, from := s.point(), uint32(7)
	w.guide.code.Ask(query, &w.asked)
	w.siftLinks()
	w.fresh = append(w.fresh[:0], from)
	w.distances()
	at := w.dist[0]
	sift := func(pool, ef int) []uint32 {
		w.begin()
		w.pool.Reset(ef)
		w.pool.Offer(slices.Repeat([]uint32{from}, pool), slices.Repeat([]float32{at}, pool))
		return slices.Clone(w.sift(nil, from, at))
	}
	all := sift(1, 1000)
	if len(all) < 20 {
		t.Fatalf("%d neighbours: too few to choose of", len(all))
	}
	for room := 1; room < 20; room++ {
		some := sift(2, room+2)
		if len(some) != room {
			t.Fatalf("%d measured for %d places", len(some), room)
		}
		if more := sift(2, room+3); !slices.Equal(more[:room], some) {
			t.Fatalf("%v for %d places, %v for one more", some, room, more)
		}
	}
	left := slices.DeleteFunc(all, func(to uint32) bool { return w.marks.has(to) })
	if len(left) == 0 || !w.marks.add(left[0]) {
		t.Error("what was left counts as visited")
	}
}
