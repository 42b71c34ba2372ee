package server

import (
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/server/wire"
	"github.com/kithdb/kith/storage/point"
)

func (c *call) queryGroups() error { return c.groups(wire.QueryGroups) }

// searchGroups answers the contract's older form.
func (c *call) searchGroups() error { return c.groups(wire.SearchGroups) }

func (c *call) groups(read func([]byte) (wire.Groups, error)) error {
	r, err := read(c.body)
	if err != nil {
		return err
	}
	col, shards, err := c.shards()
	if err != nil {
		return err
	}
	a := ask(&r.Request)
	a.groupBy, a.limit = r.Field, times(r.Limit, r.Size)
	if err := c.strictRead(col, a); err != nil {
		return err
	}
	if err := c.prepare(col, &r.Request); err != nil {
		return err
	}
	groups, err := query.Groups(c.ctx, shards, col.Schema(), &r.GroupsRequest)
	c.slow(col, []asked{a})
	if err != nil {
		return err
	}
	var named map[point.ID]*point.Point
	if r.Lookup != nil {
		if named, err = c.namesakes(groups, r.Lookup); err != nil {
			return err
		}
	}
	c.writeGroups(groups, &r, named)
	return nil
}

// namesakes reads the points of another collection that groups are named after.
func (c *call) namesakes(groups []query.Group, l *wire.Lookup) (map[point.ID]*point.Point, error) {
	col, shards, err := c.other(l.Collection)
	if err != nil {
		return nil, err
	}
	if err := checkSelect(col.Schema(), l.Select); err != nil {
		return nil, err
	}
	var ids []point.ID
	for i := range groups {
		if id, ok := groups[i].ID.Point(); ok {
			ids = append(ids, id)
		}
	}
	points, err := query.Retrieve(c.ctx, shards, ids, l.Select)
	out := make(map[point.ID]*point.Point, len(points))
	for i := range points {
		out[points[i].ID] = &points[i]
	}
	return out, err
}

func (c *call) writeGroups(groups []query.Group, r *wire.Groups, named map[point.ID]*point.Point) {
	c.out = append(c.out, `{"groups":[`...)
	for i := range groups {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		g := &groups[i]
		c.out = append(c.out, `{"id":`...)
		c.out = g.ID.AppendJSON(c.out)
		c.out = append(c.out, `,"hits":`...)
		c.scored(g.Hits, r.Select)
		if id, ok := g.ID.Point(); ok && named[id] != nil {
			c.out = append(c.out, `,"lookup":`...)
			c.out = appendRecord(c.out, named[id], r.Lookup.Select)
		}
		c.out = append(c.out, '}')
	}
	c.out = append(c.out, `]}`...)
}
