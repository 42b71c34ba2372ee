//go:build !noasm

package simd

import (
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/kithdb/kith/index"
)

// useVNNI is AVX-512 with the dot product of bytes.
var useVNNI = useAVX512 && cpu.X86.HasAVX512VNNI

func code8Rows(c *Codes, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useVNNI:
		code8RowsVNNI(c.Query, c.Add, c.Mul, c.Bias, c.Head, (*byte)(base), stride, ids, out)
	case useAVX2:
		code8RowsAVX2(c.Query, c.Add, c.Mul, c.Bias, c.Head, (*byte)(base), stride, ids, out)
	default:
		code8RowsScalar(c, base, stride, ids, out)
	}
}

func code4Rows(c *Codes, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	switch {
	case useVNNI:
		code4RowsVNNI(c.Query, c.Add, c.Mul, c.Bias, c.Head, (*byte)(base), stride, ids, out)
	case useAVX2:
		code4RowsAVX2(c.Query, c.Add, c.Mul, c.Bias, c.Head, (*byte)(base), stride, ids, out)
	default:
		code4RowsScalar(c, base, stride, ids, out)
	}
}

// usePopcount512 is AVX-512 with population counts.
var usePopcount512 = useAVX512 && cpu.X86.HasAVX512VPOPCNTDQ

// fewWords is a row of 1-bit codes that is counted word by word even where there
// is AVX-512: adding up across a register took longer (100 and 128 dimensions, a
// Xeon: 1.27 of C's loop with POPCNT).
const fewWords = 4

// fewPlanes is the planes of a query that AVX-512's population counts take no longer
// for than the dot product of bytes takes for all bits.
const fewPlanes = 4

// inBytes reports whether a query is asked in bytes rather than in planes.
func (b *Bits) inBytes() bool {
	counted := usePopcount512 && b.form == Alone && b.words > fewWords && b.count <= fewPlanes
	return useVNNI && b.words > 0 && !counted
}

func cutPlanes(words []uint64, query []int16, planes int) {
	if !useAVX2 || len(query) == 0 {
		cutScalar(words, query, planes)
		return
	}
	planesAVX2(words, query, planes)
}

func bitRows(b *Bits, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	rows := (*byte)(base)
	counts := useAVX2 && cpu.X86.HasPOPCNT && cpu.X86.HasBMI1
	switch {
	case len(b.bytes) > 0:
		byteRows(b, rows, stride, ids, out)
	case counts && b.form == Shared:
		sharedRowsAVX2(b.planes, b.count, 8*b.words/2, b.Add, b.Mul, b.Bias, rows, stride, ids, out)
	case b.form != Shared && usePopcount512 && len(b.planes) > fewWords*b.count:
		bitRowsAVX512(b.planes, b.count, b.Add, b.Mul, b.Bias, rows, stride, ids, out)
	case counts:
		bitRowsAVX2(b.planes, b.count, b.Add, b.Mul, b.Bias, rows, stride, ids, out)
	default:
		bitRowsScalar(b, base, stride, ids, out)
	}
}

func byteRows(b *Bits, base *byte, stride int, ids []uint32, out []float32) {
	switch b.form {
	case Shared:
		bitsSharedRowsVNNI(b.bytes, b.Add, b.Mul, b.Bias, base, stride, ids, out)
	case Paired:
		bitsPairedRowsVNNI(b.bytes, b.Add, b.Mul, b.Bias, base, stride, ids, out)
	default:
		bitsAloneRowsVNNI(b.bytes, b.Add, b.Mul, b.Bias, base, stride, ids, out)
	}
}

func fastScan(luts []uint8, blocks unsafe.Pointer, out []uint16) {
	switch {
	case useAVX512:
		fastScanAVX512(luts, (*byte)(blocks), out)
	case useAVX2:
		fastScanAVX2(luts, (*byte)(blocks), out)
	default:
		fastScanScalar(luts, blocks, out)
	}
}

// Hadamard is the Walsh-Hadamard transform of v, in place, not normalised:
// lengths grow by √len(v), which is a power of two.
func Hadamard(v []float32) {
	switch {
	case useAVX512 && len(v) >= 64:
		hadamardAVX512(v)
	case useAVX2 && len(v) >= 16:
		hadamardAVX2(v)
	default:
		hadamardScalar(v)
	}
}

func turn(v, by []float32) {
	if useAVX512 && len(v) >= 64 {
		turnAVX512(v, by)
		return
	}
	turnInSteps(v, by)
}

// multiply multiplies v by the numbers of by, which is as long.
func multiply(v, by []float32) {
	whole := 0
	if useAVX2 && len(v) >= 8 {
		whole = len(v) &^ 7
		multiplyAVX2(v[:whole], by)
	}
	multiplyScalar(v[whole:], by[whole:])
}

// column adds a dimension's part of a distance to points: see AddColumn.
func column(m index.Metric, out, column []float32, x float32) {
	whole := 0
	switch {
	case useAVX512 && len(out) >= 16:
		whole = len(out) &^ 15
		column512(m, out[:whole], column, x)
	case useAVX2 && len(out) >= 8:
		whole = len(out) &^ 7
		column256(m, out[:whole], column, x)
	}
	columnScalar(m, out[whole:], column[whole:], x)
}

func column512(m index.Metric, out, column []float32, x float32) {
	switch m {
	case index.Euclid:
		columnL2AVX512(out, column, x)
	case index.Manhattan:
		columnL1AVX512(out, column, x)
	default:
		columnDotAVX512(out, column, x)
	}
}

func column256(m index.Metric, out, column []float32, x float32) {
	switch m {
	case index.Euclid:
		columnL2AVX2(out, column, x)
	case index.Manhattan:
		columnL1AVX2(out, column, x)
	default:
		columnDotAVX2(out, column, x)
	}
}
