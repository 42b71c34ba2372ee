package ivfpq

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

var _ index.Trained = (*Index)(nil)

// Every metric and datatype against exact search.
func TestRecall(t *testing.T) {
	for _, d := range []index.Datatype{index.Float32, index.Float16, index.Bfloat16, index.Uint8} {
		for _, m := range []index.Metric{index.Cosine, index.Dot, index.Euclid} {
			t.Run(fmt.Sprint(m, "/", d), func(t *testing.T) {
				w := newWorld(t, shape{n: 2500, dim: 30, metric: m, datatype: d, seed: 1})
				x := w.built(t)
				if x.Len() != w.n {
					t.Fatalf("%d slots of %d", x.Len(), w.n)
				}
				last := 0.
				for _, want := range []struct {
					ef    int
					least float64
				}{{10, 0.5}, {50, 0.9}, {400, 0.985}} {
					r := w.recall(x, index.Query{K: 10, Ef: want.ef}, 40)
					if r < want.least || r < last-0.05 {
						t.Errorf("ef %d: recall %.3f, %.3f before", want.ef, r, last)
					}
					last = r
				}
				if r := w.recall(x, index.Query{K: 10, Ef: w.n * 8}, 10); r < 1 {
					t.Errorf("recall %.3f of a search that measures everything", r)
				}
			})
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	w := newWorld(t, shape{n: 10, dim: 8, metric: index.Euclid, seed: 1})
	for field, change := range map[string]func(*Options){
		"distance": func(o *Options) { o.Metric = index.Manhattan },
		"lists":    func(o *Options) { o.Lists = MostLists + 1 },
		"probes":   func(o *Options) { o.Probes = -1 },
		"code":     func(o *Options) { o.CodeBytes = 9 },
		"pca":      func(o *Options) { o.Axes = 9 },
		"code: 5":  func(o *Options) { o.Axes, o.CodeBytes = 4, 5 },
		"bug":      func(o *Options) { o.Dim = 7 },
	} {
		o := w.options()
		change(&o)
		if _, err := New(w.rows, o); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// An answer does not depend on the order of inserts, nor on how many insert at
// once.
func TestInsertOrderDoesNotShow(t *testing.T) {
	w := newWorld(t, shape{n: 3000, dim: 16, metric: index.Euclid, seed: 2})
	x, y := w.built(t), w.open(t, w.options())
	if err := y.Train(w.all(), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	for i := w.n - 1; i >= 0; i-- {
		if err := y.Insert(index.Slot(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := y.Insert(7); err != nil || y.Len() != w.n {
		t.Errorf("a second insert: %v, %d slots", err, y.Len())
	}
	for range 40 {
		q := index.Query{Vector: w.point(), K: 10, Ef: 50}
		a, _ := x.Search(q, nil)
		b, _ := y.Search(q, nil)
		if !slices.Equal(a, b) {
			t.Fatalf("%v, in another order %v", a, b)
		}
	}
}

// Trained before or after the inserts, the index is the same, and so it is with
// another number of workers.
func TestTrainingLater(t *testing.T) {
	w := newWorld(t, shape{n: 3000, dim: 16, metric: index.Cosine, seed: 2})
	x := w.built(t)
	o := w.options()
	o.Workers = 1
	y := w.open(t, o)
	w.insertAll(t, y, 1)
	if !y.Stale() {
		t.Error("an index without a training is not stale")
	}
	if r := w.recall(y, index.Query{K: 10, Ef: 10}, 10); r < 1 {
		t.Errorf("recall %.3f before training", r)
	}
	for range 2 { // the second training learns the same
		if err := y.Train(w.all(), index.Pace{Workers: 2}); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			q := index.Query{Vector: w.point(), K: 10, Ef: 50}
			a, _ := x.Search(q, nil)
			b, _ := y.Search(q, nil)
			if !slices.Equal(a, b) {
				t.Fatalf("%v, trained later %v", a, b)
			}
		}
	}
	if y.Stale() || x.Stale() {
		t.Error("stale after a training")
	}
	runtime.GC() // earlier generations give their memory back
}

// Filters of every rarity, and one that accepts what is far from the query only.
func TestRecallUnderFilters(t *testing.T) {
	w := newWorld(t, shape{n: 6000, dim: 24, metric: index.Euclid, seed: 4})
	x := w.built(t)
	for _, in := range []int{1, 2, 10, 50, 400, 3000} {
		q := index.Query{K: 10, Ef: 100, Accept: w.only(func(i int) bool { return i%in == 0 })}
		if r := w.recall(x, q, 30); r < 0.93 {
			t.Errorf("one in %d: recall %.3f", in, r)
		}
	}
	for range 10 {
		q := index.Query{Vector: w.point(), K: 10, Ef: 50}
		var far index.Builder
		all := w.exact(index.Query{Vector: q.Vector, K: w.n, Accept: w.all()})
		for _, h := range all[w.n-12:] {
			far.Add(h.Slot)
		}
		q.Accept = far.Done()
		hits, _ := x.Search(q, nil)
		if !slices.Equal(hits, w.exact(q)) {
			t.Fatalf("the 12 farthest: %v", hits)
		}
	}
	q := index.Query{Vector: w.point(), K: 10, Ef: 100, Accept: w.all(), Check: func(s index.Slot) bool { return s%3 == 1 }}
	hits, _ := x.Search(q, nil)
	for _, h := range hits {
		if h.Slot%3 != 1 {
			t.Errorf("slot %d was not to be found", h.Slot)
		}
	}
	if len(hits) != 10 {
		t.Errorf("%d hits", len(hits))
	}
	q.Accept = new(index.Builder).Done()
	if hits, work := x.Search(q, nil); len(hits) > 0 || work.Distances > 0 {
		t.Errorf("%d hits for %d distances where nothing is accepted", len(hits), work.Distances)
	}
}

func TestSmallAndEqual(t *testing.T) {
	w := newWorld(t, shape{n: 500, dim: 4, metric: index.Euclid, seed: 6})
	for i := range 400 {
		copy(w.rows.Rows().Floats(uint32(i)), []float32{1, 2, 3, 4})
	}
	o := w.options()
	o.Lists = 100
	x := w.open(t, o)
	if hits, _ := x.Search(index.Query{Vector: w.point(), K: 5}, nil); len(hits) != 0 || x.Len() != 0 || x.Stale() {
		t.Fatalf("an empty index answers %d hits", len(hits))
	}
	if err := x.Train(new(index.Builder).Done(), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	var few index.Builder
	few.Add(450)
	few.Add(451)
	if err := x.Train(few.Done(), index.Pace{Workers: 2}); err != nil { // fewer vectors than lists
		t.Fatal(err)
	}
	w.insertAll(t, x, 2)
	for range 2 {
		hits, _ := x.Search(index.Query{Vector: []float32{1, 2, 3, 4}, K: 10, Ef: 4000}, nil)
		for i, h := range hits {
			if h.Dist != 0 || h.Slot != index.Slot(i) {
				t.Errorf("hit %d is slot %d at %v", i, h.Slot, h.Dist)
			}
		}
		if len(hits) != 10 {
			t.Fatalf("%d hits", len(hits))
		}
		if err := x.Train(w.all(), index.Pace{Workers: 2}); err != nil {
			t.Fatal(err)
		}
	}
}

// Vectors whose squares overflow neither stop a training nor get lost.
func TestHugeVectors(t *testing.T) {
	for _, m := range []index.Metric{index.Dot, index.Euclid} {
		w := newWorld(t, shape{n: 1500, dim: 6, metric: m, seed: 6})
		for i := range 5 {
			v := w.rows.Rows().Floats(uint32(i))
			for d := range v {
				v[d] = math.MaxFloat32 / 2
			}
		}
		x := w.built(t)
		var huge index.Builder
		huge.Add(3)
		hits, _ := x.Search(index.Query{Vector: w.point(), K: 3, Ef: 10, Accept: huge.Done()}, nil)
		if len(hits) != 1 || hits[0].Slot != 3 {
			t.Errorf("%v: %v", m, hits)
		}
		if r := w.recall(x, index.Query{K: 10, Ef: 100, Accept: w.only(func(i int) bool { return i >= 5 })}, 20); r < 0.85 {
			t.Errorf("%v: recall %.3f", m, r)
		}
	}
}

func TestRepair(t *testing.T) {
	w := newWorld(t, shape{n: 3000, dim: 16, metric: index.Euclid, seed: 8})
	x := w.built(t)
	live := w.only(func(i int) bool { return i%3 != 0 })
	q := index.Query{Vector: w.point(), K: 20, Ef: 60, Accept: live}
	before, _ := x.Search(q, nil)
	removed, err := x.Repair(live, index.Pace{Workers: 2})
	if err != nil || removed != 1000 || x.Len() != 2000 || x.Contains(0) || !x.Contains(1) {
		t.Fatalf("removed %d, %d are left, %v", removed, x.Len(), err)
	}
	q.Accept = nil
	hits, _ := x.Search(q, nil)
	for _, h := range hits {
		if !live.Contains(h.Slot) {
			t.Errorf("slot %d is dead", h.Slot)
		}
	}
	if common := common(hits, slots(before)); common < 18 {
		t.Errorf("%d of 20 hits are those before the repair", common)
	}
	if again, err := x.Repair(live, index.Pace{Workers: 2}); again != 0 || err != nil {
		t.Errorf("a second repair removes %d, %v", again, err)
	}
	for i := 0; i < w.n; i += 3 { // they come back
		if err := x.Insert(index.Slot(i)); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.recall(x, index.Query{K: 10, Ef: 200}, 30); x.Len() != w.n || r < 0.95 {
		t.Errorf("%d slots, recall %.3f", x.Len(), r)
	}
}

func slots(hits []index.Hit) (s []index.Slot) {
	for _, h := range hits {
		s = append(s, h.Slot)
	}
	return s
}

// Other vectors than it was trained on make an index stale.
func TestDrift(t *testing.T) {
	w := newWorld(t, shape{n: 6000, dim: 16, metric: index.Euclid, seed: 9})
	for i := 3000; i < w.n; i++ {
		for d, v := range w.rows.Rows().Floats(uint32(i)) {
			w.rows.Rows().Floats(uint32(i))[d] = 3*v + 1
		}
	}
	x := w.open(t, w.options())
	if err := x.Train(w.only(func(i int) bool { return i < 3000 }), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	for i := range w.n {
		if i == 3000 && x.Stale() {
			t.Error("stale with the vectors of its training")
		}
		if err := x.Insert(index.Slot(i)); err != nil {
			t.Fatal(err)
		}
	}
	if !x.Stale() {
		t.Error("not stale with other vectors than those of its training")
	}
	if err := x.Train(w.all(), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	if x.Stale() {
		t.Error("stale after a training")
	}
}

// A search whose time has passed does little.
func TestDone(t *testing.T) {
	w := newWorld(t, shape{n: 4000, dim: 16, metric: index.Euclid, seed: 9})
	x := w.built(t)
	done := make(chan struct{})
	close(done)
	hits, work := x.Search(index.Query{Vector: w.point(), K: 10, Ef: 4000, Done: done}, nil)
	if len(hits) > 0 || work.Hops > 0 {
		t.Errorf("%d hits from %d lists", len(hits), work.Hops)
	}
}

// Searches find only what is there while inserts, a repair and a training go on.
func TestSearchBesideEverything(t *testing.T) {
	w := newWorld(t, shape{n: 3000, dim: 16, metric: index.Euclid, seed: 10})
	x := w.open(t, w.options())
	if err := x.Train(w.all(), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var searches sync.WaitGroup
	for i := range 2 {
		v := w.point()
		searches.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				hits, _ := x.Search(index.Query{Vector: v, K: 10, Ef: 20 * (i + 1)}, nil)
				for j, h := range hits {
					if int(h.Slot) >= w.n || h.Dist != simd.L2(v, w.rows.Rows().Floats(uint32(h.Slot))) {
						t.Errorf("slot %d at %v", h.Slot, h.Dist)
					}
					if j > 0 && hits[j-1].Slot == h.Slot {
						t.Errorf("slot %d twice", h.Slot)
					}
				}
			}
		})
	}
	w.insertAll(t, x, 2)
	odd := w.only(func(i int) bool { return i%2 == 1 })
	for range 3 {
		if _, err := x.Repair(odd, index.Pace{Workers: 2}); err != nil {
			t.Error(err)
		}
		if err := x.Train(odd, index.Pace{Workers: 2}); err != nil {
			t.Error(err)
		}
		runtime.GC()
		w.insertAll(t, x, 2)
	}
	close(stop)
	searches.Wait()
	if r := w.recall(x, index.Query{K: 10, Ef: 200}, 20); r < 0.95 {
		t.Errorf("recall %.3f afterwards", r)
	}
}

// A training that is stopped at any moment leaves the index as it was; done again it
// is as if it had never been stopped.
func TestAStoppedTraining(t *testing.T) {
	w := newWorld(t, shape{n: 3000, dim: 12, metric: index.Euclid, seed: 4})
	o := w.options()
	o.Lists, o.Axes = 600, 10 // in groups
	whole := w.builtBy(t, o)
	for _, after := range []int64{0, 1, 5, 20, 50, 100, 200, 300} {
		x := w.builtBy(t, o)
		q := index.Query{Vector: w.point(), K: 10, Ef: 50}
		before, _ := x.Search(q, nil)
		var asked atomic.Int64
		stop := index.Pace{Workers: 2, Go: func(int) bool { return asked.Add(1) <= after }}
		if err := x.Train(w.all(), stop); !errors.Is(err, index.ErrStopped) {
			t.Fatalf("stopped after %d parts: %v", after, err)
		}
		if now, _ := x.Search(q, nil); !slices.Equal(before, now) || x.Len() != w.n {
			t.Fatalf("stopped after %d parts: %v, before %v", after, now, before)
		}
		if err := x.Train(w.all(), index.Pace{}); err != nil {
			t.Fatal(err)
		}
		want, _ := whole.Search(q, nil)
		if now, _ := x.Search(q, nil); !slices.Equal(want, now) {
			t.Fatalf("trained again: %v, want %v", now, want)
		}
	}
}
