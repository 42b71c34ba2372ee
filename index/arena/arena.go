// Package arena is memory for fixed-size rows outside Go's heap, where the
// garbage collector sees no pointers and rows never move.
//
// Who calls: storage/shard for vectors and ids, index/hnsw for links. It calls
// the operating system and index/invariant only. It never frees a row by itself
// and never holds Go pointers. docs/memory.md tells the lifetimes in full.
//
// Invariants:
//
//	I1. Rows that were never written, or were released, read as zero.
//	I2. A Rows handed out stays readable for its Len rows until Close.
//	I3. Once pinned, the base never changes and is 64-byte aligned.
package arena

import (
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"
)

const (
	// DefaultReserve is the address space kept for one arena: enough for ten
	// million vectors of 1,536 dimensions, and little of the 128 TiB there is.
	DefaultReserve = 64 << 30
	// DefaultMaxHeap is the size up to which rows live on the Go heap, so that a
	// tiny collection costs kilobytes and no mapping.
	DefaultMaxHeap = 1 << 20
	// baseAlign is a cache line: the first row never straddles two needlessly.
	baseAlign = 64
)

// Options shapes an arena.
type Options struct {
	RowBytes int   // bytes per row, at least 1; also the stride, without padding
	Reserve  int64 // bytes of address space once mapped; 0: DefaultReserve
	MaxHeap  int   // bytes kept on the heap before mapping; 0: DefaultMaxHeap
	// File, when set, has the rows mapped from a file, so that the system may
	// evict them: a pattern of os.CreateTemp, folder included. The file is the
	// arena's own: nothing is read from it but by Adopt, and Close removes it, Leave
	// does not.
	File string
}

func (o Options) withDefaults() Options {
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	if o.MaxHeap == 0 {
		o.MaxHeap = DefaultMaxHeap
	}
	return o
}

// Arena is a growable array of rows, all zero at first.
//
// Concurrency: one writer at a time calls Grow, Pin, Release and Close, and
// writes rows; Rows, Pinned and Resident are for any goroutine beside it. Who
// reads a row needs a happens-before edge from its writing, as with any memory.
// Lifetime: rows of a mapped arena are gone after Close; whoever holds Rows must
// be done by then. Rows of the heap stage stay valid as long as they are held,
// but are left behind when the arena moves: later writes are not seen in them.
type Arena struct {
	o        Options
	rows     atomic.Pointer[Rows]
	heapRows int      // rows the heap block has room for; writer only
	mapped   *mapping // nil in the heap stage; writer only
	onDisk   atomic.Bool
}

// New makes an empty arena. It takes no memory yet. It panics on a row size
// below 1, which is a bug of the caller.
func New(o Options) *Arena {
	if o.RowBytes <= 0 {
		panic(fmt.Sprintf("bug: arena rows of %d bytes", o.RowBytes))
	}
	a := &Arena{o: o.withDefaults()}
	a.onDisk.Store(o.File != "")
	a.rows.Store(&Rows{stride: o.RowBytes})
	return a
}

// Rows is the arena as it is now.
func (a *Arena) Rows() Rows { return *a.rows.Load() }

// Pinned reports whether the rows can no longer move.
func (a *Arena) Pinned() bool { return a.rows.Load().hold != nil }

// OnDisk reports whether the rows are mapped from a file, or will be.
func (a *Arena) OnDisk() bool { return a.onDisk.Load() }

// Resident is the bytes of all rows, released ones included.
func (a *Arena) Resident() int64 {
	r := a.Rows()
	return int64(r.n) * int64(r.stride)
}

// Grow makes rows [0, rows) usable; fewer than there are is no change. It pins
// the arena when they pass MaxHeap. On error nothing has changed: the
// reservation is used up, or the system refuses memory.
func (a *Arena) Grow(rows int) error {
	now := a.Rows()
	if rows <= now.n {
		return nil
	}
	if rows > math.MaxInt/2/a.o.RowBytes {
		return fmt.Errorf("grow to %d rows of %d bytes: more than can be addressed; cut the collection into more shards", rows, a.o.RowBytes)
	}
	if a.mapped == nil && rows*a.o.RowBytes > a.o.MaxHeap {
		if err := a.Pin(); err != nil {
			return err
		}
		now = a.Rows()
	}
	switch {
	case a.mapped != nil:
		if err := a.mapped.commit(a.bytes(rows)); err != nil {
			return fmt.Errorf("grow to %d rows of %d bytes: %w", rows, a.o.RowBytes, err)
		}
	case rows > a.heapRows:
		now = a.moveOnHeap(now, rows)
	}
	now.n = rows
	a.rows.Store(&now)
	return nil
}

// Pin moves the rows into mapped memory, where they never move again. A pinned
// arena stays as it is. On error nothing has changed.
func (a *Arena) Pin() error {
	if a.mapped != nil {
		return nil
	}
	m, err := a.reserve(a.o.File)
	if err != nil {
		return err
	}
	old := a.Rows()
	if err := m.commit(a.bytes(old.n)); err != nil {
		_ = m.close() // the first error says why
		return fmt.Errorf("pin %d rows of %d bytes: %w", old.n, a.o.RowBytes, err)
	}
	fresh := Rows{base: m.base(), stride: a.o.RowBytes, n: old.n, hold: &hold{m}}
	copyRows(fresh, old)
	a.mapped, a.heapRows = m, 0
	a.rows.Store(&fresh)
	return nil
}

// Release gives the memory of rows [from, to) back as far as it fills whole
// pages; what lies on those pages reads as zero. The rest of the rows, and all
// of them in the heap stage, keep what they hold. Nobody may be using the rows.
func (a *Arena) Release(from, to int) {
	to = min(to, a.Rows().n)
	if a.mapped == nil || from < 0 || from >= to {
		return
	}
	a.mapped.release(a.bytes(from), a.bytes(to))
}

// Truncate gives up the rows from a number on: their memory goes back, and they
// read as zero when Grow brings them again. Nobody may be using them.
func (a *Arena) Truncate(rows int) {
	now := a.Rows()
	if rows < 0 || rows >= now.n {
		return
	}
	// The rows on the first page, and those on the heap, are cleared by hand.
	end := now.n
	if a.mapped != nil {
		end = min(end, rows+int(a.mapped.page)/a.o.RowBytes+1)
	}
	for i := rows; i < end; i++ {
		clear(now.Bytes(uint32(i)))
	}
	a.Release(rows, now.n)
	now.n = rows
	a.rows.Store(&now)
}

// Close frees the memory and empties the arena; no reader may be left. A second
// Close does nothing.
func (a *Arena) Close() error {
	a.rows.Store(&Rows{stride: a.o.RowBytes})
	a.heapRows = 0
	if a.mapped == nil {
		return nil
	}
	m := a.mapped
	a.mapped = nil
	return m.close()
}

// reserve makes an empty mapping, of a file when one is named.
func (a *Arena) reserve(file string) (m *mapping, err error) {
	if file == "" {
		m, err = reserve(a.o.Reserve)
	} else {
		m, err = reserveFile(a.o.Reserve, file)
	}
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of address space: %w", a.o.Reserve, err)
	}
	return m, nil
}

func (a *Arena) bytes(rows int) int64 { return int64(rows) * int64(a.o.RowBytes) }

// moveOnHeap copies the rows to a block with room for at least rows of them.
// Doubling keeps the copying linear; MaxHeap bounds it.
func (a *Arena) moveOnHeap(old Rows, rows int) Rows {
	a.heapRows = max(rows, min(2*a.heapRows, a.o.MaxHeap/a.o.RowBytes))
	block := make([]byte, a.heapRows*a.o.RowBytes+baseAlign)
	start := uintptr(unsafe.Pointer(unsafe.SliceData(block)))
	base := unsafe.Pointer(&block[-start%baseAlign])
	fresh := Rows{base: base, stride: a.o.RowBytes, n: old.n}
	copyRows(fresh, old)
	return fresh
}
