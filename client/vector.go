package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
)

// Vectors are a point's vectors by name; the unnamed vector's name is "".
type Vectors map[string][]float32

// Unnamed are the vectors of a point that has only the unnamed one.
func Unnamed(v []float32) Vectors { return Vectors{"": v} }

// MarshalJSON writes an array for the unnamed vector alone, an object otherwise.
func (v Vectors) MarshalJSON() ([]byte, error) { return v.append(nil) }

func (v Vectors) append(dst []byte) ([]byte, error) {
	if one, ok := v[""]; ok && len(v) == 1 {
		return appendFloats(dst, one)
	}
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	sort.Strings(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		dst = append(append(dst, key...), ':')
		if dst, err = appendFloats(dst, v[name]); err != nil {
			return nil, fmt.Errorf("vector %q: %w", name, err)
		}
	}
	return append(dst, '}'), nil
}

// UnmarshalJSON reads an array as the unnamed vector, or an object.
func (v *Vectors) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if bytes.Equal(b, []byte("null")) {
		*v = nil
		return nil
	}
	if len(b) > 0 && b[0] == '[' {
		var one []float32
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*v = Unnamed(one)
		return nil
	}
	var named map[string][]float32
	if err := json.Unmarshal(b, &named); err != nil {
		return err
	}
	*v = named
	return nil
}

// appendFloats writes the shortest decimal of each float32. JSON has no NaN and
// no infinity, so they are refused here.
func appendFloats(dst []byte, v []float32) ([]byte, error) {
	dst = append(dst, '[')
	for i, x := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("component %d is %v: vectors hold finite numbers only", i, x)
		}
		dst = strconv.AppendFloat(dst, float64(x), 'g', -1, 32)
	}
	return append(dst, ']'), nil
}
