package storage

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

func mustOpen(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func uuidID(b byte) point.ID { return point.UUID([16]byte{b, 15: b}) }

func TestRowsRoundTrip(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	const shard = schema.ShardID(7)
	row := ShardRow{
		Schema: []byte(`{"vectors":[]}`), Next: 3, Live: 2,
		Vectors: []VectorNumber{{"", 0}, {"image", 65535}},
		Indexes: []IndexRow{{"a.b", []byte(`"keyword"`)}, {"c", nil}},
	}
	p1 := PointRow{Slot: 1, Version: 9, Payload: []byte(`{"a":1}`)}
	p2 := PointRow{Slot: index.NoSlot - 1, Version: 1 << 60}
	vector := []byte{1, 2, 3, 0x80, 255}
	b := s.NewBatch()
	must(t,
		b.PutShard(shard, row),
		b.PutPoint(shard, point.Number(5), p1), b.PutPoint(shard, uuidID(200), p2),
		b.PutSlot(shard, 1, SlotRow{ID: point.Number(5), Version: 9}), b.PutSlot(shard, p2.Slot, SlotRow{ID: uuidID(200)}),
		b.PutVector(shard, 0, 1, vector), b.PutVector(shard, 65535, p2.Slot, nil),
		b.PutPosting(shard, []byte("k\x00v"), 1), b.PutPosting(shard, []byte{0xff, 0xff}, p2.Slot),
		b.Commit(42), b.Close(), s.Close(),
	)

	s = mustOpen(t, dir, Options{})
	defer func() { must(t, s.Close()) }()
	if s.Applied() != 42 {
		t.Fatalf("Applied() = %d after a reopen, want 42", s.Applied())
	}
	if got, ok, err := s.GetShard(shard); err != nil || !ok || !reflect.DeepEqual(got, row) {
		t.Fatalf("GetShard = %+v, %v, %v; want %+v", got, ok, err, row)
	}
	for id, want := range map[point.ID]PointRow{point.Number(5): p1, uuidID(200): p2} {
		if got, ok, err := s.GetPoint(shard, id); err != nil || !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("GetPoint(%v) = %+v, %v, %v; want %+v", id, got, ok, err, want)
		}
		if got, ok, err := s.GetSlot(shard, want.Slot); err != nil || !ok || got.ID != id {
			t.Errorf("GetSlot(%d) = %v, %v, %v; want %v", want.Slot, got, ok, err, id)
		}
	}
	if got, ok, err := s.GetVector(shard, 0, 1, nil); err != nil || !ok || !reflect.DeepEqual(got, vector) {
		t.Errorf("GetVector = %v, %v, %v; want %v", got, ok, err, vector)
	}
	if _, ok, err := s.GetVector(shard, 1, 1, nil); err != nil || ok {
		t.Errorf("GetVector of a vector that is not there = %v, %v", ok, err)
	}
	var postings []string
	must(t, s.ScanPostings(shard, nil, []byte("\xff\xff\xff\xff\xff\xff\xff\xff"), false, func(key []byte) bool {
		postings = append(postings, string(key[:len(key)-4]))
		return true
	}))
	if want := []string{"k\x00v", "\xff\xff"}; !reflect.DeepEqual(postings, want) {
		t.Errorf("postings %q, want %q", postings, want)
	}
	last := 0
	must(t, s.ScanVectors(shard, 65535, 0, index.NoSlot, func(slot index.Slot, raw []byte) bool { last++; return true }))
	if last != 1 {
		t.Errorf("the last vector number has %d rows, want 1", last)
	}
}

func TestScansStartAndStop(t *testing.T) {
	s := mustOpen(t, "db", Options{FS: vfs.NewMem()})
	defer func() { must(t, s.Close()) }()
	b := s.NewBatch()
	for shard := schema.ShardID(1); shard <= 3; shard++ {
		for i := range index.Slot(10) {
			id := point.Number(uint64(i))
			must(t, b.PutPoint(shard, id, PointRow{Slot: i}), b.PutSlot(shard, i, SlotRow{ID: id}), b.PutVector(shard, 2, i, []byte{byte(i)}))
		}
	}
	must(t, b.Commit(1), b.Close())
	var ids []point.ID
	must(t, s.ScanPoints(2, point.Number(4), func(id point.ID, _ PointRow) bool {
		ids = append(ids, id)
		return len(ids) < 3
	}))
	if want := []point.ID{point.Number(4), point.Number(5), point.Number(6)}; !reflect.DeepEqual(ids, want) {
		t.Errorf("points %v, want %v", ids, want)
	}
	var slots []index.Slot
	must(t, s.ScanSlots(2, 6, 8, func(slot index.Slot, row SlotRow) bool {
		id := row.ID
		slots = append(slots, slot, index.Slot(id.Uint64()))
		return true
	}))
	if want := []index.Slot{6, 6, 7, 7}; !reflect.DeepEqual(slots, want) {
		t.Errorf("slots %v, want %v", slots, want)
	}
	var sum int
	must(t, s.ScanVectors(2, 2, 5, 9, func(slot index.Slot, raw []byte) bool {
		sum += int(raw[0])
		return slot < 8
	}), s.ScanVectors(2, 2, 3, 4, func(slot index.Slot, raw []byte) bool {
		sum += 100 * int(raw[0])
		return true
	}))
	if sum != 300+5+6+7+8 {
		t.Errorf("vectors sum to %v, want 326", sum)
	}
}

func TestBatchReadsItsWrites(t *testing.T) {
	s := mustOpen(t, "db", Options{FS: vfs.NewMem()})
	defer func() { must(t, s.Close()) }()
	one, two := point.Number(1), point.Number(2)
	b := s.NewBatch()
	must(t, b.PutShard(1, ShardRow{Next: 1}), b.PutPoint(1, one, PointRow{Slot: 1}), b.PutPoint(2, one, PointRow{Slot: 9}), b.Commit(1), b.Close())

	b = s.NewBatch()
	check := func(shard schema.ShardID, id point.ID, slot index.Slot, exists bool) {
		t.Helper()
		row, ok, err := b.GetPoint(shard, id)
		if err != nil || ok != exists || ok && row.Slot != slot {
			t.Fatalf("GetPoint(%d, %v) = %+v, %v, %v; want slot %d, %v", shard, id, row, ok, err, slot, exists)
		}
	}
	check(1, one, 1, true)
	must(t, b.PutPoint(1, one, PointRow{Slot: 2}), b.PutPoint(1, two, PointRow{Slot: 3}))
	check(1, one, 2, true)
	check(1, two, 3, true)
	must(t, b.DeletePoint(1, two))
	check(1, two, 0, false)
	must(t, b.DropShard(1))
	check(1, one, 0, false)
	check(2, one, 9, true)
	if _, ok, err := b.GetShard(1); ok || err != nil {
		t.Fatalf("a dropped shard has a row: %v, %v", ok, err)
	}
	must(t, b.PutShard(1, ShardRow{Next: 5}), b.PutPoint(1, two, PointRow{Slot: 4}))
	check(1, two, 4, true)
	if row, ok, err := b.GetShard(1); !ok || err != nil || row.Next != 5 {
		t.Fatalf("GetShard = %+v, %v, %v", row, ok, err)
	}
	must(t, b.Commit(2), b.Close())
	var got []index.Slot
	must(t, s.ScanPoints(1, point.ID{}, func(_ point.ID, r PointRow) bool { got = append(got, r.Slot); return true }))
	if !reflect.DeepEqual(got, []index.Slot{4}) {
		t.Errorf("slots after the commit: %v, want [4]", got)
	}
}

func TestDropShardLeavesNeighbours(t *testing.T) {
	s := mustOpen(t, "db", Options{FS: vfs.NewMem()})
	defer func() { must(t, s.Close()) }()
	shards := []schema.ShardID{0, 1, 255, 256, 1<<32 - 2, 1<<32 - 1}
	b := s.NewBatch()
	for _, shard := range shards {
		must(t, b.PutShard(shard, ShardRow{}), b.PutPoint(shard, uuidID(255), PointRow{}),
			b.PutVector(shard, 65535, index.NoSlot-1, []byte{1, 2, 3, 4}), b.PutPosting(shard, bytes.Repeat([]byte{0xff}, 40), index.NoSlot))
	}
	must(t, b.Commit(1), b.Close())
	left := append([]schema.ShardID(nil), shards...)
	for len(left) > 0 {
		if got, err := s.Shards(); err != nil || !reflect.DeepEqual(got, left) {
			t.Fatalf("Shards() = %v, %v; want %v", got, err, left)
		}
		for _, shard := range left {
			n := 0
			must(t, s.scan(prefix(shard, 0), prefix(shard, kindEnd), func(_, _ []byte) (bool, error) { n++; return true, nil }))
			if n != 4 {
				t.Fatalf("shard %d has %d rows, want 4", shard, n)
			}
		}
		b := s.NewBatch()
		must(t, b.DropShard(left[0]), b.Commit(s.Applied()), b.Close())
		left = left[1:]
	}
	if got, err := s.Shards(); err != nil || len(got) != 0 {
		t.Fatalf("Shards() = %v, %v after all were dropped", got, err)
	}
	n := 0
	must(t, s.scan([]byte{spaceShard}, []byte{spaceShard + 1}, func(_, _ []byte) (bool, error) { n++; return true, nil }))
	if n != 0 {
		t.Fatalf("%d rows are left of dropped shards", n)
	}
}

func TestDropPostings(t *testing.T) {
	s := mustOpen(t, "db", Options{FS: vfs.NewMem()})
	defer func() { must(t, s.Close()) }()
	b := s.NewBatch()
	for _, row := range []string{"a", "b\x00x", "b\x00y", "b\xff", "c"} {
		must(t, b.PutPosting(1, []byte(row), 1), b.PutPosting(1, []byte(row), 2))
	}
	must(t, b.DeletePosting(1, []byte("a"), 2), b.DropPostings(1, []byte("b\x00")), b.PutPosting(1, []byte("b\x00z"), 3), b.Commit(1), b.Close())
	var got []string
	read := func(key []byte) bool {
		got = append(got, string(key[:len(key)-4])+string(rune('0'+keySlot(key))))
		return true
	}
	must(t, s.ScanPostings(1, nil, []byte("d"), false, read))
	if want := []string{"a1", "b\x00z3", "b\xff1", "b\xff2", "c1", "c2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("postings %q, want %q", got, want)
	}
	got = nil
	must(t, s.ScanPostings(1, []byte("b"), []byte("c"), true, read))
	if want := []string{"b\xff2", "b\xff1", "b\x00z3"}; !reflect.DeepEqual(got, want) {
		t.Errorf("falling postings %q, want %q", got, want)
	}
}

func TestSnapshotIsStill(t *testing.T) {
	s := mustOpen(t, "db", Options{FS: vfs.NewMem()})
	defer func() { must(t, s.Close()) }()
	put := func(applied uint64, slot index.Slot) {
		b := s.NewBatch()
		must(t, b.PutPoint(1, point.Number(1), PointRow{Slot: slot}), b.Commit(applied), b.Close())
	}
	put(1, 1)
	snap := s.NewSnapshot()
	put(2, 2)
	must(t, s.Flush())
	if row, ok, err := snap.GetPoint(1, point.Number(1)); err != nil || !ok || row.Slot != 1 {
		t.Errorf("the snapshot reads %+v, %v, %v; want slot 1", row, ok, err)
	}
	if row, _, _ := s.GetPoint(1, point.Number(1)); row.Slot != 2 {
		t.Errorf("the store reads %+v, want slot 2", row)
	}
	must(t, snap.Close())
}

func TestAppliedNeverFalls(t *testing.T) {
	s := mustOpen(t, "db", Options{FS: vfs.NewMem()})
	defer func() { must(t, s.Close()) }()
	for _, step := range []struct {
		applied uint64
		ok      bool
	}{{5, true}, {5, true}, {4, false}, {6, true}} {
		b := s.NewBatch()
		if err := b.Commit(step.applied); (err == nil) != step.ok {
			t.Errorf("Commit(%d) = %v", step.applied, err)
		}
		must(t, b.Close())
	}
	if s.Applied() != 6 {
		t.Errorf("Applied() = %d, want 6", s.Applied())
	}
}

func TestCheckpointOpens(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, filepath.Join(dir, "db"), Options{})
	b := s.NewBatch()
	must(t, b.PutPoint(1, point.Number(1), PointRow{Slot: 1, Payload: []byte(`{}`)}), b.Commit(3), b.Close())
	must(t, s.Checkpoint(filepath.Join(dir, "copy")))
	if err := s.Checkpoint(filepath.Join(dir, "copy")); !errors.Is(err, os.ErrExist) {
		t.Errorf("a checkpoint over another: %v", err)
	}
	must(t, s.Close())
	c := mustOpen(t, filepath.Join(dir, "copy"), Options{})
	if row, ok, err := c.GetPoint(1, point.Number(1)); err != nil || !ok || row.Slot != 1 || c.Applied() != 3 {
		t.Errorf("the copy reads %+v, %v, %v at %d", row, ok, err, c.Applied())
	}
	must(t, c.Close())
}

func TestSharedCache(t *testing.T) {
	cache := NewCache(CacheOptions{Bytes: 1 << 20})
	fs := vfs.NewMem()
	a, b := mustOpen(t, "a", Options{FS: fs, Cache: cache}), mustOpen(t, "b", Options{FS: fs, Cache: cache})
	for i, s := range []*Store{a, b} {
		w := s.NewBatch()
		must(t, w.PutPoint(1, point.Number(1), PointRow{Slot: index.Slot(i)}), w.Commit(1), w.Close(), s.Flush())
		if row, _, err := s.GetPoint(1, point.Number(1)); err != nil || row.Slot != index.Slot(i) {
			t.Errorf("store %d reads %+v, %v", i, row, err)
		}
	}
	must(t, a.Close(), b.Close())
	cache.Close()
}

// A store of version 1 is taken over, and no older build opens it again.
func TestFormatOneIsTakenOver(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, "db", Options{FS: fs})
	must(t, s.Close())
	must(t, writeSynced(fs, fs.PathJoin("db", formatFile), formatMagic+"1\n"))
	s = mustOpen(t, "db", Options{FS: fs})
	must(t, s.Close())
	if v, err := readFormat(fs, "db"); err != nil || v != FormatVersion {
		t.Errorf("version %d, %v", v, err)
	}
}
