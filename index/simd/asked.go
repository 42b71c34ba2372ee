package simd

import (
	"math"

	"github.com/kithdb/kith/index/invariant"
)

// Less sets out to v less by, number by number. It panics if one of them is shorter
// than out.
func Less(out, v, by []float32) {
	less(out, v[:len(out)], by[:len(out)])
}

func lessScalar(out, v, by []float32) {
	v, by = v[:len(out)], by[:len(out)]
	for i := range out {
		out[i] = v[i] - by[i]
	}
}

// Largest is the largest magnitude in v, 0 of an empty one.
func Largest(v []float32) float32 {
	return math.Float32frombits(largest(v))
}

// largestScalar compares magnitudes as integers: without their signs the bits of
// floats are in the order of the floats.
func largestScalar(v []float32) (most uint32) {
	for _, f := range v {
		most = max(most, math.Float32bits(f)&^(1<<31))
	}
	return most
}

// Narrow sets out to v·by, rounded to the nearest integer, to the even one of two,
// and answers the sum of them. The products are within ±127. It panics if out is
// shorter.
func Narrow(out []int8, v []float32, by float32) (sum int32) {
	return toBytes(out[:len(v)], v, by)
}

// narrowScalar rounds by adding a number so large that only whole ones have a place
// beside it. The sign of a rotated dimension is anyone's guess, so that rounding
// away from zero would branch wrongly every other time.
func narrowScalar(out []int8, v []float32, by float32) (sum int32) {
	const whole = 3 << 22
	out = out[:len(v)]
	for d, f := range v {
		r := int32(math.Float32bits(float32(f*by)+whole)) - int32(0x4b400000)
		out[d] = int8(r)
		sum += r
	}
	return sum
}

// SignTables sets FastScan's tables for codes of the signs of four dimensions each:
// entry i is what the dimensions with a bit in i have above zero and the others
// below, in steps of 1/by, rounded. y has four for each table. No entry is above
// 255. It panics if y is too short.
func SignTables(tables []uint8, y []float32, by float32) {
	invariant.Check(len(tables)%FastScanTable == 0, "a part of a table")
	signTables(tables, y[:len(tables)/FastScanTable*4], by)
}

func signTablesScalar(tables []uint8, y []float32, by float32) {
	for t := range len(tables) / FastScanTable {
		table := (*[FastScanTable]uint8)(tables[t*FastScanTable:])
		var f, off [4]float32
		for j := range f {
			f[j] = y[4*t+j] * by
			off[j] = max(-f[j], 0)
		}
		least := (off[0] + off[1]) + (off[2] + off[3]) + 0.5
		for i := range FastScanTable / 2 {
			low := least
			for j := range 3 {
				if i>>j&1 != 0 {
					low += f[j]
				}
			}
			table[i], table[i+8] = uint8(min(low, 255)), uint8(min(low+f[3], 255))
		}
	}
}

// Fours is about the sums of the magnitudes of four numbers each, the first four of
// v, the next and so on: the largest of these, and the sum of them. The length of v
// is a multiple of 4.
func Fours(v []float32) (most, sum float32) {
	invariant.Check(len(v)%4 == 0, "a part of four")
	return fours(v)
}

func foursScalar(v []float32) (most, sum float32) {
	size := func(f float32) float32 { return math.Float32frombits(math.Float32bits(f) &^ (1 << 31)) }
	for ; len(v) >= 4; v = v[4:] {
		four := (size(v[0]) + size(v[1])) + (size(v[2]) + size(v[3]))
		most, sum = max(most, four), sum+four
	}
	return most, sum
}
