package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// maxBatchBytes bounds a batch, well below Pebble's 4 GiB at which it panics.
const maxBatchBytes = 1 << 30

// Batch collects writes that become visible and durable together. It reads its
// own point and shard rows over the store's.
//
// Concurrency: one goroutine.
// Lifetime: Close it once, after Commit or instead of it. Slices given to a
// batch may be reused at once, but for PointRow.Payload and the slices of a
// ShardRow: those must stay unchanged until Close.
type Batch struct {
	s *Store
	b *pebble.Batch
	// Pebble's indexed batch would sort every write into a skip list, of which
	// only few are read back. A map of the points written is cheaper.
	points  map[pointName]overlay
	shards  map[schema.ShardID]*ShardRow // nil: dropped in this batch
	dropped map[schema.ShardID]struct{}  // the store's rows of these are gone
}

type pointName struct {
	shard schema.ShardID
	id    point.ID
}

type overlay struct {
	row    PointRow
	exists bool
}

// NewBatch starts an empty batch.
func (s *Store) NewBatch() *Batch {
	return &Batch{s: s, b: s.db.NewBatch(), points: map[pointName]overlay{}}
}

// Len is the batch's size in bytes. A batch refuses to grow beyond 1 GiB.
func (b *Batch) Len() int { return b.b.Len() }

// set makes room for one row, to be filled in place.
func (b *Batch) set(keyLen, valueLen int) (*pebble.DeferredBatchOp, error) {
	if b.b.Len()+keyLen+valueLen > maxBatchBytes {
		return nil, fmt.Errorf("%w: it has %d bytes, the most is %d", ErrBatchFull, b.b.Len(), maxBatchBytes)
	}
	return b.b.SetDeferred(keyLen, valueLen), nil
}

// GetPoint reads a point's row as this batch has left it. The payload is the
// caller's, but of a row written in this batch it is the slice given to PutPoint.
func (b *Batch) GetPoint(shard schema.ShardID, id point.ID) (PointRow, bool, error) {
	if o, ok := b.points[pointName{shard, id}]; ok {
		return o.row, o.exists, nil
	}
	if _, gone := b.dropped[shard]; gone {
		return PointRow{}, false, nil
	}
	return b.s.GetPoint(shard, id)
}

// PutPoint writes a point's row.
func (b *Batch) PutPoint(shard schema.ShardID, id point.ID, row PointRow) error {
	op, err := b.set(pointKeyLen, pointRowLen(&row))
	if err != nil {
		return err
	}
	putPrefix(op.Key, shard, kindPoint)
	id.AppendKey(op.Key[:shardKeyLen])
	putPointRow(op.Value, &row)
	b.points[pointName{shard, id}] = overlay{row, true}
	return op.Finish()
}

// DeletePoint removes a point's row; none is fine.
func (b *Batch) DeletePoint(shard schema.ShardID, id point.ID) error {
	b.points[pointName{shard, id}] = overlay{}
	return b.b.Delete(pointKey(shard, id), nil)
}

// PutSlot records what a live slot holds.
func (b *Batch) PutSlot(shard schema.ShardID, slot index.Slot, r SlotRow) error {
	op, err := b.set(slotKeyLen, slotRowLen)
	if err != nil {
		return err
	}
	putPrefix(op.Key, shard, kindSlot)
	binary.BigEndian.PutUint32(op.Key[shardKeyLen:], uint32(slot))
	putSlotRow(op.Value, r)
	return op.Finish()
}

// DeleteSlot removes a slot's row; none is fine.
func (b *Batch) DeleteSlot(shard schema.ShardID, slot index.Slot) error {
	return b.b.Delete(slotKey(shard, slot), nil)
}

// PutVector writes a slot's vector in its stored form (see index.Datatype);
// vector is the number of its name.
func (b *Batch) PutVector(shard schema.ShardID, vector uint16, slot index.Slot, row []byte) error {
	op, err := b.set(vectorKeyLen, len(row))
	if err != nil {
		return err
	}
	putPrefix(op.Key, shard, kindVector)
	binary.BigEndian.PutUint16(op.Key[shardKeyLen:], vector)
	binary.BigEndian.PutUint32(op.Key[shardKeyLen+2:], uint32(slot))
	copy(op.Value, row)
	return op.Finish()
}

// DeleteVector removes a slot's vector; none is fine.
func (b *Batch) DeleteVector(shard schema.ShardID, vector uint16, slot index.Slot) error {
	return b.b.Delete(vectorKey(shard, vector, slot), nil)
}

// DeleteVectors removes the vectors of the slots in [from, to).
func (b *Batch) DeleteVectors(shard schema.ShardID, vector uint16, from, to index.Slot) error {
	if from >= to {
		return nil
	}
	return b.b.DeleteRange(vectorKey(shard, vector, from), vectorKey(shard, vector, to), nil)
}

// PutPosting adds a slot to a payload index's row.
func (b *Batch) PutPosting(shard schema.ShardID, row []byte, slot index.Slot) error {
	op, err := b.set(shardKeyLen+len(row)+4, 0)
	if err != nil {
		return err
	}
	putPrefix(op.Key, shard, kindPosting)
	n := shardKeyLen + copy(op.Key[shardKeyLen:], row)
	binary.BigEndian.PutUint32(op.Key[n:], uint32(slot))
	return op.Finish()
}

// DeletePosting removes a slot from a payload index's row; none is fine.
func (b *Batch) DeletePosting(shard schema.ShardID, row []byte, slot index.Slot) error {
	return b.b.Delete(postingKey(shard, row, slot), nil)
}

// DropPostings removes every posting whose row begins with prefix.
func (b *Batch) DropPostings(shard schema.ShardID, rowPrefix []byte) error {
	from := append(prefix(shard, kindPosting), rowPrefix...)
	return b.b.DeleteRange(from, successor(from), nil)
}

// GetShard reads a shard's row as this batch has left it.
func (b *Batch) GetShard(shard schema.ShardID) (ShardRow, bool, error) {
	if row, ok := b.shards[shard]; ok {
		if row == nil {
			return ShardRow{}, false, nil
		}
		return *row, true, nil
	}
	return b.s.GetShard(shard)
}

// PutShard writes a shard's row.
func (b *Batch) PutShard(shard schema.ShardID, row ShardRow) error {
	b.noteShard(shard, &row)
	return b.b.Set(prefix(shard, kindShard), appendShardRow(nil, &row), nil)
}

// DropShard removes everything that belongs to a shard, what this batch wrote
// before included.
func (b *Batch) DropShard(shard schema.ShardID) error {
	for name := range b.points {
		if name.shard == shard {
			delete(b.points, name)
		}
	}
	if b.dropped == nil {
		b.dropped = map[schema.ShardID]struct{}{}
	}
	b.dropped[shard] = struct{}{}
	b.noteShard(shard, nil)
	return b.b.DeleteRange(prefix(shard, 0), prefix(shard, kindEnd), nil)
}

func (b *Batch) noteShard(shard schema.ShardID, row *ShardRow) {
	if b.shards == nil {
		b.shards = map[schema.ShardID]*ShardRow{}
	}
	b.shards[shard] = row
}

// Commit makes the batch visible together with the raft index that it brings
// the store to, which never falls. It is durable after the next Flush. Commit
// waits while both memtables are full.
func (b *Batch) Commit(applied uint64) error {
	s := b.s
	s.commit.Lock()
	defer s.commit.Unlock()
	if have := s.Applied(); applied < have {
		return fmt.Errorf("bug: a batch of raft index %d comes after %d", applied, have)
	}
	var value [8]byte
	binary.LittleEndian.PutUint64(value[:], applied)
	if err := b.b.Set(appliedKey, value[:], nil); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := b.b.Commit(pebble.NoSync); err != nil {
		return s.health.classify("commit", err)
	}
	s.applied.Store(applied)
	if s.writes.Add(1)%cacheLook == 0 {
		s.measure()
	}
	return nil
}

// Close lets go of the batch's memory. What was not committed is dropped.
func (b *Batch) Close() error {
	if b.b == nil {
		return errors.New("bug: the batch is closed already")
	}
	err := b.b.Close()
	b.b = nil
	return err
}
