package cluster

import (
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage/schema"
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

// ShardSizes is what each of the collection's shards stores, payloads not
// counted.
func (c *Collection) ShardSizes() ([]shard.Sizes, error) {
	out := make([]shard.Sizes, len(c.r.Shards))
	for i, p := range c.r.Shards {
		s, ok := c.n.groups[p.Group].replica.Shard(p.Shard)
		if !ok {
			return nil, notFound(c.name)
		}
		var err error
		if out[i], err = s.Sizes(false); err != nil {
			return nil, err
		}
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

// ShardWork is the background work of one shard.
type ShardWork struct {
	Shard schema.ShardID
	shard.Work
}

// Work tells the background work of each of the collection's shards.
func (c *Collection) Work() ([]ShardWork, error) {
	out := make([]ShardWork, len(c.r.Shards))
	for i, p := range c.r.Shards {
		s, ok := c.n.groups[p.Group].replica.Shard(p.Shard)
		if !ok {
			return nil, notFound(c.name)
		}
		out[i] = ShardWork{p.Shard, s.Work()}
	}
	return out, nil
}
