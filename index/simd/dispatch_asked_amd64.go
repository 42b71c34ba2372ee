//go:build !noasm

package simd

func less(out, v, by []float32) {
	whole := 0
	switch {
	case useAVX512 && len(out) > 0:
		lessAVX512(out, v, by)
		return
	case useAVX2 && len(out) >= 8:
		whole = len(out) &^ 7
		lessAVX2(out[:whole], v, by)
	}
	lessScalar(out[whole:], v[whole:], by[whole:])
}

func largest(v []float32) (most uint32) {
	whole := 0
	switch {
	case useAVX512 && len(v) > 0:
		return largestAVX512(v)
	case useAVX2 && len(v) >= 8:
		whole = len(v) &^ 7
		most = largestAVX2(v[:whole])
	}
	return max(most, largestScalar(v[whole:]))
}

func toBytes(out []int8, v []float32, by float32) (sum int32) {
	whole := 0
	switch {
	case useAVX512 && len(v) > 0:
		return narrowAVX512(out, v, by)
	case useAVX2 && len(v) >= 32:
		whole = len(v) &^ 31
		sum = narrowAVX2(out[:whole], v, by)
	}
	return sum + narrowScalar(out[whole:], v[whole:], by)
}

func signTables(tables []uint8, y []float32, by float32) {
	const two, four = 2 * FastScanTable, 4 * FastScanTable
	if useAVX512 && len(tables) >= four {
		whole := len(tables) / four * four
		signTablesAVX512(tables[:whole], y, by)
		tables, y = tables[whole:], y[whole/4:]
	}
	whole := 0
	if useAVX2 && len(tables) >= two {
		whole = len(tables) / two * two
		signTablesAVX2(tables[:whole], y, by)
	}
	signTablesScalar(tables[whole:], y[whole/4:], by)
}

func fours(v []float32) (most, sum float32) {
	whole := 0
	switch {
	case useAVX512 && len(v) >= 16:
		whole = len(v) &^ 15
		most, sum = foursAVX512(v[:whole])
	case useAVX2 && len(v) >= 8:
		whole = len(v) &^ 7
		most, sum = foursAVX2(v[:whole])
	}
	mostOfRest, sumOfRest := foursScalar(v[whole:])
	return max(most, mostOfRest), sum + sumOfRest
}
