package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// Reader is the read side that a Store and a Snapshot share. What a scan
// yields is valid until yield returns; a scan stops when yield returns false.
//
// Concurrency: any goroutine.
type Reader struct {
	r      pebble.Reader
	health *health
}

// Snapshot is the store at one moment. It keeps old rows from being dropped on
// disk: do not hold one for hours.
type Snapshot struct {
	Reader
	snap *pebble.Snapshot
}

// Close lets go of the snapshot; call it once, after every scan has ended.
func (s *Snapshot) Close() error { return s.snap.Close() }

// get reads one row; the value is the caller's to use until release.
func (r *Reader) get(key []byte) (value []byte, release func() error, ok bool, err error) {
	value, closer, err := r.r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil, false, nil
	}
	if err != nil {
		return nil, nil, false, r.health.classify(fmt.Sprintf("read row %x", key), err)
	}
	return value, closer.Close, true, nil
}

// GetPoint reads a point's row; the payload is the caller's.
func (r *Reader) GetPoint(shard schema.ShardID, id point.ID) (PointRow, bool, error) {
	key := pointKey(shard, id)
	value, release, ok, err := r.get(key)
	if !ok || err != nil {
		return PointRow{}, false, err
	}
	row, err := parsePointRow(value)
	row.Payload = bytes.Clone(row.Payload)
	if err != nil {
		err = corruptRow(key, err)
	}
	return row, err == nil, errors.Join(err, release())
}

// GetSlot reads what a live slot holds.
func (r *Reader) GetSlot(shard schema.ShardID, slot index.Slot) (SlotRow, bool, error) {
	key := slotKey(shard, slot)
	value, release, ok, err := r.get(key)
	if !ok || err != nil {
		return SlotRow{}, false, err
	}
	row, err := parseSlotRow(value)
	if err != nil {
		err = corruptRow(key, err)
	}
	return row, err == nil, errors.Join(err, release())
}

// GetVector appends a slot's vector, in its stored form, to dst.
func (r *Reader) GetVector(shard schema.ShardID, vector uint16, slot index.Slot, dst []byte) ([]byte, bool, error) {
	key := vectorKey(shard, vector, slot)
	value, release, ok, err := r.get(key)
	if !ok || err != nil {
		return dst, false, err
	}
	dst = append(dst, value...)
	return dst, true, release()
}

// GetShard reads a shard's row, into memory of its own.
func (r *Reader) GetShard(shard schema.ShardID) (ShardRow, bool, error) {
	key := prefix(shard, kindShard)
	value, release, ok, err := r.get(key)
	if !ok || err != nil {
		return ShardRow{}, false, err
	}
	row, err := parseShardRow(value)
	if err != nil {
		err = corruptRow(key, err)
	}
	return row, err == nil, errors.Join(err, release())
}

// Shards are the shards that have a row, rising.
func (r *Reader) Shards() ([]schema.ShardID, error) {
	return r.shards(func(first byte) bool { return first == kindShard })
}

// shards are the numbers of those shards the kind of whose first row is wanted,
// rising: the shard row comes first where there is one.
func (r *Reader) shards(wanted func(first byte) bool) ([]schema.ShardID, error) {
	it, err := r.r.NewIter(&pebble.IterOptions{LowerBound: prefix(0, 0), UpperBound: []byte{spaceShard + 1}})
	if err != nil {
		return nil, r.health.classify("list the shards", err)
	}
	var out []schema.ShardID
	for ok := it.First(); ok; {
		key := it.Key()
		if len(key) < shardKeyLen {
			return nil, errors.Join(corrupt(key, "a key of a shard is cut short"), it.Close())
		}
		shard := schema.ShardID(binary.BigEndian.Uint32(key[1:]))
		if wanted(key[shardHead]) {
			out = append(out, shard)
		}
		ok = it.SeekGE(prefix(shard, kindEnd))
	}
	return out, r.health.classify("list the shards", errors.Join(it.Error(), it.Close()))
}

// scan visits the rows in [from, to). visit's error ends the scan.
func (r *Reader) scan(from, to []byte, visit func(key, value []byte) (more bool, err error)) error {
	it, err := r.r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return r.health.classify("scan", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(r.health.classify("scan", err), it.Close())
		}
		more, err := visit(it.Key(), value)
		if err != nil || !more {
			return errors.Join(err, it.Close())
		}
	}
	return r.health.classify("scan", errors.Join(it.Error(), it.Close()))
}

// ScanPoints visits a shard's points in id order, from an id on (the zero id is
// the first).
func (r *Reader) ScanPoints(shard schema.ShardID, from point.ID, yield func(point.ID, PointRow) bool) error {
	return r.scan(pointKey(shard, from), prefix(shard, kindPoint+1), func(key, value []byte) (bool, error) {
		id, err := point.FromKey(key[shardKeyLen:])
		if err != nil {
			return false, corruptRow(key, err)
		}
		row, err := parsePointRow(value)
		if err != nil {
			return false, corruptRow(key, err)
		}
		return yield(id, row), nil
	})
}

// ScanSlots visits a shard's live slots in [from, to), rising.
func (r *Reader) ScanSlots(shard schema.ShardID, from, to index.Slot, yield func(index.Slot, SlotRow) bool) error {
	return r.scan(slotKey(shard, from), slotKey(shard, to), func(key, value []byte) (bool, error) {
		if len(key) != slotKeyLen {
			return false, corrupt(key, "a slot's key has %d bytes", len(key))
		}
		row, err := parseSlotRow(value)
		if err != nil {
			return false, corruptRow(key, err)
		}
		return yield(keySlot(key), row), nil
	})
}

// ScanVectors visits the rows of one vector of a shard whose slots are in
// [from, to), rising. raw is the vector's stored form: see index.Datatype.
func (r *Reader) ScanVectors(shard schema.ShardID, vector uint16, from, to index.Slot, yield func(slot index.Slot, raw []byte) bool) error {
	return r.scan(vectorKey(shard, vector, from), vectorKey(shard, vector, to), func(key, value []byte) (bool, error) {
		if len(key) != vectorKeyLen {
			return false, corrupt(key, "a vector's key has %d bytes", len(key))
		}
		return yield(keySlot(key), value), nil
	})
}

// Span is the slots from one on and below another.
type Span struct{ From, To index.Slot }

// ScanVectorSpans is ScanVectors over several stretches, which rise and do not
// touch: from one to the next it seeks.
func (r *Reader) ScanVectorSpans(shard schema.ShardID, vector uint16, spans []Span, yield func(slot index.Slot, raw []byte) bool) error {
	if len(spans) == 0 {
		return nil
	}
	it, err := r.r.NewIter(&pebble.IterOptions{LowerBound: vectorKey(shard, vector, spans[0].From), UpperBound: vectorKey(shard, vector, spans[len(spans)-1].To)})
	if err != nil {
		return r.health.classify("scan", err)
	}
	for _, at := range spans {
		for ok := it.SeekGE(vectorKey(shard, vector, at.From)); ok; ok = it.Next() {
			key := it.Key()
			if len(key) != vectorKeyLen {
				return errors.Join(corrupt(key, "a vector's key has %d bytes", len(key)), it.Close())
			}
			if keySlot(key) >= at.To {
				break
			}
			value, err := it.ValueAndErr()
			if err != nil {
				return errors.Join(r.health.classify("scan", err), it.Close())
			}
			if !yield(keySlot(key), value) {
				return r.health.classify("scan", it.Close())
			}
		}
	}
	return r.health.classify("scan", errors.Join(it.Error(), it.Close()))
}

// ScanPostings visits a shard's postings from one key on and below another, in
// key order or against it. A key is the posting's row and then its slot (4 BE).
func (r *Reader) ScanPostings(shard schema.ShardID, from, to []byte, down bool, yield func(key []byte) bool) error {
	head := prefix(shard, kindPosting)
	o := pebble.IterOptions{LowerBound: append(head[:len(head):len(head)], from...), UpperBound: append(head[:len(head):len(head)], to...)}
	it, err := r.r.NewIter(&o)
	if err != nil {
		return r.health.classify("scan postings", err)
	}
	start, next := it.First, it.Next
	if down {
		start, next = it.Last, it.Prev
	}
	for ok := start(); ok; ok = next() {
		key := it.Key()
		if len(key) < shardKeyLen+4 {
			return errors.Join(corrupt(key, "a posting's key is cut short"), it.Close())
		}
		if !yield(key[shardKeyLen:]) {
			break
		}
	}
	return r.health.classify("scan postings", errors.Join(it.Error(), it.Close()))
}
