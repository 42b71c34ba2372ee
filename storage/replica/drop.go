package replica

import (
	"context"
	"maps"
	"slices"

	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

const (
	// manyDropped and muchDropped are how many dropped shards, or bytes of their
	// vectors, are worth a compaction of their own.
	manyDropped = 64
	muchDropped = 16 << 20
)

// drop forgets a shard whose rows are gone. Views that hold it read on in their
// own cut; its memory and its files go with the last of them.
func (r *Replica) drop(s *shard.Shard) {
	r.mu.Lock()
	delete(r.mu.shards, s.ID())
	r.mu.dropped = append(r.mu.dropped, s.ID())
	st := s.Status()
	r.mu.droppedBytes += st.ResidentBytes + st.MappedBytes
	r.mu.Unlock()
	s.Remove()
}

// Garbage says whether dropped shards hold enough disk space for a Reclaim.
func (r *Replica) Garbage() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.mu.dropped) >= manyDropped || r.mu.droppedBytes >= muchDropped
}

// Reclaim gives the disk space of dropped shards back. The store must be flushed.
func (r *Replica) Reclaim(ctx context.Context) error {
	r.mu.Lock()
	ids := r.mu.dropped
	r.mu.dropped, r.mu.droppedBytes = nil, 0
	r.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	return r.store.Reclaim(ctx, slices.Min(ids), slices.Max(ids))
}

// sortedKeys fixes the order in which shards are locked.
func sortedKeys(m map[schema.ShardID]*shard.Shard) []schema.ShardID {
	return slices.Sorted(maps.Keys(m))
}
