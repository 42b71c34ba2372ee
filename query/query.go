// Package query answers reads over the shards of a collection: it plans each
// shard's search, merges candidates, and fetches payload and vectors for the
// survivors only.
//
// Who calls: server, with the shards that cluster hands out. What it calls:
// storage/shard for views and the indexes for searches. It never writes.
package query

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// Shard is one shard that can be asked.
type Shard struct{ s *shard.Shard }

// Local is a shard of this node.
func Local(s *shard.Shard) Shard { return Shard{s} }

// Request is one nearest-neighbour query. With neither Vector nor PointID it
// lists matching points in id order, each with score 1.
type Request struct {
	Vector []float32 // prepared by schema.Collection.PrepareVector
	// PointID is a point to leave out and, without Vector, the one whose vector is
	// searched.
	PointID *point.ID
	// LookupFrom names where PointID is; nil is the collection that is searched.
	// Who resolves it sets Vector.
	LookupFrom *LookupFrom
	Using      string // name of the vector
	Filter     *filter.Filter

	Ef int // 0: the measured default
	// Recall is the recall that is asked for instead of an Ef, above 0 and below
	// 1; 0: none is.
	Recall      float64
	Exact       bool // true nearest neighbours, by scan
	IndexedOnly bool // leave out what is not in a graph yet
	// NoCodes has the search go by the vectors alone.
	NoCodes bool
	// NoRescore answers the codes' estimates, not measured by the vectors.
	NoRescore bool
	// Oversampling is how many more candidates codes should bring, as asked; 0: not.
	Oversampling float64

	ScoreThreshold *float32 // worse scores are left out
	Limit, Offset  int      // Limit ≥ 1, Offset ≥ 0
	Select         point.Selector
}

// LookupFrom is a vector of another collection.
type LookupFrom struct{ Collection, Vector string }

// candidate is a hit on its way through the merge.
type candidate struct {
	id   point.ID
	slot index.Slot
	dist float32
	view *shard.View
}

// byDistance orders candidates; equal distances order by id, so that answers
// and pages are stable.
func byDistance(a, b candidate) int {
	if c := cmp.Compare(a.dist, b.dist); c != 0 {
		return c
	}
	return point.Compare(a.id, b.id)
}

// Run answers a query over all shards of a collection. Each shard is read in
// one consistent cut from the search to the fetch.
func Run(ctx context.Context, shards []Shard, c *schema.Collection, r *Request) ([]point.Scored, error) {
	if r.Vector == nil && r.PointID == nil {
		return list(ctx, shards, r)
	}
	v, ok := c.Vector(r.Using)
	if !ok {
		return nil, unknownVector(r.Using)
	}
	asked := *r
	if r.Vector == nil {
		vector, err := Lookup(ctx, shards, *r.PointID, r.Using)
		if err != nil {
			return nil, err
		}
		asked.Vector = vector
	}
	found, release, err := gatherAll(ctx, shards, &asked)
	defer release()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, byDistance)
	return fetch(ctx, page(found, &asked, v.Metric), v.Metric, r.Select)
}

func unknownVector(name string) error {
	return &schema.FieldError{Field: "using", Problem: "Not existing vector name error: " + name}
}

// Lookup reads the vector that a query by id means.
func Lookup(ctx context.Context, shards []Shard, id point.ID, using string) ([]float32, error) {
	sel := point.Selector{Vector: point.VectorSelector{Enable: true, Names: []string{using}}}
	points, err := Retrieve(ctx, shards, []point.ID{id}, sel)
	if err != nil {
		return nil, err
	}
	if len(points) == 0 {
		return nil, &op.NotFoundError{ID: id}
	}
	vector := points[0].Vector(using)
	if vector == nil {
		return nil, &schema.FieldError{Field: "query", Problem: "point " + id.String() + " has no vector " + using}
	}
	return vector, nil
}

// gatherAll searches the shards side by side. release ends the views that the
// candidates point to; it must be called also on error.
func gatherAll(ctx context.Context, shards []Shard, r *Request) (found []candidate, release func(), err error) {
	parts := make([]gathered, len(shards))
	release = func() {
		for _, p := range parts {
			if p.view != nil {
				p.view.Release()
			}
		}
	}
	defer func() {
		if p := recover(); p != nil {
			release() // a view that stays would keep its shard from ever closing
			panic(p)
		}
	}()
	if len(shards) == 1 {
		gather(ctx, shards[0].s, r, &parts[0])
		return parts[0].found, release, parts[0].err
	}
	var wg sync.WaitGroup
	faults := make([]any, len(shards))
	for i := range shards {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					faults[i] = fmt.Sprintf("%v\n%s", p, debug.Stack())
				}
			}()
			gather(ctx, shards[i].s, r, &parts[i])
		})
	}
	wg.Wait()
	for _, p := range faults {
		if p != nil { // of this request, whose goroutine knows what to do
			panic(p)
		}
	}
	for _, p := range parts {
		if p.err != nil {
			return nil, release, p.err
		}
		found = append(found, p.found...)
	}
	return found, release, nil
}

// page cuts the asked page out of sorted candidates.
func page(found []candidate, r *Request, m index.Metric) []candidate {
	if r.ScoreThreshold != nil {
		for i := range found {
			if worse(m.Score(found[i].dist), *r.ScoreThreshold, m) {
				found = found[:i]
				break
			}
		}
	}
	found = found[min(r.Offset, len(found)):]
	return found[:min(r.Limit, len(found))]
}

func worse(score, threshold float32, m index.Metric) bool {
	if m.HigherIsBetter() {
		return score < threshold
	}
	return score > threshold
}

func fetch(ctx context.Context, found []candidate, m index.Metric, sel point.Selector) ([]point.Scored, error) {
	out := make([]point.Scored, 0, len(found))
	for _, c := range found {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, ok, err := c.view.Found(c.slot, sel)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, point.Scored{Point: p, Score: m.Score(c.dist)})
		}
	}
	return out, nil
}

// listScore is what points of a list score: clients of the contract see it.
const listScore = 1

// list answers a query that asks for no order of its own.
func list(ctx context.Context, shards []Shard, r *Request) ([]point.Scored, error) {
	points, _, err := Scroll(ctx, shards, &ScrollRequest{Filter: r.Filter, Limit: r.Offset + r.Limit, Select: r.Select})
	if err != nil {
		return nil, err
	}
	points = points[min(r.Offset, len(points)):]
	out := make([]point.Scored, len(points))
	for i := range points {
		out[i] = point.Scored{Point: points[i], Score: listScore}
	}
	return out, nil
}
