package query

import (
	"context"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/shard"
)

// matched is a view of a shard and the exact set of slots that match a filter
// in it. Release the view.
func matched(ctx context.Context, s *shard.Shard, f *filter.Filter) (*shard.View, *index.Set, error) {
	view, m, err := s.Matching(f)
	if err != nil {
		return nil, nil, err
	}
	q := &search{ctx: ctx, r: &Request{Filter: f}, view: view}
	set, err := q.verified(m)
	if err != nil {
		view.Release()
		return nil, nil, err
	}
	return view, set, nil
}
