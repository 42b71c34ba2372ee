package server

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/server/wire"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// shards resolves the path's collection for reading.
func (c *call) shards() (*cluster.Collection, []query.Shard, error) {
	linear, err := c.linear()
	if err != nil {
		return nil, nil, err
	}
	col, err := c.collection()
	if err != nil {
		return nil, nil, err
	}
	shards, err := col.Shards(c.ctx, linear)
	return col, shards, err
}

// checkSelect refuses the name of a vector that the collection does not have.
func checkSelect(s *schema.Collection, sel point.Selector) error {
	for _, name := range sel.Vector.Names {
		if _, ok := s.Vector(name); !ok {
			return &schema.FieldError{Field: "with_vector", Problem: fmt.Sprintf("Not existing vector name error: %q", name)}
		}
	}
	return nil
}

func (c *call) retrieve() error {
	r, err := wire.Points(c.body)
	if err != nil {
		return err
	}
	points, err := c.points(r)
	if err != nil {
		return err
	}
	c.recordsOf(points, r.Select)
	return nil
}

func (c *call) points(r wire.Retrieve) ([]point.Point, error) {
	col, shards, err := c.shards()
	if err != nil {
		return nil, err
	}
	if err := checkSelect(col.Schema(), r.Select); err != nil {
		return nil, err
	}
	if err := c.strictRead(col); err != nil {
		return nil, err
	}
	return query.Retrieve(c.ctx, shards, r.IDs, r.Select)
}

func (c *call) point() error {
	id, err := point.Parse(c.params[1])
	if err != nil {
		return &api.Error{Status: fasthttp.StatusBadRequest, Field: "id", Message: fmt.Sprintf("id: %v; an id is an unsigned integer or a UUID", err)}
	}
	all := point.Selector{Payload: point.PayloadSelector{Enable: true}, Vector: point.VectorSelector{Enable: true}}
	points, err := c.points(wire.Retrieve{IDs: []point.ID{id}, Select: all})
	if err != nil {
		return err
	}
	if len(points) == 0 {
		return &api.Error{Status: fasthttp.StatusNotFound, Message: fmt.Sprintf("Not found: Point with id %s does not exist", id)}
	}
	c.out = appendRecord(c.out, &points[0], all)
	return nil
}

func (c *call) scroll() error {
	r, err := wire.Scroll(c.body)
	if err != nil {
		return err
	}
	col, shards, err := c.shards()
	if err != nil {
		return err
	}
	if err := checkSelect(col.Schema(), r.Select); err != nil {
		return err
	}
	if err := c.strictRead(col, asked{limit: r.Limit, filter: r.Filter}); err != nil {
		return err
	}
	if r.OrderBy != nil {
		return c.scrollInOrder(col, shards, &r)
	}
	points, next, err := query.Scroll(c.ctx, shards, &r)
	c.slow(col, []asked{{filter: r.Filter}})
	if err != nil {
		return err
	}
	c.out = append(c.out, `{"points":`...)
	c.recordsOf(points, r.Select)
	c.out = append(c.out, `,"next_page_offset":`...)
	if next == nil {
		c.out = append(c.out, `null}`...)
		return nil
	}
	c.out = append(next.AppendJSON(c.out), '}')
	return nil
}

// scrollInOrder answers a page by the values of a field. The next page begins
// where the client says, with order_by.start_from.
func (c *call) scrollInOrder(col *cluster.Collection, shards []query.Shard, r *query.ScrollRequest) error {
	points, err := query.InOrder(c.ctx, shards, r)
	c.slow(col, []asked{{filter: r.Filter}})
	if err != nil {
		return err
	}
	c.out = append(c.out, `{"points":`...)
	c.ordered(points, r.Select)
	c.out = append(c.out, `,"next_page_offset":null}`...)
	return nil
}

func (c *call) count() error {
	r, err := wire.Count(c.body)
	if err != nil {
		return err
	}
	col, shards, err := c.shards()
	if err != nil {
		return err
	}
	if err := c.strictRead(col, asked{filter: r.Filter, exact: r.Exact}); err != nil {
		return err
	}
	n, err := query.Count(c.ctx, shards, &r)
	c.slow(col, []asked{{filter: r.Filter}})
	if err != nil {
		return err
	}
	return c.json(api.CountResult{Count: n})
}

func (c *call) queryPoints() error {
	r, err := wire.Query(c.body)
	if err != nil {
		return err
	}
	return c.runAll([]query.Request{r}, func(c *call, found []point.Scored, r *query.Request) {
		c.out = append(c.out, `{"points":`...)
		c.scored(found, r.Select)
		c.out = append(c.out, '}')
	})
}

func (c *call) queryBatch() error {
	rs, err := wire.Queries(c.body)
	if err != nil {
		return err
	}
	return c.list(rs, func(c *call, found []point.Scored, r *query.Request) {
		c.out = append(c.out, `{"points":`...)
		c.scored(found, r.Select)
		c.out = append(c.out, '}')
	})
}

// search answers the contract's older form of a query: a bare list.
func (c *call) search() error {
	r, err := wire.Search(c.body)
	if err != nil {
		return err
	}
	return c.runAll([]query.Request{r}, func(c *call, found []point.Scored, r *query.Request) { c.scored(found, r.Select) })
}

func (c *call) searchBatch() error {
	rs, err := wire.Searches(c.body)
	if err != nil {
		return err
	}
	return c.list(rs, func(c *call, found []point.Scored, r *query.Request) { c.scored(found, r.Select) })
}

type writeFound func(c *call, found []point.Scored, r *query.Request)

// list answers several queries as an array.
func (c *call) list(rs []query.Request, write writeFound) error {
	c.batched = true
	c.out = append(c.out, '[')
	first := true
	err := c.runAll(rs, func(c *call, found []point.Scored, r *query.Request) {
		if !first {
			c.out = append(c.out, ',')
		}
		first = false
		write(c, found, r)
	})
	c.out = append(c.out, ']')
	return err
}

// runAll checks all queries before it runs the first.
func (c *call) runAll(rs []query.Request, write writeFound) error {
	col, shards, err := c.shards()
	if err != nil {
		return err
	}
	reads := make([]asked, len(rs))
	for i := range rs {
		reads[i] = ask(&rs[i])
	}
	if err := c.strictRead(col, reads...); err != nil {
		return err
	}
	for i := range rs {
		if err := c.prepare(col, &rs[i]); err != nil {
			return err
		}
	}
	defer c.slow(col, reads)
	for i := range rs {
		found, err := query.Run(c.ctx, shards, col.Schema(), &rs[i])
		if err != nil {
			return err
		}
		write(c, found, &rs[i])
	}
	return nil
}

// prepare checks a query against its collection and brings its vector into the
// stored form.
func (c *call) prepare(col *cluster.Collection, r *query.Request) error {
	if err := checkSelect(col.Schema(), r.Select); err != nil {
		return err
	}
	if r.PointID != nil && r.LookupFrom != nil {
		if err := c.lookUpVector(col, r); err != nil {
			return err
		}
	}
	if r.Vector == nil {
		return nil
	}
	if err := col.Schema().PrepareVector(r.Using, r.Vector); err != nil {
		return &schema.FieldError{Field: "query", Problem: err.Problem}
	}
	return nil
}

// lookUpVector reads the vector that a query by id means from the collection it
// names. A point of another collection is not left out of the answer: it has
// nothing to do with the one here that has its id.
func (c *call) lookUpVector(col *cluster.Collection, r *query.Request) error {
	from, shards, err := c.other(r.LookupFrom.Collection)
	if err != nil {
		return err
	}
	if _, ok := from.Schema().Vector(r.LookupFrom.Vector); !ok {
		return &schema.FieldError{Field: "lookup_from.vector", Problem: fmt.Sprintf("Not existing vector name error: %q", r.LookupFrom.Vector)}
	}
	if r.Vector, err = query.Lookup(c.ctx, shards, *r.PointID, r.LookupFrom.Vector); err != nil {
		return err
	}
	if from.Name() != col.Name() {
		r.PointID = nil
	}
	return nil
}

// other resolves a collection that the body names for reading.
func (c *call) other(name string) (*cluster.Collection, []query.Shard, error) {
	linear, err := c.linear()
	if err != nil {
		return nil, nil, err
	}
	col, err := c.elsewhere(name)
	if err != nil {
		return nil, nil, err
	}
	shards, err := col.Shards(c.ctx, linear)
	return col, shards, err
}
