//go:build !noasm

package simd

func less(out, v, by []float32) {
	whole := 0
	if useAVX2 && len(out) >= 8 {
		whole = len(out) &^ 7
		lessAVX2(out[:whole], v, by)
	}
	lessScalar(out[whole:], v[whole:], by[whole:])
}

func largest(v []float32) (most uint32) {
	whole := 0
	if useAVX2 && len(v) >= 8 {
		whole = len(v) &^ 7
		most = largestAVX2(v[:whole])
	}
	return max(most, largestScalar(v[whole:]))
}

func toBytes(out []int8, v []float32, by float32) (sum int32) {
	whole := 0
	if useAVX2 && len(v) >= 32 {
		whole = len(v) &^ 31
		sum = narrowAVX2(out[:whole], v, by)
	}
	return sum + narrowScalar(out[whole:], v[whole:], by)
}

func signTables(tables []uint8, y []float32, by float32) {
	const two = 2 * FastScanTable
	whole := 0
	if useAVX2 && len(tables) >= two {
		whole = len(tables) / two * two
		signTablesAVX2(tables[:whole], y, by)
	}
	signTablesScalar(tables[whole:], y[whole/4:], by)
}
