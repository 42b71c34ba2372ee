package arena_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/kithdb/kith/index/arena"
)

func TestAdoptTakesOverWhatWasLeft(t *testing.T) {
	dir := t.TempDir()
	o := arena.Options{RowBytes: 100, MaxHeap: 1000, File: filepath.Join(dir, "7.*.rows")}
	a := arena.New(o)
	grow(t, a, 50_000)
	copy(a.Rows().Bytes(49_999), "the last")
	path := a.Rows().File()
	if err := a.Rows().Sync(); err != nil {
		t.Fatal(err)
	}
	if err := a.Leave(); err != nil || len(files(t, dir)) != 1 || files(t, dir)[0] != path {
		t.Fatalf("left %v, not %s: %v", files(t, dir), path, err)
	}
	b := newArena(t, o)
	if err := b.Adopt(path, 50_000); err != nil {
		t.Fatal(err)
	}
	if !b.OnDisk() || !b.Pinned() || b.Rows().Len() != 50_000 || b.Rows().File() != path || !bytes.HasPrefix(b.Rows().Bytes(49_999), []byte("the last")) {
		t.Fatal("the rows are not those that were left")
	}
	b.Rows().Want([]uint32{0, 7, 49_999, 50_000, 1 << 31}) // beyond the end is nobody's
	b.Rows().WantRange(49_990, 60_000)
	b.Rows().WantRange(7, 7)
	base := b.Rows().Base()
	grow(t, b, 200_000)
	copy(b.Rows().Bytes(199_999), "further")
	if b.Rows().Base() != base || !bytes.HasPrefix(b.Rows().Bytes(49_999), []byte("the last")) {
		t.Error("growing moved or changed rows")
	}
	if err := b.Close(); err != nil || len(files(t, dir)) != 0 {
		t.Errorf("after Close: %v, files %v", err, files(t, dir))
	}
}

func TestAdoptRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "7.x.rows")
	if err := os.WriteFile(path, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	o := arena.Options{RowBytes: 100, File: filepath.Join(dir, "7.*.rows")}
	a := newArena(t, o)
	if a.Adopt(path, 51) == nil || a.Adopt(filepath.Join(dir, "none"), 1) == nil || a.Adopt(path, -1) == nil {
		t.Error("a file that is too short, or none, was taken over")
	}
	if a.Pinned() || a.Rows().Len() != 0 {
		t.Error("a refusal changed the arena")
	}
	m := newArena(t, arena.Options{RowBytes: 100})
	if m.Adopt(path, 1) == nil {
		t.Error("rows in memory took a file over")
	}
	grow(t, a, 3)
	if a.Adopt(path, 1) == nil {
		t.Error("an arena with rows took a file over")
	}
}
