package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/point"
)

// The versions of the values' forms. On disk: never reuse a number.
const (
	pointRowVersion = 1
	shardRowVersion = 1
)

// PointRow is what is stored of a point under its id.
type PointRow struct {
	// Slot holds the point's vectors.
	Slot index.Slot
	// Version is the raft index of the operation that last changed the point.
	Version uint64
	// Payload is a compact JSON object, nil when there is none.
	Payload []byte
}

// SlotRow is what is stored of a live slot: enough to name a found point without
// reading it.
type SlotRow struct {
	ID      point.ID
	Version uint64 // the point's
}

// Slot row: id(17)  version of the point(8 LE)
const slotRowLen = point.KeyLen + 8

func putSlotRow(dst []byte, r SlotRow) {
	r.ID.AppendKey(dst[:0])
	binary.LittleEndian.PutUint64(dst[point.KeyLen:], r.Version)
}

func parseSlotRow(b []byte) (SlotRow, error) {
	if len(b) != slotRowLen {
		return SlotRow{}, fmt.Errorf("a slot's row has %d bytes", len(b))
	}
	id, err := point.FromKey(b[:point.KeyLen])
	return SlotRow{ID: id, Version: binary.LittleEndian.Uint64(b[point.KeyLen:])}, err
}

// VectorNumber says which number stands for a vector's name in keys.
type VectorNumber struct {
	Name   string
	Number uint16
}

// IndexRow is one payload index of a shard.
type IndexRow struct {
	Field  string
	Schema []byte // JSON of its options, as the user gave it
}

// ShardRow is what an open needs to know of a shard first.
type ShardRow struct {
	Schema  []byte     // JSON of schema.Collection
	Next    index.Slot // the slot that comes next
	Live    uint64     // number of live points
	Vectors []VectorNumber
	Indexes []IndexRow
}

// Point row, version 1:
//
//	version(1)=1  slot(4 LE)  version of the point(uvarint)  payload(rest)
func pointRowLen(r *PointRow) int { return 1 + 4 + uvarintLen(r.Version) + len(r.Payload) }

func putPointRow(dst []byte, r *PointRow) {
	dst[0] = pointRowVersion
	binary.LittleEndian.PutUint32(dst[1:], uint32(r.Slot))
	n := 5 + binary.PutUvarint(dst[5:], r.Version)
	copy(dst[n:], r.Payload)
}

// parsePointRow reads a row; the payload aliases b.
func parsePointRow(b []byte) (PointRow, error) {
	if len(b) < 6 {
		return PointRow{}, errors.New("a point row is cut short")
	}
	if b[0] != pointRowVersion {
		return PointRow{}, errors.New("a point row has an unknown version")
	}
	r := PointRow{Slot: index.Slot(binary.LittleEndian.Uint32(b[1:]))}
	v, n := binary.Uvarint(b[5:])
	if n <= 0 {
		return PointRow{}, errors.New("a point row is cut short")
	}
	r.Version = v
	if payload := b[5+n:]; len(payload) > 0 {
		r.Payload = payload
	}
	return r, nil
}

// Shard row, version 1 (lengths and numbers are uvarints):
//
//	version(1)=1  next  live  schema(length, bytes)
//	vectors(count) each: name(length, bytes) number
//	indexes(count) each: field(length, bytes) schema(length, bytes)
func appendShardRow(dst []byte, r *ShardRow) []byte {
	dst = append(dst, shardRowVersion)
	dst = binary.AppendUvarint(dst, uint64(r.Next))
	dst = binary.AppendUvarint(dst, r.Live)
	dst = appendBytes(dst, r.Schema)
	dst = binary.AppendUvarint(dst, uint64(len(r.Vectors)))
	for _, v := range r.Vectors {
		dst = appendBytes(dst, v.Name)
		dst = binary.AppendUvarint(dst, uint64(v.Number))
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Indexes)))
	for _, ix := range r.Indexes {
		dst = appendBytes(dst, ix.Field)
		dst = appendBytes(dst, ix.Schema)
	}
	return dst
}

func appendBytes[T string | []byte](dst []byte, b T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// parseShardRow reads a row into memory of its own.
func parseShardRow(b []byte) (ShardRow, error) {
	if len(b) == 0 || b[0] != shardRowVersion {
		return ShardRow{}, errors.New("a shard row has an unknown version")
	}
	in := cursor{rest: b[1:]}
	r := ShardRow{Next: index.Slot(in.uvarint(1<<32 - 1)), Live: in.uvarint(1<<64 - 1), Schema: in.bytes()}
	for n := in.count(2); n > 0; n-- {
		r.Vectors = append(r.Vectors, VectorNumber{Name: string(in.bytes()), Number: uint16(in.uvarint(1<<16 - 1))})
	}
	for n := in.count(2); n > 0; n-- {
		r.Indexes = append(r.Indexes, IndexRow{Field: string(in.bytes()), Schema: in.bytes()})
	}
	if in.bad || len(in.rest) != 0 {
		return ShardRow{}, errors.New("a shard row is malformed")
	}
	return r, nil
}

// cursor reads fields off the front of bytes; after the first fault every read
// gives zero.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(c.rest)
	if c.bad || n <= 0 || v > most {
		c.bad = true
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

// count reads how many items of at least size bytes follow.
func (c *cursor) count(size int) uint64 { return c.uvarint(uint64(len(c.rest) / size)) }

// bytes reads a copy of a length-prefixed field, nil when empty.
func (c *cursor) bytes() []byte {
	n := c.uvarint(uint64(len(c.rest)))
	if n > uint64(len(c.rest)) {
		c.bad = true
	}
	if c.bad {
		return nil
	}
	b := append([]byte(nil), c.rest[:n]...)
	c.rest = c.rest[n:]
	return b
}

func uvarintLen(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}
