package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// Shards hands out the collection's shards to be read. With linear, reads see
// every write that was acknowledged before the call. ErrNotFound when the
// collection is being made or was deleted.
func (c *Collection) Shards(ctx context.Context, linear bool) ([]query.Shard, error) {
	if linear {
		if err := c.linearize(ctx); err != nil {
			return nil, err
		}
	}
	out := make([]query.Shard, len(c.r.Shards))
	for i, p := range c.r.Shards {
		s, ok := c.n.groups[p.Group].replica.Shard(p.Shard)
		if !ok {
			if now := c.moved(); now != nil {
				return now.Shards(ctx, linear)
			}
			return nil, notFound(c.name)
		}
		out[i] = query.Local(s)
	}
	return out, nil
}

func (c *Collection) linearize(ctx context.Context) error {
	var asked []schema.GroupID
	for _, p := range c.r.Shards {
		if slices.Contains(asked, p.Group) {
			continue
		}
		asked = append(asked, p.Group)
		if err := c.n.groups[p.Group].linearize(ctx); err != nil {
			return err
		}
	}
	return nil
}

// indexPoll is how often a build is looked at by who waits for it.
const indexPoll = 2 * time.Millisecond

// IndexComplete waits until a payload index is complete in every shard.
// ErrTimeout when ctx ends before: the build goes on behind.
func (c *Collection) IndexComplete(ctx context.Context, field string) error {
	t := time.NewTicker(indexPoll)
	defer t.Stop()
	for _, p := range c.r.Shards {
		for {
			s, ok := c.n.groups[p.Group].replica.Shard(p.Shard)
			if !ok {
				return notFound(c.name)
			}
			if s.IndexComplete(field) {
				break
			}
			select {
			case <-t.C:
			case <-ctx.Done():
				return fmt.Errorf("%w: the index on %q is being built in the background", ErrTimeout, field)
			}
		}
	}
	return nil
}

// Info is a collection's schema and the summed figures of its shards.
type Info struct {
	Schema *schema.Collection
	Shards int
	Status shard.Status
}

// Info reads the collection's figures.
func (c *Collection) Info() (Info, error) {
	out := Info{Schema: c.r.Schema, Shards: len(c.r.Shards), Status: shard.Status{Green: true}}
	for _, p := range c.r.Shards {
		s, ok := c.n.groups[p.Group].replica.Shard(p.Shard)
		if !ok {
			return out, notFound(c.name)
		}
		sum(&out.Status, s.Status())
	}
	return out, nil
}

func sum(to *shard.Status, s shard.Status) {
	to.Points += s.Points
	to.Vectors += s.Vectors
	to.IndexedVectors += s.IndexedVectors
	to.Tail += s.Tail
	to.Deleted += s.Deleted
	to.Slots += s.Slots
	to.ResidentBytes += s.ResidentBytes
	to.SpareBytes += s.SpareBytes
	to.MappedBytes += s.MappedBytes
	to.Green = to.Green && s.Green
	if to.OptimizerError == "" {
		to.OptimizerError = s.OptimizerError
	}
	if to.Paused == "" {
		to.Paused = s.Paused
	}
	for _, r := range s.Recall {
		to.Recall = joinRecall(to.Recall, r)
	}
	for _, ix := range s.PayloadIndexes {
		at := slices.IndexFunc(to.PayloadIndexes, func(have shard.PayloadIndex) bool { return have.Field == ix.Field })
		if at < 0 {
			to.PayloadIndexes = append(to.PayloadIndexes, ix)
			continue
		}
		have := &to.PayloadIndexes[at]
		have.Points += ix.Points
		have.Bytes += ix.Bytes
		have.Complete = have.Complete && ix.Complete
	}
}

// joinRecall adds a shard's recall to that of the shards before it.
func joinRecall(to []shard.Recall, r shard.Recall) []shard.Recall {
	at := slices.IndexFunc(to, func(have shard.Recall) bool { return have.Vector == r.Vector })
	if at < 0 {
		return append(to, r)
	}
	have := &to[at]
	points := have.Points + r.Points
	have.Recall = (have.Recall*float64(have.Points) + r.Recall*float64(r.Points)) / float64(max(points, 1))
	have.Ef, have.Points, have.Curves = max(have.Ef, r.Ef), points, append(have.Curves, r.Curves...)
	return to
}

// Stats is the node's figures.
type Stats struct {
	Collections int
	Shards      int
	DiskFree    int64
	Groups      []GroupStats
}

// GroupStats is one replica group's figures.
type GroupStats struct {
	ID      schema.GroupID
	Shards  int
	Applied uint64 // newest log entry in the store
	LogLast uint64 // newest log entry
	Failed  bool   // the log takes no more entries
	Syncs   Latency
	Store   storage.Metrics
}

// Stats reads the node's figures; cheap enough for every scrape.
func (n *Node) Stats() Stats {
	out := Stats{Collections: len(n.meta.names())}
	out.DiskFree, _ = n.disk.free()
	for _, g := range n.groups {
		s := GroupStats{
			ID: g.id, Shards: len(g.replica.Shards()), Applied: g.replica.Applied(),
			LogLast: g.member.raft.LastIndex(), Failed: g.member.log.failed() != nil, Syncs: g.member.log.syncs.read(), Store: g.replica.Store(),
		}
		out.Shards += s.Shards
		out.Groups = append(out.Groups, s)
	}
	return out
}
