package index

import (
	"fmt"
	"math"
)

// Datatype is how one dimension of a vector is stored and compared. A row is
// its dimensions in this form, little-endian, one after the other: the same
// bytes in the store and in memory.
type Datatype uint8

// The datatypes of the contract, and Bfloat16, which is ours: the range of a
// float32 in half its bytes, with 8 bits of precision. The numbers are on disk:
// never renumber. The zero value is Float32, not spelled out by the user.
const (
	Float32 Datatype = iota + 1
	Float16
	Uint8
	Bfloat16
)

var datatypeNames = [...]string{Float32: "float32", Float16: "float16", Uint8: "uint8", Bfloat16: "bfloat16"}

// MaxFloat16 is the largest finite float16.
const MaxFloat16 = 65504

// ParseDatatype reads the contract's name of a datatype.
func ParseDatatype(s string) (Datatype, error) {
	for d := Float32; d <= Bfloat16; d++ {
		if datatypeNames[d] == s {
			return d, nil
		}
	}
	return 0, fmt.Errorf("unknown datatype %q: use float32, float16, bfloat16 or uint8", s)
}

// String is the contract's name of the datatype, "" when it was not given.
func (d Datatype) String() string {
	if int(d) >= len(datatypeNames) {
		return fmt.Sprintf("Datatype(%d)", uint8(d))
	}
	return datatypeNames[d]
}

// MarshalText is the datatype in JSON.
func (d Datatype) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Datatype) UnmarshalText(text []byte) (err error) {
	if *d = 0; len(text) > 0 {
		*d, err = ParseDatatype(string(text))
	}
	return err
}

// Bytes is the size of one dimension.
func (d Datatype) Bytes() int {
	switch d {
	case Float16, Bfloat16:
		return 2
	case Uint8:
		return 1
	default:
		return 4
	}
}

// Largest is the largest finite value that is stored as such.
func (d Datatype) Largest() float32 {
	switch d {
	case Float16:
		return MaxFloat16
	case Bfloat16:
		return MaxBfloat16
	case Uint8:
		return math.MaxUint8
	default:
		return math.MaxFloat32
	}
}

// Holds reports whether a finite x is stored as a finite value. Uint8 holds all:
// it stops at its ends.
func (d Datatype) Holds(x float32) bool {
	switch d {
	case Float16:
		return ToFloat16(x)&0x7fff != 0x7c00
	case Bfloat16:
		return ToBfloat16(x)&0x7fff != 0x7f80
	default:
		return true
	}
}

// Encode writes the stored form of v into row, which has room for it. Float16
// and Bfloat16 round to the nearest, to the even of two; Uint8 cuts the fraction off
// and stops at 0 and 255, as the contract's engine does.
func (d Datatype) Encode(row []byte, v []float32) {
	switch d {
	case Float16:
		row = row[:2*len(v)]
		for i, x := range v {
			h := ToFloat16(x)
			row[2*i], row[2*i+1] = byte(h), byte(h>>8)
		}
	case Bfloat16:
		row = row[:2*len(v)]
		for i, x := range v {
			h := ToBfloat16(x)
			row[2*i], row[2*i+1] = byte(h), byte(h>>8)
		}
	case Uint8:
		row = row[:len(v)]
		for i, x := range v {
			row[i] = toUint8(x)
		}
	default:
		putFloats(row, v)
	}
}

// Decode fills v from a row of at least as many dimensions.
func (d Datatype) Decode(v []float32, row []byte) {
	switch d {
	case Float16:
		row = row[:2*len(v)]
		for i := range v {
			v[i] = FromFloat16(uint16(row[2*i]) | uint16(row[2*i+1])<<8)
		}
	case Bfloat16:
		row = row[:2*len(v)]
		for i := range v {
			v[i] = FromBfloat16(uint16(row[2*i]) | uint16(row[2*i+1])<<8)
		}
	case Uint8:
		row = row[:len(v)]
		for i, x := range row {
			v[i] = float32(x)
		}
	default:
		getFloats(v, row)
	}
}

// toUint8 is x without its fraction, held within the range; no number gives 0.
func toUint8(x float32) uint8 {
	if !(x > 0) {
		return 0
	}
	if x >= math.MaxUint8 {
		return math.MaxUint8
	}
	return uint8(x)
}

// Space is how the rows of one vector are held and compared.
type Space struct {
	Metric   Metric
	Datatype Datatype
}
