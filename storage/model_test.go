package storage

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// model is what a store should hold, as raw rows, and every state it had.
type model struct {
	rng     *rand.Rand
	applied uint64
	rows    map[string]string
	history map[uint64]map[string]string // by raft index
}

func newModel(rng *rand.Rand) *model {
	return &model{rng: rng, rows: map[string]string{}, history: map[uint64]map[string]string{0: {}}}
}

// rewind takes the model back to the state of a raft index.
func (m *model) rewind(applied uint64) {
	m.applied, m.rows = applied, maps.Clone(m.history[applied])
}

// write commits one random batch to the store and then to the model.
func (m *model) write(s *Store) error {
	b := s.NewBatch()
	defer b.Close()
	next := maps.Clone(m.rows)
	for range 1 + m.rng.IntN(12) {
		if err := m.change(b, next); err != nil {
			return err
		}
	}
	// Known before the commit: one that fails may yet be found after a crash.
	m.history[m.applied+1] = next
	if err := b.Commit(m.applied + 1); err != nil {
		return err
	}
	m.applied, m.rows = m.applied+1, next
	return nil
}

func (m *model) change(b *Batch, next map[string]string) error {
	shard := schema.ShardID(m.rng.IntN(3))
	slot := index.Slot(m.rng.IntN(20))
	id := point.Number(uint64(m.rng.IntN(20)))
	if m.rng.IntN(2) == 0 {
		id = uuidID(byte(m.rng.IntN(20)))
	}
	posting := []byte{byte(m.rng.IntN(3)), 0, byte(m.rng.IntN(3))}
	switch m.rng.IntN(12) {
	case 0, 1, 2:
		row := PointRow{Slot: slot, Version: m.applied + 1, Payload: make([]byte, m.rng.IntN(200))}
		value := make([]byte, pointRowLen(&row))
		putPointRow(value, &row)
		next[string(pointKey(shard, id))] = string(value)
		return b.PutPoint(shard, id, row)
	case 3:
		delete(next, string(pointKey(shard, id)))
		return b.DeletePoint(shard, id)
	case 4:
		row := SlotRow{ID: id, Version: m.applied}
		value := make([]byte, slotRowLen)
		putSlotRow(value, row)
		next[string(slotKey(shard, slot))] = string(value)
		return b.PutSlot(shard, slot, row)
	case 5:
		delete(next, string(slotKey(shard, slot)))
		return b.DeleteSlot(shard, slot)
	case 6, 7:
		v := make([]byte, 1+m.rng.IntN(6000)) // some batches outgrow a memtable
		for i := range v {
			v[i] = byte(m.rng.Uint32())
		}
		next[string(vectorKey(shard, 1, slot))] = string(v)
		return b.PutVector(shard, 1, slot, v)
	case 8:
		next[string(postingKey(shard, posting, slot))] = ""
		return b.PutPosting(shard, posting, slot)
	case 9:
		dropPrefix(next, string(append(prefix(shard, kindPosting), posting[:2]...)))
		return b.DropPostings(shard, posting[:2])
	case 10:
		row := ShardRow{Next: slot, Live: m.applied}
		next[string(prefix(shard, kindShard))] = string(appendShardRow(nil, &row))
		return b.PutShard(shard, row)
	}
	if m.rng.IntN(4) == 0 {
		dropPrefix(next, string(prefix(shard, 0)[:5]))
		return b.DropShard(shard)
	}
	to := slot + index.Slot(m.rng.IntN(5))
	for i := slot; i < to; i++ {
		delete(next, string(vectorKey(shard, 1, i)))
	}
	return b.DeleteVectors(shard, 1, slot, to)
}

func dropPrefix(rows map[string]string, prefix string) {
	maps.DeleteFunc(rows, func(k, _ string) bool { return strings.HasPrefix(k, prefix) })
}

// verify compares everything in a store with the state of its raft index.
func (m *model) verify(s *Store) error {
	want, known := m.history[s.Applied()]
	if !known {
		return fmt.Errorf("the store is at raft index %d, which never was", s.Applied())
	}
	n := 0
	err := s.scan([]byte{spaceShard}, []byte{spaceShard + 1}, func(key, value []byte) (bool, error) {
		n++
		if w, ok := want[string(key)]; !ok || w != string(value) {
			return false, fmt.Errorf("at raft index %d: row %x has %d bytes, the model: %v, %d bytes", s.Applied(), key, len(value), ok, len(w))
		}
		// A read of one row goes other ways (filters, cache) than a scan.
		got, release, ok, err := s.get(key)
		if err != nil {
			return false, err
		}
		if !ok || string(got) != string(value) {
			return false, fmt.Errorf("at raft index %d: row %x is found by a scan but not by get", s.Applied(), key)
		}
		return true, release()
	})
	if err == nil && n != len(want) {
		err = fmt.Errorf("at raft index %d: %d rows, want %d", s.Applied(), n, len(want))
	}
	return err
}

// TestAgainstModel runs random batches, flushes, snapshots and reopens.
func TestAgainstModel(t *testing.T) {
	for round := range uint64(20) {
		seed := [2]uint64{round, 1}
		rng := rand.New(rand.NewPCG(seed[0], seed[1]))
		m, dir, o := newModel(rng), t.TempDir(), Options{MemTableBytes: 64 << 10}
		s := mustOpen(t, dir, o)
		for range 60 {
			if err := m.write(s); err != nil {
				t.Fatalf("seed %v: %v", seed, err)
			}
			switch rng.IntN(12) {
			case 0:
				must(t, s.Flush())
			case 1:
				must(t, s.Close())
				s = mustOpen(t, dir, o)
				if s.Applied() != m.applied {
					t.Fatalf("seed %v: at %d after a close at %d", seed, s.Applied(), m.applied)
				}
				if err := m.verify(s); err != nil {
					t.Fatalf("seed %v: %v", seed, err)
				}
			}
		}
		if err := m.verify(s); err != nil {
			t.Fatalf("seed %v: %v", seed, err)
		}
		must(t, s.Close())
	}
}

func TestParseRowsRefuse(t *testing.T) {
	row := ShardRow{Schema: []byte("{}"), Next: 300, Live: 300, Vectors: []VectorNumber{{"v", 300}}, Indexes: []IndexRow{{"f", []byte("{}")}}}
	good := appendShardRow(nil, &row)
	for n := range good {
		if r, err := parseShardRow(good[:n]); err == nil {
			t.Errorf("the first %d of %d bytes of a shard row read as %+v", n, len(good), r)
		}
	}
	huge := binary.AppendUvarint([]byte{shardRowVersion, 0, 0, 0}, 1<<60)
	for name, b := range map[string][]byte{"version": {9, 0, 0, 0, 0, 0}, "trailing": append(good[:len(good):len(good)], 0), "huge count": huge} {
		if r, err := parseShardRow(b); err == nil {
			t.Errorf("%s: a shard row reads as %+v", name, r)
		}
	}
	for name, b := range map[string][]byte{"short": {1, 0, 0, 0, 0}, "version": {2, 0, 0, 0, 0, 1}, "number": {1, 0, 0, 0, 0, 0x80}} {
		if r, err := parsePointRow(b); err == nil {
			t.Errorf("%s: a point row reads as %+v", name, r)
		}
	}
}
