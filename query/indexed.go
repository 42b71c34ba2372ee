package query

import (
	"context"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage/shard"
)

// still is a shard's payload indexes while they hold still, and the slots that
// match a filter.
type still struct {
	s       *shard.Shard
	indexes *payload.Indexes
	set     *index.Set
	// exact tells that the indexes decided the filter. Otherwise set was found by
	// evaluating it a moment before: a payload may have changed since.
	exact bool
}

// indexed runs use while a shard's payload indexes hold still, which stops its
// writes. What takes long, evaluating a filter that no index decides, is done
// before.
func indexed(ctx context.Context, s *shard.Shard, f *filter.Filter, use func(*still) error) error {
	var set *index.Set
	for known := false; ; known = true {
		ready := true
		err := s.Indexed(f, func(_ *shard.View, m shard.Matches, x *payload.Indexes) error {
			if ready = m.Exact || known; !ready {
				return nil
			}
			if m.Exact {
				set = m.Set
			}
			return use(&still{s: s, indexes: x, set: set, exact: m.Exact})
		})
		if err != nil || ready {
			return err
		}
		if set, err = evaluated(ctx, s, f); err != nil {
			return err
		}
	}
}

// evaluated is the slots that match by evaluating the filter.
func evaluated(ctx context.Context, s *shard.Shard, f *filter.Filter) (*index.Set, error) {
	view, m, err := s.Matching(f)
	if err != nil {
		return nil, err
	}
	defer view.Release()
	q := &search{ctx: ctx, r: &Request{Filter: f}, view: view}
	return q.verified(m)
}

// kind is the kind of a field's index; "" when there is none.
func (t *still) kind(field string) payload.Kind {
	for _, s := range t.indexes.Schemas() {
		if s.Field == field {
			return s.Kind
		}
	}
	return ""
}
