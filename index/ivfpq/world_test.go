package ivfpq

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
)

// shape is what a world's vectors are like.
type shape struct {
	n, dim   int
	metric   index.Metric
	datatype index.Datatype
	seed     uint64
}

// world is vectors of low intrinsic dimension, as real embeddings have it: a
// mixture of clusters in few dimensions, through a random layer of tanh, plus a
// little noise.
type world struct {
	shape
	rows   *arena.Arena
	rng    *rand.Rand
	mids   [][]float32
	weight []float32
}

const latent = 8

func newWorld(t testing.TB, s shape) *world {
	t.Helper()
	if s.datatype == 0 {
		s.datatype = index.Float32
	}
	w := &world{shape: s, rng: rand.New(rand.NewPCG(s.seed, 11))}
	for range 30 {
		w.mids = append(w.mids, w.normals(latent))
	}
	w.weight = w.normals(latent * s.dim)
	w.rows = pinned(t, s.n, s.dim*s.datatype.Bytes())
	for i := range s.n {
		s.datatype.Encode(w.rows.Rows().Bytes(uint32(i)), w.point())
	}
	return w
}

func (w *world) normals(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(w.rng.NormFloat64())
	}
	return v
}

// point draws a vector, prepared for the metric.
func (w *world) point() []float32 {
	mid, z := w.mids[w.rng.IntN(len(w.mids))], w.normals(latent)
	v := w.normals(w.dim)
	for d := range v {
		sum := float64(0)
		for l := range latent {
			sum += float64((mid[l] + z[l]/2) * w.weight[d*latent+l])
		}
		v[d] = float32(math.Tanh(sum/2)) + v[d]/50
	}
	switch {
	case w.datatype == index.Uint8:
		for d := range v {
			v[d] = 128 + 100*v[d]
		}
	case w.metric == index.Cosine:
		normalise(v)
	}
	return v
}

func (w *world) options() Options {
	return Options{Dim: w.dim, Metric: w.metric, Datatype: w.datatype, Seed: 5, Workers: 2}
}

func (w *world) all() *index.Set { return w.only(func(int) bool { return true }) }

func (w *world) only(in func(i int) bool) *index.Set {
	var b index.Builder
	for i := range w.n {
		if in(i) {
			b.Add(index.Slot(i))
		}
	}
	return b.Done()
}

func (w *world) open(t testing.TB, o Options) *Index {
	t.Helper()
	x, err := New(w.rows, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// built is a trained index of all vectors.
func (w *world) built(t testing.TB) *Index {
	t.Helper()
	return w.builtBy(t, w.options())
}

func (w *world) builtBy(t testing.TB, o Options) *Index {
	t.Helper()
	x := w.open(t, o)
	if err := x.Train(w.all(), index.Pace{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	w.insertAll(t, x, 2)
	return x
}

func (w *world) insertAll(t testing.TB, x *Index, workers int) {
	t.Helper()
	var failed atomic.Pointer[error]
	index.NewCrew(index.Pace{Workers: workers}).Spread(w.n, stretch, func(from, to int) {
		for i := from; i < to; i++ {
			if err := x.Insert(index.Slot(i)); err != nil {
				failed.Store(&err)
				return
			}
		}
	})
	if err := failed.Load(); err != nil {
		t.Fatal(*err)
	}
}

func (w *world) exact(q index.Query) []index.Hit {
	hits, _ := flat.Range(q, index.Space{Metric: w.metric, Datatype: w.datatype}, w.rows.Rows(), 0, index.Slot(w.n), nil)
	return hits
}

// recall is the share of true neighbours that searches find; a hit as near as the
// last true one counts.
func (w *world) recall(x *Index, q index.Query, queries int) float64 {
	found, want := 0, 0
	for range queries {
		q.Vector = w.point()
		exact := q
		if exact.Accept == nil {
			exact.Accept = w.all()
		}
		truth := w.exact(exact)
		hits, _ := x.Search(q, nil)
		want += len(truth)
		for _, h := range hits {
			if len(truth) > 0 && h.Dist <= truth[len(truth)-1].Dist {
				found++
			}
		}
	}
	return float64(min(found, want)) / float64(max(want, 1))
}
