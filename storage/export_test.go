package storage

import (
	"bytes"
	"errors"
	"maps"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

type kv struct{ key, value []byte }

func exported(t *testing.T, r *Reader, shard schema.ShardID) (out []kv) {
	t.Helper()
	must(t, r.ExportShard(shard, func(k, v []byte) error {
		out = append(out, kv{bytes.Clone(k), bytes.Clone(v)})
		return nil
	}))
	return out
}

func asMap(rows []kv) map[string]string {
	out := map[string]string{}
	for _, r := range rows {
		out[string(r.key)] = string(r.value)
	}
	return out
}

func sampleShard(t *testing.T, s *Store, shard schema.ShardID) {
	t.Helper()
	b := s.NewBatch()
	must(t, b.PutShard(shard, ShardRow{Schema: []byte(`{}`), Next: 300, Live: 300}))
	for i := range uint64(300) {
		slot := index.Slot(i)
		must(t, b.PutPoint(shard, point.Number(i), PointRow{Slot: slot, Version: i}), b.PutSlot(shard, slot, SlotRow{ID: point.Number(i), Version: i}),
			b.PutVector(shard, 0, slot, []byte{byte(i), 0, 0, 0}), b.PutPosting(shard, []byte("n"), slot))
	}
	must(t, b.Commit(s.Applied()+1), b.Close())
}

// TestImportIsAllOrNothing takes what a power cut leaves before and after the
// ingestion, and after the shard row, each time with unflushed writes around it.
func TestImportIsAllOrNothing(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, "db", Options{FS: fs})
	sampleShard(t, s, 1)
	sampleShard(t, s, 3)
	rows := exported(t, &s.Reader, 1)
	m, err := s.NewImport(2, filepath.Join("transfer", "2"))
	must(t, err)
	for _, r := range rows {
		must(t, m.Put(r.key, r.value))
	}
	crash := func(wantRows int, wantShard bool) {
		t.Helper()
		again := mustOpen(t, "db", Options{FS: fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0})})
		defer func() { must(t, again.Close()) }()
		if got := len(exported(t, &again.Reader, 2)); got != wantRows {
			t.Errorf("%d rows after a crash, want %d", got, wantRows)
		}
		_, is, err := again.GetShard(2)
		orphans, oerr := again.Orphans()
		must(t, err, oerr)
		if is != wantShard || (len(orphans) == 1) != (wantRows > 0 && !wantShard) {
			t.Errorf("a shard: %v; orphans: %v", is, orphans)
		}
	}
	crash(0, false)
	row, err := m.Commit(t.Context())
	must(t, err)
	crash(len(rows)-1, false)
	b := s.NewBatch()
	must(t, b.PutShard(2, row), b.Commit(s.Applied()), b.Close(), s.Flush())
	crash(len(rows), true)
	if !maps.Equal(asMap(exported(t, &s.Reader, 2)), asMap(rows)) {
		t.Error("the copy differs")
	}
	must(t, s.Close())
}

func TestImportRefusesForeignRows(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	defer func() { must(t, s.Close()) }()
	sampleShard(t, s, 1)
	rows := exported(t, &s.Reader, 1)
	shardRow, other := rows[0], rows[1]
	far := bytes.Clone(other.value)
	far[2] = 0xff // a slot that was never given
	for what, list := range map[string][]kv{
		"no shard row": {other}, "two shard rows": {shardRow, shardRow}, "out of order": {shardRow, rows[2], rows[1]}, "twice": {shardRow, other, other},
		"an empty key": {shardRow, {}}, "an unknown kind": {shardRow, {[]byte{kindEnd, 1, 2, 3, 4, 5}, nil}}, "a short key": {shardRow, {other.key[:4], other.value}},
		"no point row": {shardRow, {other.key, []byte{9}}}, "a slot too high": {shardRow, {other.key, far}}, "no shard row's form": {{shardRow.key, []byte{7}}},
	} {
		m, err := s.NewImport(9, filepath.Join(t.TempDir(), "import"))
		must(t, err)
		for _, r := range list {
			if err = m.Put(r.key, r.value); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrRow) {
			t.Errorf("%s: %v", what, err)
		}
		must(t, m.Abort())
	}
	if got := exported(t, &s.Reader, 9); len(got) > 0 {
		t.Errorf("%d rows of what was refused", len(got))
	}
}
