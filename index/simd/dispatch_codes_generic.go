//go:build noasm || (!amd64 && !arm64)

package simd

import (
	"unsafe"

	"github.com/kithdb/kith/index"
)

// Codes have assembly on amd64 and arm64 only.

func fastScan(luts []uint8, blocks unsafe.Pointer, out []uint16) {
	fastScanScalar(luts, blocks, out)
}

func bitRows(b *Bits, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	bitRowsScalar(b, base, stride, ids, out)
}

// inBytes reports whether a query is asked in bytes rather than in planes.
func (b *Bits) inBytes() bool { return false }

func cutPlanes(words []uint64, query []int16, planes int) { cutScalar(words, query, planes) }

func code8Rows(c *Codes, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	code8RowsScalar(c, base, stride, ids, out)
}

func code4Rows(c *Codes, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	code4RowsScalar(c, base, stride, ids, out)
}

// Hadamard is the Walsh-Hadamard transform of v, in place, not normalised:
// lengths grow by √len(v), which is a power of two.
func Hadamard(v []float32) { hadamardScalar(v) }

func turn(v, by []float32) { turnInSteps(v, by) }

// multiply multiplies v by the numbers of by, which is as long.
func multiply(v, by []float32) { multiplyScalar(v, by) }

// column adds a dimension's part of a distance to points: see AddColumn.
func column(m index.Metric, out, column []float32, x float32) { columnScalar(m, out, column, x) }
