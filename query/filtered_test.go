package query

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/simd"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/replica"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// selectivities are the shares of the points that match.
var selectivities = []float64{0.0001, 0.001, 0.01, 0.05, 0.20, 0.50, 0.90, 0.99}

// relation is where the matches lie, seen from the query.
type relation uint8

const (
	independent relation = iota // anywhere
	aligned                     // the points nearest to the query
	opposed                     // the points farthest from it
)

func (r relation) String() string { return [...]string{"independent", "aligned", "opposed"}[r] }

var relations = []relation{independent, aligned, opposed}

// filterWorld is one shard with a graph, asked below the filter: the sets that
// a filter would make are made here, so that they can be any.
type filterWorld struct {
	tb   testing.TB
	s    *shard.Shard
	view *shard.View
	vec  shard.Vectors
	some *filter.Filter // that the planner sees one; what it matches is told by hand
}

// filterQuery is a vector with all points in order of their distance from it.
type filterQuery struct {
	vector []float32
	order  []index.Slot
	dist   []float32 // by slot
}

const filterShard schema.ShardID = 7

// openFilterWorld fills a replica in a folder, unless it is full, and waits for
// its graph.
func openFilterWorld(tb testing.TB, dir string, c *schema.Collection, n int, vector func(i int) []float32) *filterWorld {
	tb.Helper()
	quiet := slog.New(slog.DiscardHandler)
	opt := shard.NewOptimizer(shard.OptimizerOptions{Workers: 2, Logger: quiet})
	r, err := replica.Open(dir, replica.Options{Optimizer: opt, Logger: quiet})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		opt.Close()
		if err := r.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	if _, ok := r.Shard(filterShard); !ok {
		fillFilterWorld(tb, r, c, n, vector)
	}
	w := &filterWorld{tb: tb}
	w.s, _ = r.Shard(filterShard)
	for until := time.Now().Add(20 * time.Minute); !w.ready(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			tb.Fatalf("no graph: %+v", w.s.Status())
		}
	}
	if w.view, err = w.s.View(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(w.view.Release)
	w.vec, _ = w.view.Vectors("")
	if w.vec.Graph == nil {
		tb.Fatal("the shard has no graph")
	}
	if w.some, err = filter.Parse([]byte(`{"must":[{"key":"told","match":{"value":"by hand"}}]}`)); err != nil {
		tb.Fatal(err)
	}
	return w
}

func fillFilterWorld(tb testing.TB, r *replica.Replica, c *schema.Collection, n int, vector func(i int) []float32) {
	tb.Helper()
	entry := uint64(0)
	apply := func(o op.Op) {
		entry++
		o.Shard = filterShard
		for _, res := range r.Apply([]replica.Entry{{Index: entry, Data: op.Append(nil, []op.Op{o})}})[0] {
			if res.Err != nil {
				tb.Fatal(res.Err)
			}
		}
	}
	apply(op.Op{Kind: op.CreateShard, Schema: c})
	const batch = 2000
	for from := 0; from < n; from += batch {
		points := make([]point.Point, 0, batch)
		for i := from; i < min(from+batch, n); i++ {
			points = append(points, point.Point{ID: point.Number(uint64(i)), Vectors: []point.Vector{{Values: vector(i)}}})
		}
		if err := c.Prepare(points); err != nil {
			tb.Fatal(err)
		}
		apply(op.Op{Kind: op.Upsert, Points: points})
	}
}

// ready says that the graph is whole and its recall measured.
func (w *filterWorld) ready() bool {
	v, err := w.s.View()
	if err != nil {
		w.tb.Fatal(err)
	}
	defer v.Release()
	vec, _ := v.Vectors("")
	return w.s.Status().Green && vec.Graph != nil && vec.Effort > 0
}

// query orders all points by their distance from a prepared vector.
func (w *filterWorld) query(vector []float32) *filterQuery {
	q := &filterQuery{vector: vector}
	slots := w.vec.Has.AppendRange(nil, 0, w.view.Next())
	q.dist = make([]float32, w.view.Next())
	near := make([]float32, len(slots))
	from, _ := simd.Encoded(w.vec.Space, vector, nil)
	from.Distances(w.vec.Rows.Base(), w.vec.Rows.Stride(), slots, near)
	for i, s := range slots {
		q.dist[s] = near[i]
		q.order = append(q.order, index.Slot(s))
	}
	slices.SortFunc(q.order, func(a, b index.Slot) int {
		if q.dist[a] != q.dist[b] {
			if q.dist[a] < q.dist[b] {
				return -1
			}
			return 1
		}
		return int(a) - int(b)
	})
	return q
}

// matches draws the set of a cell.
func (q *filterQuery) matches(share float64, r relation, rng *rand.Rand) *index.Set {
	n := max(int(share*float64(len(q.order))), 1)
	e := (*index.Set)(nil).Edit()
	switch r {
	case independent:
		for _, i := range rng.Perm(len(q.order))[:n] {
			e.Add(q.order[i])
		}
	case aligned:
		for _, s := range q.order[:n] {
			e.Add(s)
		}
	case opposed:
		for _, s := range q.order[len(q.order)-n:] {
			e.Add(s)
		}
	}
	return e.Done()
}

// ask runs a query as gather does, from the point on where the filter is known;
// nil asks without a filter. check has the filter be unknown to the indexes.
func (w *filterWorld) ask(q *filterQuery, set *index.Set, change func(*Request)) *search {
	r := &Request{Vector: q.vector, Limit: 10}
	m := shard.Matches{Set: w.view.Live(), Exact: true}
	if set != nil {
		r.Filter, m.Set = w.some, set
	}
	if change != nil {
		change(r)
	}
	s := &search{ctx: w.tb.Context(), r: r, view: w.view, vec: w.vec}
	if err := s.run(m); err != nil {
		w.tb.Fatal(err)
	}
	return s
}

// found is how many of the ten nearest matches were found, of how many. A hit
// as near as the last of them counts: among equals there is no one truth.
func (q *filterQuery) found(set *index.Set, hits []index.Hit) (n, of int) {
	var last float32
	for _, s := range q.order {
		if set == nil || set.Contains(s) {
			last = q.dist[s]
			if of++; of == 10 {
				break
			}
		}
	}
	hits = slices.Clone(hits)
	slices.SortFunc(hits, func(a, b index.Hit) int { return int(a.Slot) - int(b.Slot) })
	hits = slices.CompactFunc(hits, func(a, b index.Hit) bool { return a.Slot == b.Slot })
	for _, h := range hits {
		if q.dist[h.Slot] <= last && (set == nil || set.Contains(h.Slot)) {
			n++
		}
	}
	return min(n, of), of
}

func (r relation) cell(share float64) string { return fmt.Sprintf("%s at %g %%", r, 100*share) }

// Through the planner, every selectivity finds its matches wherever they lie,
// and compares hardly more than the matches, or four times what a search without
// a filter does.
func TestFilteredRecall(t *testing.T) {
	const n, dim, queries = 6000, 64, 12
	rng := rand.New(rand.NewPCG(11, 3))
	hubs := make([][]float32, 30)
	draw := func(hub []float32) []float32 {
		v := make([]float32, dim)
		for i := range v {
			if v[i] = float32(rng.NormFloat64()); hub != nil {
				v[i] = hub[i] + v[i]/2
			}
		}
		return v
	}
	for i := range hubs {
		hubs[i] = draw(nil)
	}
	c := schema.Defaults()
	least := 1
	c.Optimizers.IndexingThreshold, c.HNSW.FullScanThreshold = &least, 1
	c.Vectors = []schema.Vector{{Size: dim, Metric: index.Euclid}}
	w := openFilterWorld(t, t.TempDir(), &c, n, func(int) []float32 { return draw(hubs[rng.IntN(len(hubs))]) })
	var asked []*filterQuery
	for range queries {
		asked = append(asked, w.query(draw(hubs[rng.IntN(len(hubs))])))
	}
	narrow := ef(24)
	free := 0
	for _, q := range asked {
		free += w.ask(q, nil, narrow).work.Distances
	}
	for _, r := range relations {
		for _, share := range selectivities {
			got, of, cost, matches := 0, 0, 0, 0
			for _, q := range asked {
				set := q.matches(share, r, rng)
				s := w.ask(q, set, narrow)
				found, all := q.found(set, s.hits)
				got, of = got+found, of+all
				cost, matches = cost+s.work.Distances, matches+set.Len()
			}
			if recall := float64(got) / float64(of); recall < 0.95 {
				t.Errorf("%s: recall %.3f", r.cell(share), recall)
			}
			if most := max(2*matches, 4*free); cost > most {
				t.Errorf("%s: %d distances; %d match, %d without a filter", r.cell(share), cost, matches, free)
			}
		}
	}
}
