//go:build !noasm

package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index"
)

func code8Rows(c *Codes, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	if !useNEON {
		code8RowsScalar(c, base, stride, ids, out)
		return
	}
	code8SumsNEON(c.Query, (*byte)(base), stride, ids, whole(out))
	c.distances(base, stride, ids, out)
}

func code4Rows(c *Codes, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	if !useNEON {
		code4RowsScalar(c, base, stride, ids, out)
		return
	}
	code4SumsNEON(c.Query, (*byte)(base), stride, ids, whole(out))
	c.distances(base, stride, ids, out)
}

// whole is the memory of floats for sums.
func whole(out []float32) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(out))), len(out))
}

// distances makes distances of the sums in their place.
func (c *Codes) distances(base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	for i, sum := range whole(out) {
		out[i] = c.distance(c.headOf(unsafe.Add(base, int(ids[i])*stride)), sum)
	}
}

// bitRows: the compiler counts bits with NEON.
func bitRows(b *Bits, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	bitRowsScalar(b, base, stride, ids, out)
}

// inBytes reports whether a query is asked in bytes rather than in planes.
func (b *Bits) inBytes() bool { return false }

func cutPlanes(words []uint64, query []int16, planes int) { cutScalar(words, query, planes) }

func fastScan(luts []uint8, blocks unsafe.Pointer, out []uint16) {
	if useNEON {
		fastScanNEON(luts, (*byte)(blocks), out)
		return
	}
	fastScanScalar(luts, blocks, out)
}

// Hadamard is the Walsh-Hadamard transform of v, in place, not normalised:
// lengths grow by √len(v), which is a power of two.
func Hadamard(v []float32) {
	if !useNEON || len(v) < 8 {
		hadamardScalar(v)
		return
	}
	for at := 0; at < len(v); at += 4 {
		hadamardScalar(v[at : at+4])
	}
	for h := 4; h < len(v); h *= 2 {
		for i := 0; i < len(v); i += 2 * h {
			butterfliesNEON(v[i:i+h], v[i+h:i+2*h])
		}
	}
}

func turn(v, by []float32) { turnInSteps(v, by) }

// multiply multiplies v by the numbers of by, which is as long.
func multiply(v, by []float32) { multiplyScalar(v, by) }

// column adds a dimension's part of a distance to points: see AddColumn.
func column(m index.Metric, out, column []float32, x float32) { columnScalar(m, out, column, x) }
