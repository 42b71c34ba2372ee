package server

import (
	"strconv"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/server/wire"
)

func (c *call) facet() error {
	r, err := wire.Facet(c.body)
	if err != nil {
		return err
	}
	col, shards, err := c.shards()
	if err != nil {
		return err
	}
	if err := c.strictRead(col, asked{limit: r.Limit, filter: r.Filter, exact: r.Exact}); err != nil {
		return err
	}
	hits, err := query.Facet(c.ctx, shards, &r)
	c.slow(col, []asked{{filter: r.Filter}})
	if err != nil {
		return err
	}
	c.out = append(c.out, `{"hits":[`...)
	for i, h := range hits {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = append(c.out, `{"value":`...)
		c.out = appendValue(c.out, &h.Value)
		c.out = append(c.out, `,"count":`...)
		c.out = append(strconv.AppendInt(c.out, int64(h.Count), 10), '}')
	}
	c.out = append(c.out, `]}`...)
	return nil
}

func appendValue(dst []byte, v *filter.Value) []byte {
	switch v.Kind {
	case filter.IntValue:
		return strconv.AppendInt(dst, v.Int, 10)
	case filter.BoolValue:
		return strconv.AppendBool(dst, v.Bool)
	}
	return appendString(dst, v.Str)
}

func (c *call) matrix() (query.Matrix, error) {
	r, err := wire.Matrix(c.body)
	if err != nil {
		return query.Matrix{}, err
	}
	col, shards, err := c.shards()
	if err != nil {
		return query.Matrix{}, err
	}
	return c.distances(col, shards, &r)
}

func (c *call) distances(col *cluster.Collection, shards []query.Shard, r *query.MatrixRequest) (query.Matrix, error) {
	a := asked{limit: times(r.Limit, r.Sample), filter: r.Filter, vector: &r.Using}
	if err := c.strictRead(col, a); err != nil {
		return query.Matrix{}, err
	}
	defer c.slow(col, []asked{a})
	return query.Distances(c.ctx, shards, col.Schema(), r)
}

func (c *call) matrixPairs() error {
	m, err := c.matrix()
	if err != nil {
		return err
	}
	c.out = append(c.out, `{"pairs":[`...)
	first := true
	for a, near := range m.Near {
		for _, b := range near {
			if !first {
				c.out = append(c.out, ',')
			}
			first = false
			c.out = m.IDs[a].AppendJSON(append(c.out, `{"a":`...))
			c.out = m.IDs[b.At].AppendJSON(append(c.out, `,"b":`...))
			c.out = append(c.out, `,"score":`...)
			c.out = append(appendFloat(c.out, b.Score), '}')
		}
	}
	c.out = append(c.out, `]}`...)
	return nil
}

func (c *call) matrixOffsets() error {
	m, err := c.matrix()
	if err != nil {
		return err
	}
	c.out = append(c.out, `{"offsets_row":`...)
	c.each(&m, func(dst []byte, row int, _ query.Neighbour) []byte { return strconv.AppendInt(dst, int64(row), 10) })
	c.out = append(c.out, `,"offsets_col":`...)
	c.each(&m, func(dst []byte, _ int, n query.Neighbour) []byte { return strconv.AppendInt(dst, int64(n.At), 10) })
	c.out = append(c.out, `,"scores":`...)
	c.each(&m, func(dst []byte, _ int, n query.Neighbour) []byte { return appendFloat(dst, n.Score) })
	c.out = append(c.out, `,"ids":[`...)
	for i, id := range m.IDs {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = id.AppendJSON(c.out)
	}
	c.out = append(c.out, `]}`...)
	return nil
}

// each appends a list with one element for each pair of a matrix.
func (c *call) each(m *query.Matrix, element func(dst []byte, row int, n query.Neighbour) []byte) {
	c.out = append(c.out, '[')
	first := true
	for row, near := range m.Near {
		for _, n := range near {
			if !first {
				c.out = append(c.out, ',')
			}
			first = false
			c.out = element(c.out, row, n)
		}
	}
	c.out = append(c.out, ']')
}
