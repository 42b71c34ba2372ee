package arena

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Rows is a view of an arena at one moment: a base, a stride and a length.
//
// Concurrency: a value that never changes; the rows themselves are shared with
// the writer. Lifetime: that of the arena, see Arena.
type Rows struct {
	base   unsafe.Pointer
	stride int
	n      int
	hold   *hold // of mapped rows; nil in the heap stage
}

// hold keeps a mapping that its arena has left until nobody holds Rows of it.
type hold struct{ m *mapping }

// Keep stays until here: a move of the arena meanwhile leaves these rows where
// they are. Only who reads by Base beside a move needs it, and only if nothing
// else (a view) holds the Rows.
func (r Rows) Keep() { runtime.KeepAlive(r.hold) }

// Base points to row 0; nil when there never was a row.
func (r Rows) Base() unsafe.Pointer { return r.base }

// Stride is the bytes from one row to the next.
func (r Rows) Stride() int { return r.stride }

// Len is the number of rows.
func (r Rows) Len() int { return r.n }

// Bytes is row i itself, not a copy; i must be below Len.
func (r Rows) Bytes(i uint32) []byte {
	return unsafe.Slice((*byte)(r.at(i)), r.stride)
}

// Floats is row i itself as float32s; i must be below Len. Bytes left over
// behind the last whole float32 are not in it.
func (r Rows) Floats(i uint32) []float32 {
	return unsafe.Slice((*float32)(r.at(i)), r.stride/4)
}

// All is all of the rows, one after the other, not a copy.
func (r Rows) All() []byte { return unsafe.Slice((*byte)(r.base), r.n*r.stride) }

// Uint32s is row i itself as 32-bit words of this machine's byte order; i must
// be below Len.
func (r Rows) Uint32s(i uint32) []uint32 {
	return unsafe.Slice((*uint32)(r.at(i)), r.stride/4)
}

// at is checked in every build: beyond the rows lies unmapped memory or another
// collection's.
func (r Rows) at(i uint32) unsafe.Pointer {
	if uint64(i) >= uint64(r.n) {
		outOfRange(i, r.n)
	}
	return unsafe.Add(r.base, int(i)*r.stride)
}

//go:noinline
func outOfRange(i uint32, n int) { panic(fmt.Sprintf("bug: row %d of %d", i, n)) }

func copyRows(dst, src Rows) {
	if src.n > 0 {
		copyRange(dst.base, src, 0, src.n)
	}
}

// copyRange copies rows [from, to) to their places after base.
func copyRange(base unsafe.Pointer, src Rows, from, to int) {
	at, size := from*src.stride, (to-from)*src.stride
	copy(unsafe.Slice((*byte)(unsafe.Add(base, at)), size), unsafe.Slice((*byte)(unsafe.Add(src.base, at)), size))
}
