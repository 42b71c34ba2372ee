package cluster

import (
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage/shard"
)

// Sizes sums what the collection's shards store; payloads are counted only when
// asked for.
func (c *Collection) Sizes(payloads bool) (out shard.Sizes, err error) {
	for _, p := range c.r.Shards {
		s, ok := c.n.groups[p.Group].replica.Shard(p.Shard)
		if !ok {
			return out, notFound(c.name)
		}
		part, err := s.Sizes(payloads)
		if err != nil {
			return out, err
		}
		out.Points += part.Points
		out.VectorBytes += part.VectorBytes
		out.PayloadBytes += part.PayloadBytes
	}
	return out, nil
}

// PayloadIndexes lists the collection's payload indexes by field.
func (c *Collection) PayloadIndexes() ([]payload.Schema, error) {
	p := c.r.Shards[0] // every shard has the same
	s, ok := c.n.groups[p.Group].replica.Shard(p.Shard)
	if !ok {
		return nil, notFound(c.name)
	}
	return s.PayloadIndexes()
}

// ShardInfo reads the figures of each of the collection's shards, in their order.
func (c *Collection) ShardInfo() ([]shard.Status, error) {
	out := make([]shard.Status, len(c.r.Shards))
	for i, p := range c.r.Shards {
		s, ok := c.n.groups[p.Group].replica.Shard(p.Shard)
		if !ok {
			return nil, notFound(c.name)
		}
		out[i] = s.Status()
	}
	return out, nil
}
