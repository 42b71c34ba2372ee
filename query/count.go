package query

import (
	"context"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/shard"
)

// CountRequest asks how many points match.
type CountRequest struct {
	Filter *filter.Filter
	Exact  bool // false: an estimate will do where the indexes do not know
}

// Count is the number of points that match.
func Count(ctx context.Context, shards []Shard, r *CountRequest) (int, error) {
	total := 0
	for _, s := range shards {
		n, err := countShard(ctx, s.s, r)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func countShard(ctx context.Context, s *shard.Shard, r *CountRequest) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	view, m, err := s.Matching(r.Filter)
	if err != nil {
		return 0, err
	}
	defer view.Release()
	if m.Exact {
		return m.Set.Len(), nil
	}
	q := &search{ctx: ctx, r: &Request{Filter: r.Filter}, view: view}
	if !r.Exact {
		if n, ok, err := q.estimate(m.Set); ok || err != nil {
			return n, err
		}
	}
	set, err := q.verified(m)
	return set.Len(), err
}

const (
	// countSample is how many candidates an estimate looks at.
	countSample = 1500
	// countTrust is how many of them must match, so that the estimate is off by
	// more than a third about once in a hundred times only.
	countTrust = 60
)

// estimate counts the matches by a sample of the candidates; false where they
// are too few, or too rare among them, to tell.
func (q *search) estimate(set *index.Set) (int, bool, error) {
	if set.Len() < 2*countSample {
		return 0, false, nil
	}
	v, matched := q.verifier(), 0
	slots := set.At(distinct(countSample, set.Len()), nil)
	for i, s := range slots {
		if i%256 == 0 && q.ctx.Err() != nil {
			return 0, false, q.ctx.Err()
		}
		if v.check(s) {
			matched++
		}
	}
	if q.fail != nil || matched < countTrust {
		return 0, false, q.fail
	}
	return int(float64(matched) / float64(len(slots)) * float64(set.Len())), true, nil
}

// verified is the exact set of matches, whatever the indexes know.
func (q *search) verified(m shard.Matches) (*index.Set, error) {
	if m.Exact {
		return m.Set, nil
	}
	v := q.verifier()
	set, err := v.all(m.Set)
	if err == nil {
		err = q.fail
	}
	return set, err
}
