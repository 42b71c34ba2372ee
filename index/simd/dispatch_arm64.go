//go:build !noasm

package simd

import "unsafe"

// Every arm64 processor that Go runs on has NEON, so nothing is detected; tests
// turn it off.
var useNEON = true

func level() string {
	if useNEON {
		return "neon"
	}
	return "scalar"
}

func dot(a, b []float32) float32 {
	if useNEON {
		return dotNEON(a, b)
	}
	return dotScalar(a, b)
}

func l2(a, b []float32) float32 {
	if useNEON {
		return l2NEON(a, b)
	}
	return l2Scalar(a, b)
}

func l1(a, b []float32) float32 {
	if useNEON {
		return l1NEON(a, b)
	}
	return l1Scalar(a, b)
}

func dotRows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	if useNEON {
		dotRowsNEON(query, (*byte)(base), stride, ids, out)
		return
	}
	dotRowsScalar(query, base, stride, ids, out)
}

func l2Rows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	if useNEON {
		l2RowsNEON(query, (*byte)(base), stride, ids, out)
		return
	}
	l2RowsScalar(query, base, stride, ids, out)
}

func l1Rows(query []float32, base unsafe.Pointer, stride int, ids []uint32, out []float32) {
	if useNEON {
		l1RowsNEON(query, (*byte)(base), stride, ids, out)
		return
	}
	l1RowsScalar(query, base, stride, ids, out)
}
