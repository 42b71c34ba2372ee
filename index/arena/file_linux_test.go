package arena_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kithdb/kith/index/arena"
)

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFileHoldsTheRows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "er")
	a := newArena(t, arena.Options{RowBytes: 100, MaxHeap: 1000, File: filepath.Join(dir, "7.*.rows")})
	grow(t, a, 10)
	copy(a.Rows().Bytes(9), "ninth")
	if !a.OnDisk() || len(files(t, dir)) != 0 {
		t.Fatalf("on disk %v, files %v before the rows are mapped", a.OnDisk(), files(t, dir))
	}
	grow(t, a, 100_000) // several steps
	base := a.Rows().Base()
	copy(a.Rows().Bytes(99_999), "the last")
	list := files(t, dir)
	if len(list) != 1 {
		t.Fatalf("files %v", list)
	}
	text, err := os.ReadFile(list[0])
	if err != nil || !bytes.HasPrefix(text[900:], []byte("ninth")) || !bytes.HasPrefix(text[9_999_900:], []byte("the last")) {
		t.Errorf("the file does not hold the rows (%v)", err)
	}
	a.Release(500, 50_000)
	if a.Rows().Base() != base || !bytes.Equal(a.Rows().Bytes(30_000), make([]byte, 100)) || !bytes.HasPrefix(a.Rows().Bytes(9), []byte("ninth")) {
		t.Error("a release moved the rows, kept what it should not or took what it should not")
	}
	if err := a.Close(); err != nil || len(files(t, dir)) != 0 {
		t.Errorf("after Close: %v, files %v", err, files(t, dir))
	}
}

func TestFileOfAFolderThatIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shard")
	a := arena.New(arena.Options{RowBytes: 8, File: filepath.Join(dir, "*.rows")})
	pin(t, a)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestPlaceBeforeMapping(t *testing.T) {
	dir := t.TempDir()
	a := newArena(t, arena.Options{RowBytes: 8})
	grow(t, a, 3)
	if !a.Place(filepath.Join(dir, "*.rows")) || !a.OnDisk() {
		t.Fatal("rows on the heap were not placed")
	}
	pin(t, a)
	if a.Place("") || !a.OnDisk() || len(files(t, dir)) != 1 {
		t.Errorf("mapped rows were placed, or are not in the file: %v", files(t, dir))
	}
}

// Readers of old and new rows see every row while these move to and fro beside a
// writer, and no file is left behind.
func TestMoveBesideReadersAndWriter(t *testing.T) {
	const rows, rowBytes = 30_000, 64
	dir := t.TempDir()
	a := newArena(t, arena.Options{RowBytes: rowBytes, MaxHeap: 1, Reserve: 1 << 30})
	grow(t, a, 1)
	var published atomic.Uint32
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(1, 1))
			for !stop.Load() {
				n := published.Load()
				r := a.Rows()
				for range 100 {
					if n == 0 {
						break
					}
					i := rng.Uint32N(n)
					if got := r.Uint32s(i)[rowBytes/4-1]; got != i+1 {
						t.Errorf("row %d holds %d", i, got)
						return
					}
				}
				r.Keep()
			}
		})
	}
	for i := range uint32(rows) {
		grow(t, a, int(i)+1)
		a.Rows().Uint32s(i)[rowBytes/4-1] = i + 1
		published.Store(i + 1)
		if i%3000 != 2999 {
			continue
		}
		file := ""
		if !a.OnDisk() {
			file = filepath.Join(dir, "*.rows")
		}
		m, err := a.Move(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Copy(int(i) / 2); err != nil {
			t.Fatal(err)
		}
		if err := m.Finish(); err != nil {
			t.Fatal(err)
		}
		runtime.GC() // frees the places that nobody reads any more
		if n := len(files(t, dir)); (n == 1) != a.OnDisk() || n > 1 {
			t.Fatalf("on disk %v, %d files", a.OnDisk(), n)
		}
	}
	stop.Store(true)
	readers.Wait()
}

// A row that is written after its copy comes along when it is copied again, and
// one that is beyond the copy comes along in any case.
func TestMoveCopiesAgain(t *testing.T) {
	a := newArena(t, arena.Options{RowBytes: 8})
	pin(t, a)
	grow(t, a, 5)
	m, err := a.Move(filepath.Join(t.TempDir(), "*.rows"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Copy(3); err != nil {
		t.Fatal(err)
	}
	for i := range uint32(5) {
		a.Rows().Bytes(i)[0] = byte(i + 1)
		m.Again(int(i))
	}
	if err := m.Finish(); err != nil {
		t.Fatal(err)
	}
	for i := range uint32(5) {
		if got := a.Rows().Bytes(i)[0]; got != byte(i+1) {
			t.Errorf("row %d holds %d", i, got)
		}
	}
}

func TestAbortedMoveChangesNothing(t *testing.T) {
	dir := t.TempDir()
	a := newArena(t, arena.Options{RowBytes: 8})
	pin(t, a)
	grow(t, a, 5)
	a.Rows().Bytes(4)[0] = 9
	m, err := a.Move(filepath.Join(dir, "*.rows"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Copy(3); err != nil {
		t.Fatal(err)
	}
	if err := m.Abort(); err != nil {
		t.Fatal(err)
	}
	if a.OnDisk() || a.Rows().Bytes(4)[0] != 9 || len(files(t, dir)) != 0 {
		t.Error("an aborted move left its traces")
	}
}
