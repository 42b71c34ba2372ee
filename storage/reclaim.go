package storage

import (
	"context"

	"github.com/kithdb/kith/storage/schema"
)

// Reclaim rewrites the tables that hold the shards from first to last, so that
// the disk space of dropped ones comes back now and not with some later
// compaction. It costs reading and writing what else lies there.
func (s *Store) Reclaim(ctx context.Context, first, last schema.ShardID) error {
	return s.db.Compact(ctx, prefix(first, 0), prefix(last, 0xff), false)
}
