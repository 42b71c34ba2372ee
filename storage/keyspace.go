package storage

import (
	"encoding/binary"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// The spaces and kinds of keys. On disk: never renumber.
const (
	spaceStore = 0x01
	spaceShard = 0x02

	kindShard   = 0x01
	kindPoint   = 0x02
	kindSlot    = 0x03
	kindVector  = 0x04
	kindPosting = 0x05
	kindEnd     = 0x06
)

const (
	shardKeyLen  = 6 // space, shard, kind
	pointKeyLen  = shardKeyLen + point.KeyLen
	slotKeyLen   = shardKeyLen + 4
	vectorKeyLen = shardKeyLen + 2 + 4
)

var appliedKey = []byte{spaceStore, 'a'}

// putPrefix writes the first shardKeyLen bytes of a key.
func putPrefix(dst []byte, shard schema.ShardID, kind byte) {
	dst[0] = spaceShard
	binary.BigEndian.PutUint32(dst[1:], uint32(shard))
	dst[5] = kind
}

// prefix is the least key of a kind in a shard. With kind+1 it is the bound
// above all of them, since every kind is below kindEnd.
func prefix(shard schema.ShardID, kind byte) []byte {
	dst := make([]byte, shardKeyLen, pointKeyLen)
	putPrefix(dst, shard, kind)
	return dst
}

func pointKey(shard schema.ShardID, id point.ID) []byte {
	return id.AppendKey(prefix(shard, kindPoint))
}

func slotKey(shard schema.ShardID, s index.Slot) []byte {
	return binary.BigEndian.AppendUint32(prefix(shard, kindSlot), uint32(s))
}

func vectorKey(shard schema.ShardID, vector uint16, s index.Slot) []byte {
	key := binary.BigEndian.AppendUint16(prefix(shard, kindVector), vector)
	return binary.BigEndian.AppendUint32(key, uint32(s))
}

func postingKey(shard schema.ShardID, row []byte, s index.Slot) []byte {
	key := make([]byte, 0, shardKeyLen+len(row)+4)
	key = append(key, prefix(shard, kindPosting)...)
	key = append(key, row...)
	return binary.BigEndian.AppendUint32(key, uint32(s))
}

// successor is the least key above every key that begins with p: p without its
// trailing 0xff bytes, plus one. A shard's key never is all 0xff.
func successor(p []byte) []byte {
	end := append([]byte(nil), p...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	panic("bug: no key is above a prefix of 0xff bytes")
}

// keySlot is the slot at the end of a key.
func keySlot(key []byte) index.Slot {
	return index.Slot(binary.BigEndian.Uint32(key[len(key)-4:]))
}
