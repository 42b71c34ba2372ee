package query

import (
	"context"
	"slices"

	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// GroupsRequest is a query whose answer is grouped by the values of a field.
// Its Limit counts groups; it has no Offset.
type GroupsRequest struct {
	Request
	By   filter.Path // strings and integers there name the groups of a point
	Size int         // how many points a group shows, at least 1
}

// Group is the best points that share a value, best first.
type Group struct {
	ID   GroupID
	Hits []point.Scored
}

// The number of points that are looked at before the search is narrowed, and how
// much wider each further round is.
const (
	firstRound = 100
	widening   = 8
	mostLooked = 1 << 30
)

// Groups answers the groups of the best points, each with its best points.
// Rounds of searches go wider, and look only for what is missing, until all
// groups are full or the matches have run out.
func Groups(ctx context.Context, shards []Shard, c *schema.Collection, r *GroupsRequest) ([]Group, error) {
	g := &grouping{ctx: ctx, shards: shards, r: r, groups: map[GroupID]*group{}, seen: map[point.ID]struct{}{}}
	defer g.release()
	if r.Vector == nil && r.PointID == nil {
		return g.listed()
	}
	v, ok := c.Vector(r.Using)
	if !ok {
		return nil, unknownVector(r.Using)
	}
	asked := r.Request
	if r.Vector == nil {
		var err error
		if asked.Vector, err = Lookup(ctx, shards, *r.PointID, r.Using); err != nil {
			return nil, err
		}
	}
	g.metric = v.Metric
	if err := g.search(&asked); err != nil {
		return nil, err
	}
	return g.answer()
}

// search looks for the nearest points round by round.
func (g *grouping) search(r *Request) error {
	for look := g.first(); ; look = min(look*widening, mostLooked) {
		round := *r
		round.Filter, round.Limit, round.Offset = g.missing(), look, 0
		found, release, err := gatherAll(g.ctx, g.shards, &round)
		g.views = append(g.views, release)
		if err != nil {
			return err
		}
		slices.SortFunc(found, byDistance)
		found = page(found, &round, g.metric)
		for i := range found {
			if err := g.offer(&found[i]); err != nil {
				return err
			}
		}
		if len(found) < look || g.full() {
			return nil
		}
	}
}

// listed groups points in id order, for a request that asks for no other.
func (g *grouping) listed() ([]Group, error) {
	sel := point.Selector{Payload: point.PayloadSelector{Enable: true}, Vector: g.r.Select.Vector}
	r := &ScrollRequest{Limit: g.first(), Select: sel}
	for {
		r.Filter = g.missing()
		points, next, err := Scroll(g.ctx, g.shards, r)
		if err != nil {
			return nil, err
		}
		for i := range points {
			if err := g.list(&points[i]); err != nil {
				return nil, err
			}
		}
		if next == nil || g.full() {
			return g.answer()
		}
		r.From, r.Limit = next, min(r.Limit*widening, mostListed)
	}
}

// mostListed bounds the points that lie in memory at a time.
const mostListed = 1 << 14

// list offers a point that was read already.
func (g *grouping) list(p *point.Point) error {
	m := &member{id: p.ID, ready: &point.Scored{Point: *p, Score: listScore}}
	if err := g.doc.Parse(p.Payload); err != nil {
		return err
	}
	if !g.join(m) {
		return nil
	}
	payload, err := filter.Project(p.Payload, g.r.Select.Payload)
	m.ready.Payload = slices.Clone(payload)
	return err
}

// offer reads a found point's groups and puts it into them.
func (g *grouping) offer(c *candidate) error {
	if _, again := g.seen[c.id]; again {
		return nil
	}
	g.seen[c.id] = struct{}{}
	if err := g.ctx.Err(); err != nil {
		return err
	}
	payload, err := c.view.Payload(c.slot)
	if err == nil {
		err = g.doc.Parse(payload)
	}
	if err != nil {
		return err
	}
	g.join(&member{id: c.id, dist: c.dist, found: c})
	return nil
}
