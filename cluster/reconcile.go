package cluster

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/schema"
)

// reconcile brings the groups to what the catalogue says, where a crash came
// between an entry of the cluster group and those of the groups.
func (n *Node) reconcile(ctx context.Context) error {
	known := map[schema.ShardID]struct{}{}
	for name, r := range n.meta.records() {
		for _, p := range r.Shards {
			known[p.Shard] = struct{}{}
			if err := n.mend(ctx, name, r, p); err != nil {
				return err
			}
		}
	}
	for _, g := range n.groups {
		for _, id := range g.replica.Shards() {
			if _, ok := known[id]; ok {
				continue
			}
			n.log.Info("drop a shard whose collection was deleted", "shard", id)
			if _, err := g.propose(ctx, []op.Op{{Kind: op.DropShard, Shard: id}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// mend makes a shard that is missing, and updates one that is behind.
func (n *Node) mend(ctx context.Context, name string, r *record, p placement) error {
	g := n.groups[p.Group]
	s, ok := g.replica.Shard(p.Shard)
	kind := op.UpdateShard
	switch {
	case !ok:
		kind = op.CreateShard
	case sameSchema(s.Schema(), r.Schema):
		return nil
	}
	n.log.Info("bring a shard to its collection's schema", "collection", name, "shard", p.Shard)
	_, err := g.propose(ctx, []op.Op{{Kind: kind, Shard: p.Shard, Schema: r.Schema}})
	return err
}

func sameSchema(a, b *schema.Collection) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
