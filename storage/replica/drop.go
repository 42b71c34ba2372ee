package replica

import (
	"maps"
	"slices"

	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// drop forgets a shard whose rows are gone. Views that hold it read on in their
// own cut; its memory goes with the last of them.
func (r *Replica) drop(s *shard.Shard) {
	r.mu.Lock()
	delete(r.mu.shards, s.ID())
	r.mu.Unlock()
	s.Close()
	if err := s.RemoveFiles(); err != nil {
		r.log.Warn("remove a dropped shard's files", "shard", s.ID(), "error", err)
	}
}

// sortedKeys fixes the order in which shards are locked.
func sortedKeys(m map[schema.ShardID]*shard.Shard) []schema.ShardID {
	return slices.Sorted(maps.Keys(m))
}
