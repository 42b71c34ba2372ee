package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
	"github.com/kithdb/kith/index/quant"
)

const dim = 24

// each runs a test for every kind and metric, of float32.
func each(t *testing.T, test func(t *testing.T, k *kind, s shape)) {
	for i := range kinds {
		k := &kinds[i]
		for _, m := range k.metrics() {
			t.Run(fmt.Sprintf("%s/%v", k.name, m), func(t *testing.T) {
				test(t, k, shape{space: index.Space{Metric: m, Datatype: index.Float32}, dim: k.dims(), seed: 7})
			})
		}
	}
}

// once runs a test for every kind, by Euclid.
func once(t *testing.T, test func(t *testing.T, k *kind, s shape)) {
	for i := range kinds {
		k := &kinds[i]
		t.Run(k.name, func(t *testing.T) {
			test(t, k, shape{space: index.Space{Metric: index.Euclid, Datatype: index.Float32}, dim: k.dims(), seed: 7})
		})
	}
}

func TestFindsTheNearest(t *testing.T) {
	each(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 2000)
		w.fill()
		if w.x.Len() != w.n {
			t.Fatalf("%d slots, %d were inserted", w.x.Len(), w.n)
		}
		w.holds("all slots", index.Query{K: 10, Ef: k.ef})
		for _, share := range []float64{0.001, 0.01, 0.1, 0.5, 1} {
			accept := w.only(w.n, func(int) bool { return w.rng.Float64() < share })
			w.holds(fmt.Sprintf("%g %% accepted", 100*share), index.Query{K: 10, Ef: k.ef, Accept: accept})
		}
		w.holds("a check", index.Query{K: 10, Ef: k.ef, Accept: w.upTo(w.n), Check: func(s index.Slot) bool { return s%3 == 0 }})
		if hits, _ := w.x.Search(index.Query{Vector: w.draw(), K: 5, Accept: (*index.Set)(nil).Edit().Done()}, nil); len(hits) > 0 {
			t.Errorf("%d hits where nothing is accepted", len(hits))
		}
	})
}

func TestFindsTheNearestOfOtherDatatypes(t *testing.T) {
	for i := range kinds {
		k := &kinds[i]
		for _, d := range []index.Datatype{index.Float16, index.Bfloat16, index.Uint8} {
			for _, m := range []index.Metric{index.Cosine, index.Euclid} {
				t.Run(fmt.Sprintf("%s/%v/%v", k.name, d, m), func(t *testing.T) {
					w := newWorld(t, k, shape{space: index.Space{Metric: m, Datatype: d}, dim: k.dims(), seed: 3}, 1500)
					w.fill()
					w.holds("all slots", index.Query{K: 10, Ef: k.ef})
				})
			}
		}
	}
}

// A wider search is no worse, and an answer is appended.
func TestBreadthPays(t *testing.T) {
	once(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 2000)
		w.fill()
		narrow, wide := w.recall(30, index.Query{K: 10, Ef: 10}), w.recall(30, index.Query{K: 10, Ef: 400})
		if wide < 0.99 || wide+0.01 < narrow {
			t.Errorf("recall %.3f at ef 10, %.3f at ef 400", narrow, wide)
		}
		if a, b := w.x.Cost(10, 1), w.x.Cost(400, 1); !(a < b) {
			t.Errorf("ef 10 costs %g, ef 400 %g", a, b)
		}
		if c := w.x.Cost(100, 0.01); !(c > 0) {
			t.Errorf("one slot in a hundred costs %g", c)
		}
		mark := index.Hit{Slot: 99999, Dist: -1}
		hits, _ := w.x.Search(index.Query{Vector: w.draw(), K: 3}, []index.Hit{mark})
		if len(hits) != 4 || hits[0] != mark {
			t.Errorf("appended %v", hits)
		}
	})
}

func TestAnEmptyIndexAnswersNothing(t *testing.T) {
	once(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 10)
		hits, _ := w.x.Search(index.Query{Vector: w.draw(), K: 5}, nil)
		if len(hits) > 0 || w.x.Len() != 0 || w.x.Contains(0) || w.x.Contains(1<<30) {
			t.Errorf("%d hits, %d slots", len(hits), w.x.Len())
		}
		if removed, err := w.x.Repair(w.upTo(0), index.Pace{Workers: 2}); removed != 0 || err != nil {
			t.Errorf("removed %d, %v", removed, err)
		}
	})
}

// A search that is told to end does little, and what it has found is right.
func TestASearchEnds(t *testing.T) {
	once(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 2000)
		w.fill()
		done := make(chan struct{})
		close(done)
		q := index.Query{Vector: w.draw(), K: 10, Ef: 2000, Accept: w.upTo(w.n), Done: done}
		hits, work := w.x.Search(q, nil)
		w.right(q, hits)
		if work.Distances > w.n/2 {
			t.Errorf("%d distances after the end", work.Distances)
		}
	})
}

// Equal vectors are all there, each once; a slot that comes twice is one.
func TestDuplicates(t *testing.T) {
	each(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 800)
		same := w.draw()
		for i := range 300 {
			w.put(2*i, same)
		}
		w.fill()
		w.insert(100, 200)
		if w.x.Len() != w.n {
			t.Fatalf("%d slots, want %d", w.x.Len(), w.n)
		}
		q := index.Query{Vector: same, K: 50, Ef: 100}
		if s.space.Metric == index.Dot {
			return // longer vectors may be nearer to it than itself
		}
		hits, _ := w.x.Search(q, nil)
		w.right(q, hits)
		equal := 0
		for _, h := range hits {
			if h.Slot < 600 && h.Slot%2 == 0 {
				equal++
			}
		}
		if equal < 45 {
			t.Errorf("of 50 hits %d are the vector itself", equal)
		}
	})
}

// What was removed is never found, nor are its rows read; the rest is found as
// well as before, and slots join.
func TestRepair(t *testing.T) {
	each(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 2000)
		w.insert(0, 1900)
		live := w.only(1900, func(s int) bool { return s%5 < 3 })
		removed, err := w.x.Repair(live, index.Pace{Workers: 2})
		if err != nil || removed != 1900-live.Len() || w.x.Len() != live.Len() {
			t.Fatalf("removed %d, %d left, %v; live are %d", removed, w.x.Len(), err, live.Len())
		}
		for s := range 1900 {
			if w.x.Contains(index.Slot(s)) != live.Contains(index.Slot(s)) {
				t.Fatalf("slot %d: in the index %v", s, w.x.Contains(index.Slot(s)))
			}
			if !live.Contains(index.Slot(s)) {
				clear(w.rows.Rows().Bytes(uint32(s)))
			}
		}
		for s := 1900; s < w.n; s++ {
			w.insert(s, s+1)
			e := live.Edit()
			e.Add(index.Slot(s))
			live = e.Done()
		}
		w.holds("live slots", index.Query{K: 10, Ef: k.ef, Accept: live})
		if again, err := w.x.Repair(live, index.Pace{Workers: 1}); again != 0 || err != nil {
			t.Errorf("a second repair removed %d, %v", again, err)
		}
		if all, err := w.x.Repair(w.upTo(0), index.Pace{Workers: 2}); all != live.Len() || err != nil || w.x.Len() != 0 {
			t.Errorf("removed %d of %d, %v", all, live.Len(), err)
		}
	})
}

// A repair that is stopped, wherever, leaves an index that is right and has all
// slots; the next one ends it.
func TestAStoppedRepair(t *testing.T) {
	once(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 2000)
		w.fill()
		live := w.only(w.n, func(s int) bool { return s%3 > 0 })
		stopped := 0
		for left := range int64(8) {
			var asked atomic.Int64
			pace := index.Pace{Workers: 2, Go: func(int) bool { return asked.Add(1) <= left }}
			removed, err := w.x.Repair(live, pace)
			if err == nil {
				break // its work was in fewer pieces
			}
			stopped++
			if removed != 0 || !errors.Is(err, index.ErrStopped) || w.x.Len() != w.n || !w.x.Contains(0) {
				t.Fatalf("stopped: removed %d of %d, %v", removed, w.x.Len(), err)
			}
			w.holds("after a stop", index.Query{K: 10, Ef: k.ef, Accept: live})
		}
		if stopped == 0 {
			t.Error("nothing was stopped")
		}
		if _, err := w.x.Repair(live, index.Pace{Workers: 2}); err != nil || w.x.Len() != live.Len() {
			t.Fatalf("%d left of %d, %v", w.x.Len(), live.Len(), err)
		}
		w.holds("afterwards", index.Query{K: 10, Ef: k.ef, Accept: live})
	})
}

// Codes that are stopped while they are made leave the index as it was.
func TestAStoppedGuide(t *testing.T) {
	once(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 2000)
		w.fill()
		x, ok := w.x.(quant.Guided)
		if !ok || s.space.Datatype > index.Float32 {
			return
		}
		before, asked := x.Code(), atomic.Int64{}
		code := quant.NewAffine(quant.AffineOptions{Metric: s.space.Metric, Dim: s.dim, Bits: 8, Seed: 1}, make([]float32, s.dim))
		err := x.Guide(code, index.Pace{Workers: 2, Go: func(int) bool { return asked.Add(1) < 2 }})
		if !errors.Is(err, index.ErrStopped) || x.Code() != before {
			t.Fatalf("stopped: %v, the code is another: %v", err, x.Code() != before)
		}
		w.holds("after a stop", index.Query{K: 10, Ef: k.ef})
	})
}

// Searches go on beside inserts and a repair, and are right.
func TestSearchesBesideInserts(t *testing.T) {
	once(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 1200)
		questions := make([][]float32, 16)
		for i := range questions {
			questions[i] = w.draw()
		}
		var next atomic.Int64
		var builders, readers sync.WaitGroup
		stop := make(chan struct{})
		for range 2 {
			builders.Go(func() {
				for s := next.Add(1) - 1; s < int64(w.n); s = next.Add(1) - 1 {
					if err := w.x.Insert(index.Slot(s)); err != nil {
						t.Error(err)
					}
				}
			})
			readers.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					q := index.Query{Vector: questions[i%len(questions)], K: 5, Ef: 20, Accept: w.upTo(w.n)}
					hits, _ := w.x.Search(q, nil)
					if !slices.IsSortedFunc(hits, func(a, b index.Hit) int { return int(a.Dist*1e6 - b.Dist*1e6) }) {
						t.Error("not in order")
					}
					for _, h := range hits {
						if int(h.Slot) >= w.n {
							t.Errorf("slot %d", h.Slot)
						}
					}
				}
			})
		}
		builders.Wait()
		live := w.only(w.n, func(s int) bool { return s%2 == 0 })
		if _, err := w.x.Repair(live, index.Pace{Workers: 2}); err != nil {
			t.Error(err)
		}
		close(stop)
		readers.Wait()
		w.holds("afterwards", index.Query{K: 10, Ef: k.ef, Accept: live})
	})
}

func (w *world) save(m index.Meta) []byte {
	w.t.Helper()
	var file bytes.Buffer
	if err := w.x.Save(&file, m); err != nil {
		w.t.Fatal(err)
	}
	return file.Bytes()
}

// What is loaded answers as what was saved, and takes more slots.
func TestSaveAndLoad(t *testing.T) {
	each(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 1500)
		w.insert(0, 1400)
		live := w.only(1400, func(s int) bool { return s%7 != 3 })
		if _, err := w.x.Repair(live, index.Pace{Workers: 1}); err != nil {
			t.Fatal(err)
		}
		want := index.Meta{High: 1400, Applied: 1 << 40, Effort: 96}
		file := w.save(want)
		x, meta, err := k.load(bytes.NewReader(file), w.rows, s)
		if err != nil || meta != want || x.Len() != live.Len() {
			t.Fatalf("%+v, %v", meta, err)
		}
		defer x.Close()
		for range 20 {
			q := index.Query{Vector: w.draw(), K: 10, Ef: k.ef}
			before, _ := w.x.Search(q, nil)
			after, _ := x.Search(q, nil)
			if !k.anew && !slices.Equal(before, after) {
				t.Fatalf("saved %v, loaded %v", before, after)
			}
		}
		w.x = x
		if again := w.save(want); !bytes.Equal(again, file) {
			t.Error("the loaded one is saved otherwise")
		}
		w.insert(1400, 1500)
		e := live.Edit()
		for s := 1400; s < 1500; s++ {
			e.Add(index.Slot(s))
		}
		w.holds("loaded and grown", index.Query{K: 10, Ef: k.ef, Accept: e.Done()})
	})
}

// A checkpoint that is cut anywhere, or has a bit turned anywhere, or is of other
// settings or of more slots than there are rows, is refused.
func TestDamagedCheckpoints(t *testing.T) {
	once(t, func(t *testing.T, k *kind, s shape) {
		w := newWorld(t, k, s, 50)
		w.fill()
		file := w.save(index.Meta{High: 50})
		try := func(raw []byte, s shape) bool {
			x, _, err := k.load(bytes.NewReader(raw), w.rows, s)
			if err == nil {
				x.Close()
			}
			return err == nil
		}
		if !try(file, s) {
			t.Fatal("the file itself is refused")
		}
		// Opening maps memory, so that not every bit of a long file has its turn.
		step := len(file)/400 + 1
		for cut := 0; cut < len(file); cut += step {
			if try(file[:cut], s) {
				t.Fatalf("cut at %d of %d bytes", cut, len(file))
			}
		}
		for i := 0; i < len(file); i += step {
			bad := slices.Clone(file)
			bad[i] ^= 1 << (i % 8)
			if try(bad, s) {
				t.Fatalf("bit turned in byte %d of %d", i, len(file))
			}
		}
		if try(append(slices.Clone(file), 0), s) {
			t.Error("a byte too many")
		}
		for what, other := range map[string]shape{
			"metric": {space: index.Space{Metric: index.Dot, Datatype: index.Float32}, dim: s.dim, seed: s.seed},
			"seed":   {space: s.space, dim: s.dim, seed: s.seed + 1},
		} {
			if try(file, other) {
				t.Errorf("of another %s", what)
			}
		}
		small := newWorld(t, k, s, 20)
		w.rows = small.rows
		if try(file, s) {
			t.Error("of more slots than there are rows")
		}
	})
}

// A checkpoint of one kind is refused by the others as what it is, not as damaged.
func TestKindsAreToldApart(t *testing.T) {
	files := make([][]byte, len(kinds))
	worlds := make([]*world, len(kinds))
	for i := range kinds {
		k := &kinds[i]
		worlds[i] = newWorld(t, k, shape{space: index.Space{Metric: index.Euclid, Datatype: index.Float32}, dim: k.dims(), seed: 7}, 300)
		worlds[i].insert(0, 300)
		files[i] = worlds[i].save(index.Meta{High: 300})
	}
	told := 0
	for i, w := range worlds {
		for j, file := range files {
			if bytes.Equal(file[:8], files[i][:8]) {
				continue
			}
			told++
			if _, _, err := w.kind.load(bytes.NewReader(file), w.rows, w.shape); !errors.Is(err, block.ErrOtherKind) {
				t.Errorf("%s read as %s: %v", kinds[j].name, w.kind.name, err)
			}
			damaged := slices.Clone(file)
			damaged[7] ^= 2 // no kind's
			if _, _, err := w.kind.load(bytes.NewReader(damaged), w.rows, w.shape); !errors.Is(err, block.ErrCorrupt) {
				t.Errorf("%q read as %s: %v", damaged[:8], w.kind.name, err)
			}
		}
	}
	if told < 6 {
		t.Errorf("%d pairs of kinds", told)
	}
}
