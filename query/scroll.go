package query

import (
	"context"
	"slices"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/shard"
)

// ScrollRequest asks for a page of points in id order or, with OrderBy, by the
// values of a field (InOrder).
type ScrollRequest struct {
	Filter  *filter.Filter
	From    *point.ID // first id of the page; nil: from the start
	OrderBy *OrderBy  // From is not used then
	Limit   int       // at least 1
	Select  point.Selector
}

// Scroll answers a page, and the first id after it; nil at the end.
func Scroll(ctx context.Context, shards []Shard, r *ScrollRequest) ([]point.Point, *point.ID, error) {
	var all []point.Point
	for _, s := range shards {
		part, err := scrollShard(ctx, s.s, r)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, part...)
	}
	if len(shards) > 1 {
		slices.SortFunc(all, func(a, b point.Point) int { return point.Compare(a.ID, b.ID) })
	}
	if len(all) <= r.Limit {
		return all, nil, nil
	}
	next := all[r.Limit].ID
	return all[:r.Limit], &next, nil
}

// scrollShard reads up to Limit+1 points: one more tells where the next page
// starts.
func scrollShard(ctx context.Context, s *shard.Shard, r *ScrollRequest) ([]point.Point, error) {
	view, m, err := s.Matching(r.Filter)
	if err != nil {
		return nil, err
	}
	defer view.Release()
	p := &pager{ctx: ctx, r: r, view: view, m: m, judge: view.Judge(r.Filter)}
	if r.From != nil {
		p.from = *r.From
	}
	// Few matches among many points: sort the matches' ids rather than pass
	// over everything between them.
	if m.Exact && m.Set.Len() < view.Live().Len()/8 {
		return p.fromSet()
	}
	return p.fromScan()
}

// pager reads one shard's page.
type pager struct {
	ctx   context.Context
	r     *ScrollRequest
	view  *shard.View
	m     shard.Matches
	from  point.ID
	judge *shard.Judge
}

func (p *pager) fromSet() ([]point.Point, error) {
	var ids []point.ID
	for slot := range p.m.Set.All() {
		if id := p.view.ID(slot); point.Compare(id, p.from) >= 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, point.Compare)
	ids = ids[:min(p.r.Limit+1, len(ids))]
	out := make([]point.Point, 0, len(ids))
	for _, id := range ids {
		if err := p.ctx.Err(); err != nil {
			return nil, err
		}
		pt, ok, err := p.view.Point(id, p.r.Select)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, pt)
		}
	}
	return out, p.ctx.Err()
}

func (p *pager) fromScan() ([]point.Point, error) {
	var out []point.Point
	var fault error
	seen := 0
	err := p.view.Scan(p.from, func(e *shard.Entry) bool {
		if seen++; seen%1024 == 0 {
			fault = p.ctx.Err()
		}
		ok := fault == nil
		if ok {
			ok, fault = p.matches(e)
		}
		if ok {
			var pt point.Point
			pt, fault = e.Point(p.r.Select)
			out = append(out, pt)
		}
		return fault == nil && len(out) <= p.r.Limit
	})
	if fault != nil {
		err = fault
	}
	return out, err
}

func (p *pager) matches(e *shard.Entry) (bool, error) {
	if !p.m.Set.Contains(e.Slot()) {
		return false, nil
	}
	if p.m.Exact {
		return true, nil
	}
	return p.judge.Holds(e.ID, e.Slot(), e.Payload())
}

// Retrieve reads points by id, in the order asked; ids that do not exist are
// left out, repeated ones answered once.
func Retrieve(ctx context.Context, shards []Shard, ids []point.ID, sel point.Selector) ([]point.Point, error) {
	views := make([]*shard.View, 0, len(shards))
	defer func() {
		for _, v := range views {
			v.Release()
		}
	}()
	for _, s := range shards {
		v, err := s.s.View()
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	out := make([]point.Point, 0, len(ids))
	seen := make(map[point.ID]struct{}, len(ids))
	for _, id := range ids {
		if _, twice := seen[id]; twice {
			continue
		}
		seen[id] = struct{}{}
		p, ok, err := find(ctx, views, id, sel)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, p)
		}
	}
	return out, nil
}

func find(ctx context.Context, views []*shard.View, id point.ID, sel point.Selector) (point.Point, bool, error) {
	if err := ctx.Err(); err != nil {
		return point.Point{}, false, err
	}
	for _, v := range views {
		if p, ok, err := v.Point(id, sel); err != nil || ok {
			return p, ok, err
		}
	}
	return point.Point{}, false, nil
}
