//go:build !noasm

package simd

func (l Levels) fit(x []float32) (along, norm float32) {
	whole := 0
	switch {
	case useAVX512 && len(x) >= 16:
		whole = len(x) &^ 15
		along, norm = levelFitAVX512(x[:whole], l.Inverse, l.half(), l.middle(), l.Most)
	case useAVX2 && len(x) >= 8:
		whole = len(x) &^ 7
		along, norm = levelFitAVX2(x[:whole], l.Inverse, l.half(), l.middle(), l.Most)
	}
	alongRest, normRest := l.fitScalar(x[whole:])
	return along + alongRest, norm + normRest
}

func (l Levels) put8(codes []byte, x []float32) (along float32) {
	whole := len(x) &^ 15
	switch {
	case whole == 0:
	case useAVX512:
		along = levelPut8AVX512(codes[:whole], x[:whole], l.Inverse, l.half(), l.middle(), l.Most)
	case useAVX2:
		along = levelPut8AVX2(codes[:whole], x[:whole], l.Inverse, l.half(), l.middle(), l.Most)
	default:
		whole = 0
	}
	return along + l.put8Scalar(codes[whole:], x[whole:])
}

func (l Levels) put4(codes []byte, x []float32) (along float32) {
	whole := len(x) &^ (codeBlock - 1)
	switch {
	case whole == 0:
	case useAVX512:
		along = levelPut4AVX512(codes[:whole/2], x[:whole], l.Inverse, l.half(), l.middle(), l.Most)
	case useAVX2:
		along = levelPut4AVX2(codes[:whole/2], x[:whole], l.Inverse, l.half(), l.middle(), l.Most)
	default:
		whole = 0
	}
	return along + l.put4Scalar(codes[whole/2:], x[whole:])
}

func (l Levels) costs(keys *[32]uint32, x []float32) {
	if useAVX2 && len(x) >= 2*parityBytes {
		parityCostsAVX2(keys, (*[2 * parityBytes]float32)(x), l.Inverse, l.half(), l.Most)
		return
	}
	l.costsScalar(keys, x)
}
