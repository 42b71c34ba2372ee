package flat_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/simd"
	"pgregory.net/rapid"
)

// rowsOf makes an arena of random rows; few distinct values make many ties.
// A scan that has to stop computes no more than one block of distances.
func TestScanEndsEarly(t *testing.T) {
	rows := rowsOf(t, 9000, 8, 50)
	done := make(chan struct{})
	close(done)
	slots := make([]uint32, 9000)
	for i := range slots {
		slots[i] = uint32(i)
	}
	q := index.Query{Vector: rows.Floats(1), K: 3, Accept: setOf(slots), Done: done}
	if _, w := flat.Range(q, index.Space{Metric: index.Dot}, rows, 0, 9000, nil); w.Distances > 4096 {
		t.Errorf("Range computed %d distances after its end", w.Distances)
	}
	if _, w := flat.Search(q, index.Space{Metric: index.Dot}, rows, slots, nil); w.Distances > 4096 {
		t.Errorf("Search computed %d distances after its end", w.Distances)
	}
}

func rowsOf(t testing.TB, n, dim, values int) arena.Rows {
	t.Helper()
	a := arena.New(arena.Options{RowBytes: 4 * dim})
	t.Cleanup(func() { a.Close() })
	if err := a.Grow(n); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(uint64(n), uint64(dim)))
	rows := a.Rows()
	for i := range uint32(n) {
		for j := range rows.Floats(i) {
			rows.Floats(i)[j] = float32(rng.IntN(values)) - float32(values/2)
		}
	}
	return rows
}

func setOf(slots []uint32) *index.Set {
	var none *index.Set
	e := none.Edit()
	e.AddMany(slots)
	return e.Done()
}

// naive is the answer by sorting every distance.
func naive(q index.Query, m index.Metric, rows arena.Rows, slots []uint32) []index.Hit {
	var all []index.Hit
	for _, id := range slots {
		if q.Check == nil || q.Check(index.Slot(id)) {
			all = append(all, index.Hit{Slot: index.Slot(id), Dist: simd.Distance(m, q.Vector, rows.Floats(id))})
		}
	}
	slices.SortFunc(all, func(a, b index.Hit) int {
		return cmp.Or(cmp.Compare(a.Dist, b.Dist), cmp.Compare(a.Slot, b.Slot))
	})
	return all[:min(max(q.K, 0), len(all))]
}

func TestRangeAndSearchAgreeWithASort(t *testing.T) {
	const n, dim = 10_000, 7
	rows := rowsOf(t, n, dim, 5)
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		share := rapid.SampledFrom([]float64{0, 0.001, 0.1, 1}).Draw(t, "share")
		from := rapid.IntRange(0, n).Draw(t, "from")
		to := rapid.IntRange(from, n+100).Draw(t, "to")
		m := rapid.SampledFrom([]index.Metric{index.Cosine, index.Dot, index.Euclid, index.Manhattan}).Draw(t, "metric")
		var in, all []uint32
		for id := range uint32(n) {
			if rng.Float64() < share {
				all = append(all, id)
				if int(id) >= from && int(id) < to {
					in = append(in, id)
				}
			}
		}
		q := index.Query{Vector: rows.Floats(uint32(rng.IntN(n))), K: rapid.IntRange(0, 300).Draw(t, "k"), Accept: setOf(all)}
		checked := len(in)
		if rapid.Bool().Draw(t, "check") {
			q.Check = func(s index.Slot) bool { return s%3 != 0 }
			checked = 0
			for _, id := range in {
				if id%3 != 0 {
					checked++
				}
			}
		}
		before := []index.Hit{{Slot: 1, Dist: -1}}
		want := append(before[:1:1], naive(q, m, rows, in)...)
		got, work := flat.Range(q, index.Space{Metric: m}, rows, index.Slot(from), index.Slot(to), before[:1:1])
		if !slices.Equal(got, want) || work.Distances != checked {
			t.Fatalf("Range: %v\nwant %v\n%d distances for %d", got, want, work.Distances, checked)
		}
		rng.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		for _, accept := range []*index.Set{q.Accept, nil} {
			q.Accept = accept
			if got, _ := flat.Search(q, index.Space{Metric: m}, rows, in, before[:1:1]); !slices.Equal(got, want) {
				t.Fatalf("Search: %v\nwant %v", got, want)
			}
		}
	})
}

func TestSearchLeavesOutWhatIsNotAccepted(t *testing.T) {
	rows := rowsOf(t, 100, 3, 9)
	q := index.Query{Vector: rows.Floats(0), K: 100, Accept: setOf([]uint32{3, 50})}
	hits, work := flat.Search(q, index.Space{Metric: index.Euclid}, rows, []uint32{1, 3, 50, 99}, nil)
	if len(hits) != 2 || work.Distances != 2 {
		t.Errorf("%v, %+v", hits, work)
	}
}

func TestRangeOfNothing(t *testing.T) {
	rows := rowsOf(t, 10, 3, 9)
	empty := arena.New(arena.Options{RowBytes: 12}).Rows()
	for name, hits := range map[string][]index.Hit{
		"nil set":   first(flat.Range(index.Query{Vector: rows.Floats(0), K: 5}, index.Space{Metric: index.Dot}, rows, 0, 10, nil)),
		"no range":  first(flat.Range(index.Query{Vector: rows.Floats(0), K: 5, Accept: setOf([]uint32{1})}, index.Space{Metric: index.Dot}, rows, 5, 2, nil)),
		"no rows":   first(flat.Range(index.Query{Vector: rows.Floats(0), K: 5, Accept: setOf([]uint32{1})}, index.Space{Metric: index.Dot}, empty, 0, 10, nil)),
		"no slots":  first(flat.Search(index.Query{Vector: rows.Floats(0), K: 5}, index.Space{Metric: index.Dot}, rows, nil, nil)),
		"k is zero": first(flat.Search(index.Query{Vector: rows.Floats(0)}, index.Space{Metric: index.Dot}, rows, []uint32{1, 2}, nil)),
	} {
		if len(hits) != 0 {
			t.Errorf("%s: %v", name, hits)
		}
	}
}

func first(hits []index.Hit, _ index.Work) []index.Hit { return hits }

func TestTopKAgreesWithASort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(-1, 20).Draw(t, "k")
		dists := rapid.SliceOf(rapid.SampledFrom([]float32{-2, 0, 1, 3.5, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())})).Draw(t, "dists")
		top := flat.New(k)
		var all []index.Hit
		for i, d := range dists {
			top.Offer(index.Slot(i*7%len(dists)), d)
			if d != d {
				d = float32(math.Inf(1))
			}
			all = append(all, index.Hit{Slot: index.Slot(i * 7 % len(dists)), Dist: d})
			want := float32(math.Inf(1))
			if top.Len() >= max(k, 0) {
				slices.SortFunc(all, byDist)
				want = float32(math.Inf(-1))
				if k > 0 {
					want = all[k-1].Dist
				}
			}
			if got := top.Worst(); got != want {
				t.Fatalf("Worst %v, want %v", got, want)
			}
		}
		slices.SortFunc(all, byDist)
		if got, want := top.Hits(), all[:min(max(k, 0), len(all))]; !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func byDist(a, b index.Hit) int {
	return cmp.Or(cmp.Compare(a.Dist, b.Dist), cmp.Compare(a.Slot, b.Slot))
}
