package query

import (
	"cmp"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/replica"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

var tenantsPoints = flag.Int("tenants.points", 300_000, "points of BenchmarkTenants at most")

// tenantWorld is a shard whose points have a tenant, asked through its planner.
type tenantWorld struct {
	tb    testing.TB
	r     *replica.Replica
	s     *shard.Shard
	c     schema.Collection
	entry uint64
	stop  func() // closes the replica
}

func openTenantWorld(tb testing.TB, dir string, c schema.Collection) *tenantWorld {
	tb.Helper()
	quiet := slog.New(slog.DiscardHandler)
	opt := shard.NewOptimizer(shard.OptimizerOptions{Workers: 2, Logger: quiet})
	r, err := replica.Open(dir, replica.Options{Optimizer: opt, Logger: quiet})
	if err != nil {
		tb.Fatal(err)
	}
	w := &tenantWorld{tb: tb, r: r, c: c}
	w.stop = func() {
		opt.Close()
		if err := r.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	}
	tb.Cleanup(func() { w.stop() })
	w.apply(op.Op{Kind: op.CreateShard, Schema: &c})
	w.s, _ = r.Shard(filterShard)
	return w
}

func (w *tenantWorld) apply(o op.Op) {
	w.tb.Helper()
	w.entry++
	o.Shard = filterShard
	for _, res := range w.r.Apply([]replica.Entry{{Index: w.entry, Data: op.Append(nil, []op.Op{o})}})[0] {
		if res.Err != nil {
			w.tb.Fatal(res.Err)
		}
	}
}

// fill upserts n points; payload nil gives them none.
func (w *tenantWorld) fill(n int, vector func(i int) []float32, payload func(i int) string) {
	w.tb.Helper()
	const batch = 2000
	for from := 0; from < n; from += batch {
		points := make([]point.Point, 0, batch)
		for i := from; i < min(from+batch, n); i++ {
			p := point.Point{ID: point.Number(uint64(i)), Vectors: []point.Vector{{Values: slices.Clone(vector(i))}}}
			if payload != nil {
				p.Payload = []byte(payload(i))
			}
			points = append(points, p)
		}
		if err := w.c.Prepare(points); err != nil {
			w.tb.Fatal(err)
		}
		w.apply(op.Op{Kind: op.Upsert, Points: points})
	}
}

// settle waits until the shard is green.
func (w *tenantWorld) settle() {
	w.tb.Helper()
	for until := time.Now().Add(20 * time.Minute); !w.settled(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			w.tb.Fatalf("not green: %+v, running %+v", w.s.Status(), w.s.Work())
		}
	}
}

func (w *tenantWorld) settled() bool {
	st, s := w.s.Status(), w.s.Work()
	if st.OptimizerError != "" {
		w.tb.Fatal(st.OptimizerError)
	}
	return st.Green && len(s.Running) == 0
}

// ask is one query through the planner.
func (w *tenantWorld) ask(vector []float32, f *filter.Filter, change func(*Request)) gathered {
	r := &Request{Vector: vector, Limit: 10, Filter: f}
	if change != nil {
		change(r)
	}
	var to gathered
	gather(w.tb.Context(), w.s, r, &to)
	if to.view != nil {
		to.view.Release()
	}
	if to.err != nil {
		w.tb.Fatal(to.err)
	}
	return to
}

// tenantOf deals points out: "huge" is 30 % of all, anywhere; "region" the 20 %
// nearest to the first query; the rest is 50 tenants of uneven size.
func tenantOf(base [][]float32, from []float32, metric index.Metric) []string {
	rng := rand.New(rand.NewPCG(7, 1))
	order, dist := make([]int, len(base)), make([]float32, len(base))
	for i, v := range base {
		order[i] = i
		for j, x := range v {
			if d := x - from[j]; metric == index.Euclid {
				dist[i] += d * d
			} else {
				dist[i] -= x * from[j]
			}
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(dist[a], dist[b]) })
	out := make([]string, len(base))
	for rank, i := range order {
		switch {
		case rank < len(base)/5:
			out[i] = "region"
		case rng.Float64() < 0.375:
			out[i] = "huge"
		default:
			out[i] = fmt.Sprint("t", int(50*rng.Float64()*rng.Float64()))
		}
	}
	return out
}

// tenantRun is a way to ask, measured.
type tenantRun struct {
	name string
	w    *tenantWorld
	f    *filter.Filter
	vary func(*Request)
	cost
}

// BenchmarkTenants asks for tenants of a collection, and asks a collection of
// its own for each; run it as BenchmarkFilters.
func BenchmarkTenants(b *testing.B) {
	if *filtersData == "" {
		b.Skip("no -filters.data")
	}
	metric, err := index.ParseMetric(*filtersMetric)
	if err != nil {
		b.Fatal(err)
	}
	c := schema.Defaults()
	queries := readFloats(b, filepath.Join(*filtersData, "query.fbin"))[:*filtersQueries]
	base := readFloats(b, filepath.Join(*filtersData, "base.fbin"))
	base = base[:min(len(base), *tenantsPoints)]
	c.Vectors = []schema.Vector{{Size: len(base[0]), Metric: metric}}
	for _, list := range [][][]float32{base, queries} {
		for _, v := range list {
			if err := c.PrepareVector("", v); err != nil {
				b.Fatal(err)
			}
		}
	}
	tenants := tenantOf(base, queries[0], metric)
	all := openTenantWorld(b, b.TempDir(), c)
	all.apply(op.Op{Kind: op.CreateIndex, Field: "tenant", FieldSchema: []byte(`{"type":"keyword","is_tenant":true}`)})
	all.apply(op.Op{Kind: op.CreateIndex, Field: "even", FieldSchema: []byte(`"bool"`)})
	start := time.Now()
	all.fill(len(base), func(i int) []float32 { return base[i] }, func(i int) string {
		return fmt.Sprintf(`{"tenant":%q,"even":%v}`, tenants[i], i%2 == 0)
	})
	all.settle()
	fmt.Printf("\n%d points, built in %v, %d MB\n", len(base), time.Since(start).Round(time.Second), all.s.Status().ResidentBytes>>20)
	for b.Loop() {
		for _, name := range []string{"huge", "region", "t0", "t3"} {
			tenantTable(b, all, name, tenants, base, queries)
		}
	}
}

func tenantTable(b *testing.B, all *tenantWorld, name string, tenants []string, base, queries [][]float32) {
	var own [][]float32
	var even []bool
	for i, t := range tenants {
		if t == name {
			own, even = append(own, base[i]), append(even, i%2 == 0)
		}
	}
	lone := openTenantWorld(b, b.TempDir(), all.c)
	lone.apply(op.Op{Kind: op.CreateIndex, Field: "even", FieldSchema: []byte(`"bool"`)})
	lone.fill(len(own), func(i int) []float32 { return own[i] }, func(i int) string { return fmt.Sprintf(`{"even":%v}`, even[i]) })
	lone.settle()
	parse := func(text string) *filter.Filter {
		f, err := filter.Parse([]byte(text))
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	must := fmt.Sprintf(`{"key":"tenant","match":{"value":%q}}`, name)
	const half = `{"key":"even","match":{"value":true}}`
	runs := []*tenantRun{
		{name: "own collection", w: lone},
		{name: "tenant", w: all, f: parse(`{"must":[` + must + `]}`)},
		{name: "general", w: all, f: parse(`{"should":[` + must + `]}`)}, // which no tree is seen in
		{name: "exact", w: all, f: parse(`{"must":[` + must + `]}`), vary: exactly},
		{name: "own, half", w: lone, f: parse(`{"must":[` + half + `]}`)},
		{name: "tenant, half", w: all, f: parse(`{"must":[` + must + `,` + half + `]}`)},
		{name: "general, half", w: all, f: parse(`{"must":[` + half + `],"should":[` + must + `]}`)},
	}
	for range passes {
		for _, r := range runs {
			r.pass(queries)
		}
	}
	fmt.Printf("%s: %d points; ef %d of all, %d of its own\n", name, len(own), all.s.Status().Recall[0].Ef, lone.ef())
	for i, r := range runs {
		against := runs[i/4*4]
		fmt.Printf("  %-16s recall %.3f  %8v  %6.0f distances  %5.0f hops  ÷ own %.2f\n", r.name, r.recall, r.time.Round(time.Microsecond), r.distances, r.hops, ratio(r.cost, against.cost))
	}
}

func (w *tenantWorld) ef() int {
	if r := w.s.Status().Recall; len(r) > 0 {
		return r[0].Ef
	}
	return 0
}

// pass asks each query once and keeps the best time of all passes.
func (r *tenantRun) pass(queries [][]float32) {
	var c cost
	got, of, n := 0, 0, float64(len(queries))
	for _, q := range queries {
		start := time.Now()
		found := r.w.ask(q, r.f, r.vary)
		c.time += time.Since(start)
		c.distances += float64(found.work.Distances) / n
		c.hops += float64(found.work.Hops) / n
		hits, all := r.w.found(q, r.f, found)
		got, of = got+hits, of+all
	}
	c.time /= time.Duration(len(queries))
	c.recall = float64(got) / float64(of)
	if r.time == 0 || c.time < r.time {
		r.cost = c
	}
}

// found counts the hits that are as near as the tenth of the true ones.
func (w *tenantWorld) found(vector []float32, f *filter.Filter, got gathered) (n, of int) {
	view, m, err := w.s.Matching(f)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer view.Release()
	vec, _ := view.Vectors("")
	truth, _ := flat.Range(index.Query{Vector: vector, K: 10, Accept: m.Set}, vec.Space, vec.Rows, 0, view.Next(), nil)
	if !m.Exact || len(truth) == 0 {
		w.tb.Fatalf("%d true neighbours, the indexes know the matches: %v", len(truth), m.Exact)
	}
	for _, c := range got.found {
		if !m.Set.Contains(c.slot) {
			w.tb.Fatalf("point %s is not a match", c.id)
		}
		if c.dist <= truth[len(truth)-1].Dist {
			n++
		}
	}
	return min(n, len(truth)), len(truth)
}
