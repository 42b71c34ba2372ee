package simd

import (
	"testing"
	"unsafe"

	"github.com/kithdb/kith/index"
	"golang.org/x/sys/unix"
)

// guarded returns n floats that end where memory ends: a load past them, or a
// load before them when first is set, kills the test.
func guarded(t *testing.T, n int, first bool) []float32 {
	t.Helper()
	page := unix.Getpagesize()
	size := (4*n + page - 1) / page * page
	mem, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	if size == 0 {
		return nil
	}
	if err := unix.Mprotect(mem[page:page+size], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	start := page
	if !first {
		start = page + size - 4*n
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&mem[start])), n)
}

func TestNothingOutsideIsTouched(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, first := range []bool{true, false} {
			for dim := 1; dim <= 70; dim++ {
				query, data := guarded(t, dim, first), guarded(t, 5*dim, first)
				for _, m := range metrics {
					Distance(m, query, data[:dim])
					Distance(m, query, data[4*dim:])
					for length := 1; length <= 5; length++ {
						out := guarded(t, length, first)
						Distances(m, query, unsafe.Pointer(&data[0]), 4*dim, []uint32{4, 0, 1, 2, 3}[:length], out)
					}
				}
			}
		}
	})
}

func TestNarrowTouchesNothingOutside(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, first := range []bool{true, false} {
			for words := 1; words <= 35; words++ { // mapped in words, cut to bytes below
				for cut := range 4 {
					checkGuarded(t, words, cut, first)
				}
			}
		}
	})
}

func checkGuarded(t *testing.T, words, cut int, first bool) {
	ids := []uint32{2, 0, 1, 0, 2}
	for _, d := range narrow {
		size := (4*words - cut) / d.Bytes() * d.Bytes()
		if size == 0 {
			continue
		}
		mem := guarded(t, 3*words, first)
		data := unsafe.Slice((*byte)(unsafe.Pointer(&mem[0])), 12*words)
		if !first {
			data = data[len(data)-3*size:]
		}
		for _, m := range metrics {
			for length := 1; length <= len(ids); length++ {
				q := Row(index.Space{Metric: m, Datatype: d}, data[2*size:3*size])
				q.Distances(unsafe.Pointer(&data[0]), size, ids[:length], guarded(t, length, first))
			}
		}
	}
}

// Rows that begin and end where memory does: queries and rows are read to their
// ends and no further.
func TestCodesTouchNothingOutside(t *testing.T) {
	each(t, func(t *testing.T) {
		ids := []uint32{2, 0, 1, 0, 2}
		for _, first := range []bool{true, false} {
			for dims := 20; dims <= 288; dims += 12 {
				query := guarded(t, CodeDims(dims)/4, first)
				c := Codes{Query: unsafe.Slice((*int8)(unsafe.Pointer(&query[0])), CodeDims(dims))}
				for _, k := range codeKinds {
					c.Head = k.head(dims)
					data := guarded(t, 3*k.rowBytes(dims)/4, first)
					for length := 1; length <= len(ids); length++ {
						out := guarded(t, length, first)
						k.ask(&c, unsafe.Pointer(&data[0]), k.rowBytes(dims), ids[:length], out)
					}
				}
			}
			for n := 1; n <= 256; n *= 2 {
				Hadamard(guarded(t, n, first))
			}
			for n := 1; n <= 256; n *= 2 {
				Turn(guarded(t, n, first), guarded(t, n, first))
			}
			for n := range 70 {
				v := guarded(t, n, first)
				Less(guarded(t, n, first), v, guarded(t, n, first))
				Largest(v)
				bytes := unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(guarded(t, n, first)))), 4*n)
				Narrow(bytes[:n], v, 1)
				Narrow(bytes[len(bytes)-n:], v, 1)
				fours := v[:n&^3]
				Fours(fours)
				SignTables(unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(guarded(t, len(fours), first)))), 4*len(fours)), fours, 1)
			}
			for n := range 20 {
				Multiply(guarded(t, n, first), guarded(t, n, first))
				for _, m := range metrics {
					AddColumn(m, guarded(t, n, first), guarded(t, n, first), 1)
				}
			}
		}
	})
}

func TestBitsAndScansTouchNothingOutside(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, first := range []bool{true, false} {
			for words := 1; words <= 18; words++ {
				testGuardedBits(t, words, first)
			}
			for m := 1; m <= 17; m++ {
				luts, block, out := guarded(t, 4*m, first), guarded(t, 4*m, first), guarded(t, 16, first)
				FastScan(unsafe.Slice((*uint8)(unsafe.Pointer(&luts[0])), 16*m), unsafe.Pointer(&block[0]), m, (*[32]uint16)(unsafe.Pointer(&out[0])))
			}
		}
	})
}

func testGuardedBits(t *testing.T, words int, first bool) {
	query := unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(guarded(t, 32*words, first)))), 64*words)
	planes := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(guarded(t, 8*words, first)))), 4*words)
	bytes := unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(guarded(t, 16*words, first)))), 64*words)
	cutPlanes(planes, query, 4)
	for _, f := range bitForms {
		if f.form == Shared && words%2 == 1 {
			continue
		}
		size := f.form.RowBytes(64 * words)
		data := guarded(t, 3*size/4, first)
		b := Bits{planes: planes[:0:len(planes)], bytes: bytes[:0]}
		b.SetQuery(f.form, make([]int8, 64*words), 4)
		for length := 1; length <= 5; length++ {
			b.Distances1(unsafe.Pointer(&data[0]), size, []uint32{2, 0, 1, 0, 2}[:length], guarded(t, length, first))
		}
	}
}
