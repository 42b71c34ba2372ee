package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/kith/corpus"
)

// filterBench measures queries under filters of every share of the points, over
// HTTP. Each query has a payload field of its own, the rank of every point by its
// distance from it, so that a range of the field is the points around the query,
// or those farthest from it; another field has the points in an order of chance.
type filterBench struct {
	dataFlags
	queries int
	passes  int
	shares  []float64
	output  string
}

func newBenchFilters() *cobra.Command {
	b := filterBench{}
	c := &cobra.Command{
		Use:   "filters --data FOLDER",
		Short: "Measure filtered queries over HTTP: shares of 0.01 to 99 %, anywhere, around the query, far from it",
		Long: `Load the data into a throw-away server with a payload field for each query: the
rank of every point by its distance from that query. Then ask under filters of
every share of the points (--shares, per cent): independent of the query (a range
of points in an order of chance), aligned with it (the nearest) and opposed to it
(the farthest). Beside each stand the exact scan of the same matches and the query
without a filter at the same recall (between two breadths measured), asked in
turns; a query counts with the fastest of --passes. The bound is the cheaper of the
exact scan and four times the unfiltered query.`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	f := c.Flags()
	b.declare(f)
	f.IntVar(&b.queries, "ask", 20, "queries; each is a payload field of all points, with an index")
	f.IntVar(&b.passes, "passes", 4, "how often each is asked; its fastest counts")
	f.Float64SliceVar(&b.shares, "shares", []float64{0.01, 0.1, 1, 5, 20, 50, 90, 99}, "shares of the points that match, `PER CENT,…`")
	declareOutput(f, &b.output)
	return c
}

func (b *filterBench) check() error {
	if b.queries < 1 || b.passes < 1 {
		return &usageError{errors.New("--ask and --passes are 1 or more")}
	}
	if slices.ContainsFunc(b.shares, func(s float64) bool { return !(s > 0 && s <= 100) }) {
		return &usageError{fmt.Errorf("--shares %v: a share is more than 0 and at most 100 per cent", b.shares)}
	}
	return errors.Join(checkOutput(b.output), b.dataFlags.check())
}

func (b *filterBench) run(c *cobra.Command) (err error) {
	if err := b.check(); err != nil {
		return err
	}
	d, err := b.load(c)
	if err != nil {
		return err
	}
	dir, remove, err := scratch("")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	server, kith, err := child(c.Context(), dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(stopLimit)) }()
	w := newFilterWorld(&target{kith, benchCollection, d}, min(b.queries, d.query.Rows))
	w.passes = b.passes
	if err := w.fill(c); err != nil {
		return err
	}
	return b.table(c, w)
}

// filterWorld is the data with what is true of it, and the server that has it.
type filterWorld struct {
	*target
	passes int
	asked  []ranked
	any    []int32 // by point: its place in an order of chance
}

// ranked is a query with all points in order of their distance.
type ranked struct {
	field    string    // that holds a point's rank
	order    []int32   // points, nearest first
	rank     []int32   // by point
	distance []float32 // by point
}

const anyField = "any"

func newFilterWorld(t *target, queries int) *filterWorld {
	w := &filterWorld{target: t, any: make([]int32, t.data.base.Rows)}
	for i, place := range rand.New(rand.NewPCG(1, 2)).Perm(len(w.any)) {
		w.any[i] = int32(place)
	}
	for q := range queries {
		w.asked = append(w.asked, newRanked(t.data, q))
	}
	return w
}

func newRanked(d *dataset, query int) ranked {
	r := ranked{field: "rank" + strconv.Itoa(query), order: make([]int32, d.base.Rows), rank: make([]int32, d.base.Rows)}
	r.distance = corpus.Distances(d.metric, d.query.Row(query), d.base)
	for i := range r.order {
		r.order[i] = int32(i)
	}
	slices.SortFunc(r.order, func(a, b int32) int { return cmp.Or(cmp.Compare(r.distance[a], r.distance[b]), cmp.Compare(a, b)) })
	for place, point := range r.order {
		r.rank[point] = int32(place)
	}
	return r
}

// fill creates the collection with an index for each field, loads it, and waits
// until nothing is left to do behind.
func (w *filterWorld) fill(c *cobra.Command) error {
	ctx := c.Context()
	spec := client.Single(w.data.base.Columns, api.Distance(w.data.metric.String()))
	if err := w.kith.CreateCollection(ctx, w.collection, spec); err != nil {
		return err
	}
	fields := []string{anyField}
	for i := range w.asked {
		fields = append(fields, w.asked[i].field)
	}
	for _, field := range fields {
		if err := w.kith.CreateIndex(ctx, w.collection, field, "integer"); err != nil {
			return err
		}
	}
	payload := func(i int) any {
		p := make(map[string]int32, len(fields))
		p[anyField] = w.any[i]
		for k := range w.asked {
			p[w.asked[k].field] = w.asked[k].rank[i]
		}
		return p
	}
	o := client.UploadOptions{Collection: w.collection, Durability: client.Visible}
	if err := w.upload(c, o, payload); err != nil {
		return err
	}
	return settled(ctx, w.kith)
}

// region is where the matches of a filter lie, seen from the query.
type region string

const (
	independent region = "independent" // anywhere
	aligned     region = "aligned"     // the points nearest to it
	opposed     region = "opposed"     // the points farthest from it
)

// cell is a kind of filter: a region, and a share of the points in per cent.
type cell struct {
	region
	share float64
}

// everything is the cell of a query without a filter.
var everything = cell{}

// matches is the filter of a query, a range of ranks in the order of a field, and
// whether a point is in it.
func (w *filterWorld) matches(r *ranked, of cell) (f *client.Filter, holds func(point int) bool) {
	if of == everything {
		return nil, func(int) bool { return true }
	}
	n := len(w.any)
	count := min(max(int(float64(n)*of.share/100), 1), n)
	field, places, from := r.field, r.rank, 0
	switch of.region {
	case opposed:
		from = n - count
	case independent:
		field, places = anyField, w.any
	}
	to := from + count - 1
	f = &client.Filter{Must: []client.Condition{client.Between(field, float64(from), float64(to))}}
	return f, func(point int) bool { return int(places[point]) >= from && int(places[point]) <= to }
}

// truth is the distance of the last of the nearest matches, and how many there
// are of them, at most recallAt.
func (r *ranked) truth(holds func(int) bool) (last float32, n int) {
	for _, point := range r.order {
		if holds(int(point)) {
			last = r.distance[point]
			if n++; n == recallAt {
				break
			}
		}
	}
	return last, n
}

// request asks for the nearest of a query, and checks that all that is answered
// matches.
func (w *filterWorld) request(ctx context.Context, query int, q client.Query, holds func(int) bool) ([]int, error) {
	q.Vector, q.Limit = w.data.query.Row(query), recallAt
	found, err := w.kith.Query(ctx, w.collection, q)
	if err != nil {
		return nil, err
	}
	ids := make([]int, len(found))
	for i := range found {
		id, _ := found[i].ID.Uint64()
		if ids[i] = int(id); !holds(ids[i]) {
			return nil, fmt.Errorf("query %d: point %d was answered, which its filter does not match", query, id)
		}
	}
	return ids, nil
}
