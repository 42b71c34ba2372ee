package query

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// FacetRequest asks which values a field has, and how many points have each.
type FacetRequest struct {
	Field  string
	Filter *filter.Filter
	Limit  int // how many values, at least 1
	// Exact is asked for; counts are exact either way.
	Exact bool
}

// FacetHit is a value and the number of matching points that have it.
type FacetHit struct {
	Value filter.Value
	Count int
}

// Facet answers the most frequent values of a field that has an index for them,
// by falling count and then by value. A point counts once for each of its values.
func Facet(ctx context.Context, shards []Shard, r *FacetRequest) ([]FacetHit, error) {
	counts := map[filter.Value]int{}
	var hits []FacetHit
	keep := min(r.Limit, math.MaxInt/4)
	if len(shards) > 1 {
		keep = math.MaxInt / 4 // which values are frequent, all shards say together
	}
	for _, s := range shards {
		part, err := facetShard(ctx, s.s, r, keep)
		if err != nil {
			return nil, err
		}
		hits = append(hits, part...)
	}
	if len(shards) > 1 {
		for _, h := range hits {
			counts[h.Value] += h.Count
		}
		hits = hits[:0]
		for v, n := range counts {
			hits = append(hits, FacetHit{v, n})
		}
	}
	return best(hits, r.Limit), nil
}

// best is the first hits in their order.
func best(hits []FacetHit, limit int) []FacetHit {
	slices.SortFunc(hits, func(a, b FacetHit) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), compareValues(a.Value, b.Value))
	})
	return hits[:min(limit, len(hits))]
}

// crowd is how many hits gather before those are dropped that come too late.
const crowd = 1024

// facetShard counts one shard's values, at least the keep best of them.
func facetShard(ctx context.Context, s *shard.Shard, r *FacetRequest, keep int) ([]FacetHit, error) {
	view, set, err := matched(ctx, s, r.Filter)
	if err != nil {
		return nil, err
	}
	defer view.Release()
	var hits []FacetHit
	seen := 0
	ok, err := view.Indexes().Facet(r.Field, func(v filter.Value, slots payload.Slots) bool {
		if seen++; seen%256 == 0 && ctx.Err() != nil {
			return false
		}
		n := slots.Len()
		if !r.Filter.IsZero() {
			n = slots.CountIn(set)
		}
		if n > 0 {
			hits = append(hits, FacetHit{v, n})
		}
		if len(hits) >= 2*keep+crowd {
			hits = best(hits, keep)
		}
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, &schema.FieldError{Field: "key", Problem: "No appropriate index for faceting: `" + r.Field +
			"`. Create one to facet on this field: a keyword, integer, bool or uuid index, whose lookup is not switched off"}
	}
	return hits, ctx.Err()
}

// compareValues orders the values of one index.
func compareValues(a, b filter.Value) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Str, b.Str), cmp.Compare(a.Int, b.Int), cmp.Compare(truth(a.Bool), truth(b.Bool)))
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
