package arena_test

import (
	"bytes"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kithdb/kith/index/arena"
	"pgregory.net/rapid"
)

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func grow(t fataler, a *arena.Arena, rows int) {
	t.Helper()
	if err := a.Grow(rows); err != nil {
		t.Fatalf("Grow(%d): %v", rows, err)
	}
}

func pin(t fataler, a *arena.Arena) {
	t.Helper()
	if err := a.Pin(); err != nil {
		t.Fatalf("Pin: %v", err)
	}
}

func newArena(t testing.TB, o arena.Options) *arena.Arena {
	t.Helper()
	a := arena.New(o)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return a
}

func TestEmptyArenaHasNoRows(t *testing.T) {
	a := newArena(t, arena.Options{RowBytes: 12})
	r := a.Rows()
	if r.Len() != 0 || r.Base() != nil || r.Stride() != 12 || a.Resident() != 0 || a.Pinned() {
		t.Errorf("rows %+v, resident %d, pinned %v", r, a.Resident(), a.Pinned())
	}
}

func TestBaseIsAlignedInBothStages(t *testing.T) {
	for _, rowBytes := range []int{1, 4, 12, 100, 400, 4096} {
		a := newArena(t, arena.Options{RowBytes: rowBytes})
		for _, rows := range []int{1, 2, 3, 7, 50} {
			grow(t, a, rows)
			if at := uintptr(a.Rows().Base()); at%64 != 0 {
				t.Errorf("heap, %d rows of %d bytes: base %#x", rows, rowBytes, at)
			}
		}
		pin(t, a)
		if at := uintptr(a.Rows().Base()); at%64 != 0 {
			t.Errorf("pinned, rows of %d bytes: base %#x", rowBytes, at)
		}
	}
}

func TestGrowingPastMaxHeapPins(t *testing.T) {
	a := newArena(t, arena.Options{RowBytes: 100, MaxHeap: 1000})
	grow(t, a, 10)
	if a.Pinned() {
		t.Fatal("pinned at MaxHeap")
	}
	copy(a.Rows().Bytes(9), "ninth")
	grow(t, a, 11)
	if !a.Pinned() {
		t.Fatal("not pinned above MaxHeap")
	}
	base := a.Rows().Base()
	grow(t, a, 200_000) // several commit steps
	r := a.Rows()
	if r.Base() != base || r.Len() != 200_000 {
		t.Errorf("base moved %v, %d rows", r.Base() != base, r.Len())
	}
	if !bytes.HasPrefix(r.Bytes(9), []byte("ninth")) || !bytes.Equal(r.Bytes(199_999), make([]byte, 100)) {
		t.Error("rows are not what was written")
	}
	if a.Resident() != 200_000*100 {
		t.Errorf("Resident %d", a.Resident())
	}
}

func TestOldRowsOutliveTheMove(t *testing.T) {
	a := newArena(t, arena.Options{RowBytes: 8})
	grow(t, a, 3)
	old := a.Rows()
	copy(old.Bytes(2), "old row!")
	pin(t, a)
	copy(a.Rows().Bytes(2), "new row!")
	if string(old.Bytes(2)) != "old row!" || string(a.Rows().Bytes(2)) != "new row!" {
		t.Errorf("%q, %q", old.Bytes(2), a.Rows().Bytes(2))
	}
}

func TestGrowRefusesMoreThanTheReservation(t *testing.T) {
	for _, rows := range []int{17, 1 << 40, 1 << 62} {
		a := newArena(t, arena.Options{RowBytes: 4096, Reserve: 16 * 4096, MaxHeap: 1})
		grow(t, a, 16)
		a.Rows().Bytes(15)[0] = 1
		if err := a.Grow(rows); err == nil {
			t.Errorf("%d rows fit in room for 16", rows)
		}
		if a.Rows().Len() != 16 || a.Rows().Bytes(15)[0] != 1 {
			t.Errorf("a refused Grow(%d) changed the arena", rows)
		}
	}
}

func TestReleaseZeroesWholePagesOnly(t *testing.T) {
	const rowBytes, rows = 400, 5000
	a := newArena(t, arena.Options{RowBytes: rowBytes})
	pin(t, a)
	grow(t, a, rows)
	r := a.Rows()
	for i := range uint32(rows) {
		r.Bytes(i)[0], r.Bytes(i)[rowBytes-1] = 1, 2
	}
	const from, to = 1001, 3003
	a.Release(from, to)
	a.Release(4900, 9999) // beyond the end is cut
	a.Release(5, 5)
	for i := range uint32(rows) {
		inside := (i >= from && i < to) || i >= 4900
		if row := r.Bytes(i); !inside && (row[0] != 1 || row[rowBytes-1] != 2) {
			t.Fatalf("row %d outside the release is %d…%d", i, row[0], row[rowBytes-1])
		}
	}
	for _, i := range []uint32{from + 500, to - 500} {
		if !bytes.Equal(r.Bytes(i), make([]byte, rowBytes)) {
			t.Errorf("row %d inside the release is not zero", i)
		}
		r.Bytes(i)[0] = 7
		if r.Bytes(i)[0] != 7 {
			t.Errorf("row %d cannot be written again", i)
		}
	}
}

func TestReleaseKeepsTheHeapStage(t *testing.T) {
	a := newArena(t, arena.Options{RowBytes: 8192})
	grow(t, a, 4)
	a.Rows().Bytes(2)[0] = 9
	a.Release(0, 4)
	if a.Rows().Bytes(2)[0] != 9 {
		t.Error("Release wiped a heap row")
	}
}

func TestRowBeyondTheEndPanics(t *testing.T) {
	a := newArena(t, arena.Options{RowBytes: 4})
	grow(t, a, 2)
	for _, i := range []uint32{2, 3, ^uint32(0)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("row %d of 2 was handed out", i)
				}
			}()
			a.Rows().Floats(i)
		}()
	}
}

func TestCloseTwice(t *testing.T) {
	a := arena.New(arena.Options{RowBytes: 4})
	pin(t, a)
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if a.Rows().Len() != 0 || a.Pinned() {
		t.Error("a closed arena has rows")
	}
}

// Readers check every published row while the arena grows from the heap into
// the mapping. Run it with the race detector.
func TestReadersBesideGrow(t *testing.T) {
	const rows = 4000
	a := newArena(t, arena.Options{RowBytes: 64, MaxHeap: 64 * 1000})
	var published atomic.Uint32 // rows below are written
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for n := uint32(0); n < rows; {
				n = published.Load()
				r := a.Rows()
				for i := range n {
					if got := r.Uint32s(i)[15]; got != i+1 {
						t.Errorf("row %d holds %d", i, got)
						return
					}
				}
			}
		})
	}
	for i := range uint32(rows) {
		grow(t, a, int(i)+1)
		a.Rows().Uint32s(i)[15] = i + 1
		if i%100 == 99 {
			published.Store(i + 1)
		}
	}
	readers.Wait()
}

// An arena behaves as a slice of rows does, whatever the order of operations.
func TestArenaIsLikeASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rowBytes := rapid.IntRange(1, 600).Draw(t, "rowBytes")
		a := arena.New(arena.Options{RowBytes: rowBytes, MaxHeap: rapid.IntRange(1, 1<<14).Draw(t, "maxHeap"), Reserve: 64 << 20})
		defer a.Close()
		var model [][]byte
		t.Repeat(map[string]func(*rapid.T){
			"grow": func(t *rapid.T) {
				n := rapid.IntRange(0, 2*len(model)+4).Draw(t, "rows")
				if n > 5000 {
					t.Skip("large enough")
				}
				grow(t, a, n)
				for len(model) < n {
					model = append(model, make([]byte, rowBytes))
				}
			},
			"write": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip("no row")
				}
				i := rapid.IntRange(0, len(model)-1).Draw(t, "row")
				v := make([]byte, 8)
				binary.LittleEndian.PutUint64(v, rapid.Uint64().Draw(t, "value"))
				copy(model[i], v)
				copy(a.Rows().Bytes(uint32(i)), v)
			},
			"pin": func(t *rapid.T) { pin(t, a) },
			"": func(t *rapid.T) {
				r := a.Rows()
				if r.Len() != len(model) {
					t.Fatalf("%d rows, want %d", r.Len(), len(model))
				}
				for i, want := range model {
					if !bytes.Equal(r.Bytes(uint32(i)), want) {
						t.Fatalf("row %d is %x, want %x", i, r.Bytes(uint32(i)), want)
					}
				}
			},
		})
	})
}
