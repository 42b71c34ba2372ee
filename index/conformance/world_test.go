// Package conformance holds every index.Dense to one promise, whatever it is
// made of: what it answers, what it counts, what it saves and what it refuses.
// A new kind of index is a line in kinds.
package conformance

import (
	"cmp"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/ivfpq"
	"github.com/kithdb/kith/index/lsh"
	"github.com/kithdb/kith/index/quant"
)

// shape is what every kind is made by.
type shape struct {
	space index.Space
	dim   int
	seed  uint64
}

// kind is one implementation under test.
type kind struct {
	name      string
	manhattan bool // whether it has that metric
	ef        int  // the breadth at which it is held to recall
	recall    float64
	dim       int     // of its vectors; 0: dim
	anew      bool    // a load makes some of it anew, and may answer otherwise
	dot       float64 // recall for Dot, whose nearest are far apart where lengths differ; 0: as for the others
	open      func(rows *arena.Arena, s shape) (index.Dense, error)
	load      func(r io.Reader, rows *arena.Arena, s shape) (index.Dense, index.Meta, error)
}

var kinds = []kind{
	{
		name: "hnsw", manhattan: true, ef: 64, recall: 0.95, dot: 0.85,
		open: func(rows *arena.Arena, s shape) (index.Dense, error) { return hnsw.New(rows, graph(s)) },
		load: func(r io.Reader, rows *arena.Arena, s shape) (index.Dense, index.Meta, error) {
			return loaded(hnsw.Load(r, rows, graph(s)))
		},
	},
	{
		name: "hnsw, inline_storage", ef: 64, recall: 0.95, dot: 0.85, dim: 64, anew: true,
		open: func(rows *arena.Arena, s shape) (index.Dense, error) {
			g, err := hnsw.New(rows, graph(s))
			if err != nil {
				return nil, err
			}
			return g, inlined(g, rows, s)
		},
		load: func(r io.Reader, rows *arena.Arena, s shape) (index.Dense, index.Meta, error) {
			g, m, err := hnsw.Load(r, rows, graph(s))
			if err != nil {
				return nil, m, err
			}
			return g, m, inlined(g, rows, s)
		},
	},
	{
		name: "lsh", ef: 16, recall: 0.9,
		open: func(rows *arena.Arena, s shape) (index.Dense, error) { return lsh.New(rows, hashes(s)) },
		load: func(r io.Reader, rows *arena.Arena, s shape) (index.Dense, index.Meta, error) {
			return loaded(lsh.Load(r, rows, hashes(s)))
		},
	},
	{
		name: "flat, by codes", ef: 64, recall: 0.95,
		open: func(rows *arena.Arena, s shape) (index.Dense, error) {
			g, err := hnsw.New(rows, scanned(s))
			if err != nil {
				return nil, err
			}
			return g, alongAxes(g, rows, s)
		},
		load: func(r io.Reader, rows *arena.Arena, s shape) (index.Dense, index.Meta, error) {
			g, m, err := hnsw.Load(r, rows, scanned(s))
			if err != nil {
				return nil, m, err
			}
			return g, m, alongAxes(g, rows, s)
		},
	},
	{
		name: "ivf_pq, along axes", ef: 64, recall: 0.95,
		open: func(rows *arena.Arena, s shape) (index.Dense, error) { return ivfpq.New(rows, shortLists(s)) },
		load: func(r io.Reader, rows *arena.Arena, s shape) (index.Dense, index.Meta, error) {
			return loaded(ivfpq.Load(r, rows, shortLists(s)))
		},
	},
	{
		name: "ivf_pq", ef: 64, recall: 0.95,
		open: func(rows *arena.Arena, s shape) (index.Dense, error) { return ivfpq.New(rows, lists(s)) },
		load: func(r io.Reader, rows *arena.Arena, s shape) (index.Dense, index.Meta, error) {
			return loaded(ivfpq.Load(r, rows, lists(s)))
		},
	},
}

// inlined lays codes beside a graph's links.
func inlined(g *hnsw.Graph, rows *arena.Arena, s shape) error {
	code := quant.NewAffine(quant.AffineOptions{Metric: s.space.Metric, Dim: s.dim, Bits: 4, Seed: s.seed}, quant.Mean(samples(rows, s), s.dim))
	if err := errors.Join(g.Guide(code, index.Pace{Workers: 2}), g.Inline(true, 2)); err != nil {
		return err
	}
	if !g.Inlined() {
		return errors.New("nothing lies beside the links")
	}
	return nil
}

// scanned is a graph whose codes are compared one by one.
func scanned(s shape) hnsw.Options {
	return hnsw.Options{Dim: s.dim, Metric: s.space.Metric, Datatype: s.space.Datatype, M: 2, EfConstruct: 1, Loose: true, Scanned: true, Seed: s.seed}
}

// alongAxes has searches go by three quarters of the dimensions.
func alongAxes(g *hnsw.Graph, rows *arena.Arena, s shape) error {
	o := quant.Options{Kind: quant.Along, Space: s.space, Dim: s.dim, Axes: s.dim * 3 / 4, Seed: s.seed}
	code, err := quant.Train(o, samples(rows, s))
	if err != nil {
		return err
	}
	return g.Guide(code, index.Pace{Workers: 2})
}

// shortLists is lists along three quarters of the dimensions.
func shortLists(s shape) ivfpq.Options {
	o := lists(s)
	o.Axes = s.dim * 3 / 4
	return o
}

// samples is all vectors, one after the other.
func samples(rows *arena.Arena, s shape) []float32 {
	all := make([]float32, rows.Rows().Len()*s.dim)
	for i := range uint32(rows.Rows().Len()) {
		s.space.Datatype.Decode(all[int(i)*s.dim:int(i+1)*s.dim], rows.Rows().Bytes(i))
	}
	return all
}

// dims is the dimensions of its vectors.
func (k *kind) dims() int { return cmp.Or(k.dim, dim) }

func loaded[T index.Dense](x T, m index.Meta, err error) (index.Dense, index.Meta, error) {
	if err != nil {
		return nil, m, err
	}
	return x, m, nil
}

func graph(s shape) hnsw.Options {
	return hnsw.Options{Dim: s.dim, Metric: s.space.Metric, Datatype: s.space.Datatype, M: 12, EfConstruct: 80, Seed: s.seed}
}

func hashes(s shape) lsh.Options {
	return lsh.Options{Dim: s.dim, Metric: s.space.Metric, Datatype: s.space.Datatype, Seed: s.seed}
}

func lists(s shape) ivfpq.Options {
	return ivfpq.Options{Dim: s.dim, Metric: s.space.Metric, Datatype: s.space.Datatype, Lists: 40, Seed: s.seed, Workers: 2}
}

func (k *kind) metrics() []index.Metric {
	if k.manhattan {
		return []index.Metric{index.Cosine, index.Dot, index.Euclid, index.Manhattan}
	}
	return []index.Metric{index.Cosine, index.Dot, index.Euclid}
}

// world is rows of clustered vectors, and an index over them.
type world struct {
	t     *testing.T
	kind  *kind
	shape shape
	rows  *arena.Arena
	n     int
	x     index.Dense
	rng   *rand.Rand
	hubs  [][]float32
}

func newWorld(t *testing.T, k *kind, s shape, n int) *world {
	w := &world{t: t, kind: k, shape: s, n: n, rng: rand.New(rand.NewPCG(s.seed, 5)),
		rows: arena.New(arena.Options{RowBytes: s.dim * s.space.Datatype.Bytes()})}
	for range 40 {
		hub := make([]float32, s.dim)
		for d := range hub {
			hub[d] = 6 + 4*float32(w.rng.NormFloat64())
		}
		w.hubs = append(w.hubs, hub)
	}
	if err := w.rows.Pin(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.rows.Close() })
	if err := w.rows.Grow(n); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		w.put(i, w.draw())
	}
	w.x = w.open()
	return w
}

// open is a trained, empty index over the rows.
func (w *world) open() index.Dense {
	w.t.Helper()
	x, err := w.kind.open(w.rows, w.shape)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { x.Close() })
	if trained, ok := x.(index.Trained); ok {
		if err := trained.Train(w.upTo(w.n), index.Pace{Workers: 2}); err != nil {
			w.t.Fatal(err)
		}
	}
	return x
}

func (w *world) put(slot int, v []float32) {
	w.shape.space.Datatype.Encode(w.rows.Rows().Bytes(uint32(slot)), v)
}

// draw is a vector near one of the hubs, as a user would have it stored.
func (w *world) draw() []float32 {
	v := slices.Clone(w.hubs[w.rng.IntN(len(w.hubs))])
	square := 0.0
	for d := range v {
		v[d] += 2 * float32(w.rng.NormFloat64())
		square += float64(v[d]) * float64(v[d])
	}
	if w.shape.space.Metric == index.Cosine && w.shape.space.Datatype != index.Uint8 {
		for d := range v {
			v[d] /= float32(math.Sqrt(square))
		}
	}
	return v
}

// fill inserts all rows.
func (w *world) fill() {
	w.t.Helper()
	w.insert(0, w.n)
}

func (w *world) insert(from, to int) {
	w.t.Helper()
	for s := from; s < to; s++ {
		if err := w.x.Insert(index.Slot(s)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// upTo is the set of slots below n.
func (w *world) upTo(n int) *index.Set { return w.only(n, func(int) bool { return true }) }

func (w *world) only(n int, keep func(int) bool) *index.Set {
	var b index.Builder
	for s := range n {
		if keep(s) {
			b.Add(index.Slot(s))
		}
	}
	return b.Done()
}

// truth is the exact answer.
func (w *world) truth(q index.Query) []index.Hit {
	if q.Accept == nil {
		q.Accept = w.upTo(w.n)
	}
	q.Done = nil
	hits, _ := flat.Range(q, w.shape.space, w.rows.Rows(), 0, index.Slot(w.n), nil)
	return hits
}

// right checks everything about an answer but how good it is.
func (w *world) right(q index.Query, hits []index.Hit) {
	w.t.Helper()
	if len(hits) > q.K {
		w.t.Fatalf("%d hits, asked for %d", len(hits), q.K)
	}
	seen := map[index.Slot]bool{}
	for i, h := range hits {
		switch {
		case seen[h.Slot]:
			w.t.Fatalf("slot %d is found twice", h.Slot)
		case i > 0 && h.Dist < hits[i-1].Dist:
			w.t.Fatalf("hit %d is nearer than the one before", i)
		case !w.x.Contains(h.Slot):
			w.t.Fatalf("slot %d is not in the index", h.Slot)
		case q.Accept != nil && !q.Accept.Contains(h.Slot):
			w.t.Fatalf("slot %d is not accepted", h.Slot)
		case q.Check != nil && !q.Check(h.Slot):
			w.t.Fatalf("slot %d does not pass the check", h.Slot)
		}
		seen[h.Slot] = true
		one := index.Query{Vector: q.Vector, K: 1}
		exact, _ := flat.Search(one, w.shape.space, w.rows.Rows(), []uint32{uint32(h.Slot)}, nil)
		if d := math.Abs(float64(exact[0].Dist - h.Dist)); d > 1e-3*(1+math.Abs(float64(h.Dist))) {
			w.t.Fatalf("slot %d at %g, it is at %g", h.Slot, h.Dist, exact[0].Dist)
		}
	}
}

// recall asks a number of questions, checks the answers and counts the share of
// true neighbours. A hit as near as the last true one counts.
func (w *world) recall(questions int, q index.Query) float64 {
	w.t.Helper()
	found, wanted := 0, 0
	for range questions {
		q.Vector = w.draw()
		hits, work := w.x.Search(q, nil)
		w.right(q, hits)
		if work.Distances < len(hits) {
			w.t.Fatalf("%d hits for %d distances", len(hits), work.Distances)
		}
		truth := w.truth(q)
		wanted += len(truth)
		for _, h := range hits {
			if h.Dist <= truth[len(truth)-1].Dist {
				found++
			}
		}
	}
	return float64(min(found, wanted)) / float64(max(wanted, 1))
}

// holds checks recall against the kind's floor.
func (w *world) holds(what string, q index.Query) {
	w.t.Helper()
	want := w.kind.recall
	if w.shape.space.Metric == index.Dot && w.kind.dot > 0 {
		want = w.kind.dot
	}
	if r := w.recall(20, q); r < want {
		w.t.Errorf("%s: recall %.3f at ef %d, want %.2f", what, r, q.Ef, want)
	}
}
