package simd

import "github.com/kithdb/kith/index/invariant"

// Levels rounds numbers to whole levels, 0 to Most: number f has the level
//
//	⌊f·Inverse + Most/2 + ½⌋
//
// or, beyond these, the nearest that there is. So 1/Inverse is the distance between
// two levels, and the middle one is 0. Products of numbers with levels are counted
// in such distances from the middle. All numbers are finite.
type Levels struct {
	Inverse float32
	Most    float32 // 15 or 127
}

// Fit is the products of x with its levels, and of the levels with themselves.
func (l Levels) Fit(x []float32) (along, norm float32) {
	return l.fit(x)
}

// Put8 writes the levels of x as rows of Codes have them with 8 bits, and answers
// the product of x with them. It panics if codes has fewer bytes than x numbers.
func (l Levels) Put8(codes []byte, x []float32) (along float32) {
	return l.put8(codes[:len(x)], x)
}

// Put4 is Put8 with 4 bits: each byte holds two levels. Of the last bytes that are
// begun, what has no number stays as it is: let it be zeros. It panics if codes is
// too short.
func (l Levels) Put4(codes []byte, x []float32) (along float32) {
	const half = codeBlock / 2
	invariant.Check(l.Most <= 15, "levels of more than 4 bits")
	return l.put4(codes[:len(x)/codeBlock*half+min(len(x)%codeBlock, half)], x)
}

func (l Levels) middle() float32 { return l.Most / 2 }

// half is what is added before a level is cut to a whole one.
func (l Levels) half() float32 { return l.middle() + 0.5 }

// level is cut to a whole one behind the limits, where it fits an integer.
func (l Levels) level(f float32) int32 {
	return int32(min(max(float32(f*l.Inverse)+l.half(), 0), l.Most))
}

func (l Levels) fitScalar(x []float32) (along, norm float32) {
	middle := l.middle()
	for _, f := range x {
		c := float32(l.level(f)) - middle
		along, norm = along+f*c, norm+c*c
	}
	return along, norm
}

func (l Levels) put8Scalar(codes []byte, x []float32) (along float32) {
	middle := l.middle()
	for d, f := range x {
		c := l.level(f)
		codes[d] = byte(c)
		along += f * (float32(c) - middle)
	}
	return along
}

func (l Levels) put4Scalar(codes []byte, x []float32) (along float32) {
	middle := l.middle()
	for d, f := range x {
		c := l.level(f)
		along += f * (float32(c) - middle)
		at := &codes[d/codeBlock*16+d%16]
		if d%codeBlock < 16 {
			*at = *at&^15 | byte(c)
		} else {
			*at = *at&15 | byte(c)<<4
		}
	}
	return along
}
