//go:build !noasm

package simd

func (l Levels) fit(x []float32) (along, norm float32) {
	whole := 0
	if useNEON && len(x) >= 4 {
		whole = len(x) &^ 3
		along, norm = levelFitNEON(x[:whole], l.Inverse, l.half(), l.middle(), l.Most)
	}
	alongRest, normRest := l.fitScalar(x[whole:])
	return along + alongRest, norm + normRest
}

func (l Levels) put8(codes []byte, x []float32) (along float32) {
	whole := 0
	if useNEON && len(x) >= 16 {
		whole = len(x) &^ 15
		along = levelPut8NEON(codes[:whole], x[:whole], l.Inverse, l.half(), l.middle(), l.Most)
	}
	return along + l.put8Scalar(codes[whole:], x[whole:])
}

func (l Levels) put4(codes []byte, x []float32) (along float32) {
	whole := 0
	if useNEON && len(x) >= codeBlock {
		whole = len(x) &^ (codeBlock - 1)
		along = levelPut4NEON(codes[:whole/2], x[:whole], l.Inverse, l.half(), l.middle(), l.Most)
	}
	return along + l.put4Scalar(codes[whole/2:], x[whole:])
}

// levelFitNEON is Levels.Fit of x, whose length is a multiple of 4 and not 0.
//
//go:noescape
func levelFitNEON(x []float32, inverse, half, middle, levels float32) (along, norm float32)

// levelPut8NEON is Levels.Put8 of x, whose length is a multiple of 16 and not 0.
//
//go:noescape
func levelPut8NEON(codes []byte, x []float32, inverse, half, middle, levels float32) (along float32)

// levelPut4NEON is Levels.Put4 of x, whose length is a multiple of 32 and not 0.
//
//go:noescape
func levelPut4NEON(codes []byte, x []float32, inverse, half, middle, levels float32) (along float32)

func (l Levels) costs(keys *[32]uint32, x []float32) { l.costsScalar(keys, x) }
