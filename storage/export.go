package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kithdb/kith/storage/schema"
)

// ErrRow: a row that is to be imported is none of this store's.
var ErrRow = errors.New("not a row of a shard")

// shardHead is how much of a key names the shard: what follows is the same in
// every store.
const shardHead = shardKeyLen - 1

// ExportShard visits every row of a shard in key order. key is without the
// number of the shard; both are valid until visit returns.
func (r *Reader) ExportShard(shard schema.ShardID, visit func(key, value []byte) error) error {
	return r.scan(prefix(shard, 0), prefix(shard, 0xff), func(key, value []byte) (bool, error) {
		return true, visit(key[shardHead:], value)
	})
}

// Orphans are the numbers of shards that have rows and no shard row: imports
// that a crash cut short.
func (r *Reader) Orphans() ([]schema.ShardID, error) {
	return r.shards(func(first byte) bool { return first != kindShard })
}

// tableBytes is where an import begins its next table.
const tableBytes = 64 << 20

// Import brings the rows of a whole shard into the store as sorted tables,
// beside the memtables and without a raft entry. Nothing of it is in the store
// before Commit; then all of it is there and durable, but for the shard row:
// without that no open takes the rows for a shard.
//
// Concurrency: one goroutine; other writes go on meanwhile.
// Lifetime: end it with Commit or Abort.
type Import struct {
	s     *Store
	shard schema.ShardID
	dir   string
	w     *sstable.Writer
	paths []string
	key   []byte
	row   *ShardRow
	size  int // of the table under way
}

// NewImport begins an import. dir is an empty directory on the store's file
// system for the tables under way, which the import deletes.
func (s *Store) NewImport(shard schema.ShardID, dir string) (*Import, error) {
	if err := s.o.FS.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return &Import{s: s, shard: shard, dir: dir}, nil
}

// Put takes the next row, in the form and order of ExportShard. ErrRow, or the
// disk's error.
func (m *Import) Put(key, value []byte) error {
	if len(key) == 0 {
		return fmt.Errorf("%w: empty key", ErrRow)
	}
	m.key = append(putShard(m.key[:0], m.shard), key...)
	if err := m.check(key[0], value); err != nil {
		return fmt.Errorf("%w: %x: %w", ErrRow, key[:min(len(key), 64)], err)
	}
	if key[0] == kindShard {
		return nil // kept for Commit
	}
	if m.w == nil || m.size >= tableBytes {
		if err := m.next(); err != nil {
			return err
		}
	}
	m.size += len(m.key) + len(value)
	if err := m.w.Set(m.key, value); err != nil {
		return fmt.Errorf("%w: %w", ErrRow, err) // the tables refuse keys out of order
	}
	return nil
}

func putShard(dst []byte, shard schema.ShardID) []byte {
	return binary.BigEndian.AppendUint32(append(dst, spaceShard), uint32(shard))
}

// check looks at a row's form. The shard row comes first, since its kind is the
// least.
func (m *Import) check(kind byte, value []byte) error {
	if kind == kindShard {
		if m.row != nil || len(m.paths) > 0 || len(m.key) != shardKeyLen {
			return errors.New("a second shard row")
		}
		row, err := parseShardRow(value)
		m.row = &row
		return err
	}
	if m.row == nil {
		return errors.New("the shard row does not come first")
	}
	switch kind {
	case kindPoint:
		row, err := parsePointRow(value)
		if err == nil && (len(m.key) != pointKeyLen || row.Slot >= m.row.Next) {
			err = errors.New("a point without a slot")
		}
		return err
	case kindSlot:
		_, err := parseSlotRow(value)
		if err == nil && (len(m.key) != slotKeyLen || keySlot(m.key) >= m.row.Next) {
			err = errors.New("a slot that was never given")
		}
		return err
	}
	if kind >= kindEnd || len(m.key) < shardKeyLen+4 {
		return errors.New("a row of an unknown kind")
	}
	return nil
}

// next ends the table under way and begins another.
func (m *Import) next() error {
	if err := m.end(); err != nil {
		return err
	}
	path := m.s.o.FS.PathJoin(m.dir, fmt.Sprintf("%06d.sst", len(m.paths)))
	f, err := m.s.o.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	o := m.s.o.pebble(m.dir, nil, m.s.health)
	o.EnsureDefaults()
	m.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), o.MakeWriterOptions(len(o.Levels)-1, m.s.db.TableFormat()))
	m.paths = append(m.paths, path)
	m.size = 0
	return nil
}

func (m *Import) end() error {
	if m.w == nil {
		return nil
	}
	err := m.w.Close()
	m.w = nil
	return err
}

// Commit puts the rows into the store, all or none, durably, and returns the
// shard row that came with them. The rows are no shard until a batch has put
// the row.
func (m *Import) Commit(ctx context.Context) (ShardRow, error) {
	if m.row == nil {
		return ShardRow{}, fmt.Errorf("%w: there is no shard row", ErrRow)
	}
	if err := m.end(); err != nil {
		return ShardRow{}, err
	}
	if len(m.paths) > 0 {
		if err := m.s.db.Ingest(ctx, m.paths); err != nil {
			return ShardRow{}, m.s.health.classify("import shard", err)
		}
	}
	return *m.row, m.s.o.FS.RemoveAll(m.dir)
}

// Abort drops what was not committed.
func (m *Import) Abort() error {
	return errors.Join(m.end(), m.s.o.FS.RemoveAll(m.dir))
}
