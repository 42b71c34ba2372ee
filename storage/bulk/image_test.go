package bulk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/block"
)

func row(slot index.Slot, size int) []byte {
	out := make([]byte, size)
	x := uint64(slot)*0x9e3779b97f4a7c15 + 1
	for i := range out {
		if i%8 == 0 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		out[i] = byte(x >> (i % 8 * 8))
	}
	return out
}

func content(slots *index.Set, size int) *Content {
	return &Content{
		RowBytes: size, Applied: 77, Slots: slots,
		Row:  func(s index.Slot) []byte { return row(s, size) },
		Goes: func() bool { return true },
	}
}

// some is a set of slots below end, with a hole that is longer than a piece.
func some(end int, rng *rand.Rand) *index.Set {
	e := (*index.Set)(nil).Edit()
	for s := range end {
		if rng.IntN(7) > 0 && (s < end/4 || s > end/2) {
			e.Add(index.Slot(s))
		}
	}
	return e.Done()
}

func mustWrite(t *testing.T, c *Content) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "0.image")
	if err := Write(path, c); err != nil {
		t.Fatal(err)
	}
	return path
}

// rows are n rows of an arena, pinned: what a shard reads images into.
func rows(t *testing.T, n, size int) []byte {
	t.Helper()
	a := arena.New(arena.Options{RowBytes: size})
	t.Cleanup(func() { a.Close() })
	if err := errors.Join(a.Grow(n), a.Pin()); err != nil {
		t.Fatal(err)
	}
	return a.Rows().All()
}

// Rows come back as they were, whatever their size and the slots, into memory
// that is aligned and into memory that is not.
func TestImageComesBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for size, end := range map[int]int{1: 2_200_000, 20: 110_001, 512: 8192, 3072: 1400, 10_000: 500} {
		slots := some(end, rng)
		path := mustWrite(t, content(slots, size))
		m, err := Open(path, size)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if m.Applied != 77 || m.Slots.Len() != slots.Len() || m.Slots.AndNot(slots).Len() != 0 || int(m.End()) > end {
			t.Fatalf("%d bytes: %d slots below %d at %d", size, m.Slots.Len(), m.End(), m.Applied)
		}
		odd := make([]byte, end*size+1)[1:]
		for _, got := range [][]byte{rows(t, end, size), odd} {
			if err := m.Read(got); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			for s := range end {
				at := got[s*size : (s+1)*size]
				if slots.Contains(index.Slot(s)) && !bytes.Equal(at, row(index.Slot(s), size)) || !slots.Contains(index.Slot(s)) && !bytes.Equal(at, make([]byte, size)) {
					t.Fatalf("%d bytes: slot %d is %x", size, s, at)
				}
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEmptyImage(t *testing.T) {
	m, err := Open(mustWrite(t, content(nil, 8)), 8)
	if err != nil || m.Slots.Len() != 0 || m.End() != 0 || m.Read(nil) != nil {
		t.Fatalf("%+v, %v", m, err)
	}
	m.Close()
}

// A turned bit is found wherever it is: in a piece it costs the rows of that
// piece and no other, anywhere else the image.
func TestDamageIsFound(t *testing.T) {
	const size, end, pieces = 512, 20_000, 5
	rng := rand.New(rand.NewPCG(3, 4))
	slots := some(end, rng)
	path := mustWrite(t, content(slots, size))
	table := page + pieces*4096*size
	for _, at := range []int{0, 9, 12, 17, 21, 25, 30, 40, headerSize - 1, table, table + 100, table + 2000} {
		turn(t, path, at)
		if _, err := Open(path, size); !errors.Is(err, block.ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Errorf("byte %d turned: %v", at, err)
		}
		turn(t, path, at)
	}
	if _, err := Open(path, size+4); !errors.Is(err, block.ErrCorrupt) {
		t.Errorf("other rows: %v", err)
	}
	for piece := range pieces {
		at := page + piece*4096*size + rng.IntN(size)
		m, err := Open(path, size)
		if err != nil {
			t.Fatal(err)
		}
		got := rows(t, end, size)
		turn(t, path, at)
		err = m.Read(got)
		turn(t, path, at)
		lost := slots.AndNot(m.Slots)
		if m.Close(); slots.Count(m.head.slots(piece)) == 0 {
			if err != nil {
				t.Fatalf("piece %d, which has nothing: %v", piece, err)
			}
			continue
		}
		if !errors.Is(err, block.ErrCorrupt) || lost.Len() != slots.Count(m.head.slots(piece)) || lost.Count(m.head.slots(piece)) != lost.Len() {
			t.Fatalf("piece %d damaged: %v, %d slots gone", piece, err, lost.Len())
		}
		for s := range m.Slots.All() {
			if !bytes.Equal(got[int(s)*size:int(s+1)*size], row(s, size)) {
				t.Fatalf("slot %d of a piece that is whole", s)
			}
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{info.Size() - 1, int64(table), page, 10, 0} {
		if err := os.Truncate(path, n); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, size); !errors.Is(err, block.ErrCorrupt) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
}

// turn turns a bit of a file.
func turn(t *testing.T, path string, at int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], int64(at)); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b[:], int64(at)); err != nil {
		t.Fatal(err)
	}
}

// A header whose checksum fits and that asks for the impossible takes no memory.
func TestForgedHeader(t *testing.T) {
	path := mustWrite(t, content(some(5000, rand.New(rand.NewPCG(5, 6))), 512))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{16, 20, 24, 28} {
		bad := bytes.Clone(raw)
		binary.LittleEndian.PutUint32(bad[at:], 1<<32-1)
		binary.LittleEndian.PutUint32(bad[headerSize-4:], block.Checksum(bad[:headerSize-4]))
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, 512); !errors.Is(err, block.ErrCorrupt) {
			t.Errorf("field at %d: %v", at, err)
		}
	}
}

func TestStoppedImageLeavesNothing(t *testing.T) {
	c, n := content(some(20_000, rand.New(rand.NewPCG(7, 8))), 512), 0
	c.Goes = func() bool { n++; return n < 3 }
	path := filepath.Join(t.TempDir(), "0.image")
	if err := Write(path, c); !errors.Is(err, index.ErrStopped) {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
