package shard

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/point"
)

// ids maps slots to external ids, outside the heap: 8 bytes for an integer, 16
// more where there is a UUID. An arena that no id needs takes no memory.
type ids struct {
	low  *arena.Arena // integers
	wide *arena.Arena // UUIDs
	// version of the point, by slot: queries name what they found without reading
	// it from the store. It is the only part that changes under readers.
	version *arena.Arena
	isUUID  *index.Editor
	uuids   *index.Set
	growing sync.Mutex // of those that load
}

// idRows is a published version of ids.
type idRows struct {
	low, wide, version arena.Rows
	uuids              *index.Set
}

// longVersion stands for a version that does not fit 32 bits.
const longVersion = 1<<32 - 1

func newIDs() *ids {
	return &ids{
		low: arena.New(arena.Options{RowBytes: 8}), wide: arena.New(arena.Options{RowBytes: 16}),
		version: arena.New(arena.Options{RowBytes: 4}),
	}
}

// put records what a slot holds that is not published yet.
func (d *ids) put(s index.Slot, row storage.SlotRow) error {
	if err := d.grow(int(s)+1, row.ID.IsUUID()); err != nil {
		return err
	}
	d.set(s, row)
	d.mark(s, row.ID.IsUUID())
	return nil
}

// load is put for many goroutines at once, each with slots of its own below next.
// What is a UUID is marked by whoever has all of them.
func (d *ids) load(s index.Slot, row storage.SlotRow, next index.Slot) error {
	if err := d.room(int(next), row.ID.IsUUID()); err != nil {
		return err
	}
	d.set(s, row)
	return nil
}

// room grows at once to what a load needs, so that no row moves once one was
// written.
func (d *ids) room(rows int, uuid bool) error {
	if d.version.Rows().Len() >= rows && d.of(uuid).Rows().Len() >= rows {
		return nil
	}
	d.growing.Lock()
	defer d.growing.Unlock()
	return d.grow(rows, uuid)
}

func (d *ids) of(uuid bool) *arena.Arena {
	if uuid {
		return d.wide
	}
	return d.low
}

func (d *ids) grow(rows int, uuid bool) error {
	return errors.Join(d.version.Grow(rows), d.of(uuid).Grow(rows))
}

func (d *ids) set(s index.Slot, row storage.SlotRow) {
	d.touch(s, row.Version)
	hi, lo := row.ID.Words()
	if !row.ID.IsUUID() {
		binary.LittleEndian.PutUint64(d.low.Rows().Bytes(uint32(s)), lo)
		return
	}
	words := d.wide.Rows().Bytes(uint32(s))
	binary.LittleEndian.PutUint64(words, hi)
	binary.LittleEndian.PutUint64(words[8:], lo)
}

// mark records which kind of id a slot has.
func (d *ids) mark(s index.Slot, uuid bool) {
	if d.isUUID == nil {
		if d.uuids.Contains(s) == uuid {
			return
		}
		d.isUUID = d.uuids.Edit()
	}
	if uuid {
		d.isUUID.Add(s)
	} else {
		d.isUUID.Remove(s)
	}
}

// touch records the version of a slot's point, which may be published: a reader
// may see it a moment before the change itself.
func (d *ids) touch(s index.Slot, version uint64) {
	atomic.StoreUint32(&d.version.Rows().Uint32s(uint32(s))[0], uint32(min(version, longVersion)))
}

// publish closes the version that readers get next.
func (d *ids) publish() idRows {
	if d.isUUID != nil {
		d.uuids, d.isUUID = d.isUUID.Done(), nil
	}
	return idRows{low: d.low.Rows(), wide: d.wide.Rows(), version: d.version.Rows(), uuids: d.uuids}
}

// discard forgets what was put since the last publish: the slots come again.
func (d *ids) discard() { d.isUUID = nil }

func (d *ids) release(from, to index.Slot) {
	d.low.Release(int(from), min(int(to), d.low.Rows().Len()))
	d.wide.Release(int(from), min(int(to), d.wide.Rows().Len()))
	d.version.Release(int(from), min(int(to), d.version.Rows().Len()))
}

func (d *ids) close() error { return errors.Join(d.low.Close(), d.wide.Close(), d.version.Close()) }

// id is the external id of a slot that was live in this version.
func (r *idRows) id(s index.Slot) point.ID {
	if r.uuids.Contains(s) {
		row := r.wide.Bytes(uint32(s))
		return point.FromWords(binary.LittleEndian.Uint64(row), binary.LittleEndian.Uint64(row[8:]), true)
	}
	return point.Number(binary.LittleEndian.Uint64(r.low.Bytes(uint32(s))))
}

func (d *ids) truncate(next index.Slot) {
	d.low.Truncate(int(next))
	d.wide.Truncate(int(next))
	d.version.Truncate(int(next))
}
