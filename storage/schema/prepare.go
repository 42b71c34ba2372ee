package schema

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/point"
)

// Prepare checks that every point fits the collection and brings its vectors
// into their stored form: Cosine vectors are normalised in place (a zero vector
// stays zero; uint8 ones keep their length, and it is divided by at search).
// The datatype's rounding happens when a vector is stored. The first fault is returned as a *FieldError, and then some
// vectors may already be normalised.
func (c *Collection) Prepare(points []point.Point) error {
	for i := range points {
		if err := c.prepareVectors(points[i].Vectors); err != nil {
			err.Field = "points[" + strconv.Itoa(i) + "]." + err.Field
			return err
		}
	}
	return nil
}

// Named checks that the collection has vectors of these names. The first fault
// is returned as a *FieldError.
func (c *Collection) Named(names []string) error {
	for i, name := range names {
		if _, ok := c.Vector(name); !ok {
			return &FieldError{"vector[" + strconv.Itoa(i) + "]", fmt.Sprintf("Not existing vector name error: %q; %s", name, c.vectorNames())}
		}
	}
	return nil
}

func (c *Collection) prepareVectors(vectors []point.Vector) *FieldError {
	for i := range vectors {
		if err := c.PrepareVector(vectors[i].Name, vectors[i].Values); err != nil {
			return err
		}
	}
	return nil
}

// PrepareVector checks one vector and brings it into its stored form, in place.
// Queries go the same way as stored vectors.
func (c *Collection) PrepareVector(name string, values []float32) *FieldError {
	field := "vector"
	if name != "" {
		field = "vector." + name
	}
	v, ok := c.Vector(name)
	if !ok {
		return &FieldError{field, fmt.Sprintf("Not existing vector name error: %q; %s", name, c.vectorNames())}
	}
	if len(values) != v.Size {
		return &FieldError{field, fmt.Sprintf("Vector dimension error: expected dim: %d, got %d", v.Size, len(values))}
	}
	var sum float64
	for i, x := range values {
		if x != x || x > math.MaxFloat32 || x < -math.MaxFloat32 {
			return &FieldError{field + "[" + strconv.Itoa(i) + "]", fmt.Sprintf("%v is not a finite float32", x)}
		}
		sum += float64(x) * float64(x)
	}
	switch {
	case v.Metric == index.Cosine && v.Datatype != index.Uint8:
		normalise(values, sum)
	default:
		return fits(field, values, v.Datatype)
	}
	return nil
}

// fits refuses what would be stored as infinite: no distance to it is a number,
// so nobody would find the point again.
func fits(field string, values []float32, d index.Datatype) *FieldError {
	for i, x := range values {
		if !d.Holds(x) {
			return &FieldError{field + "[" + strconv.Itoa(i) + "]", fmt.Sprintf("%v is too large for %s: at most %v", x, d, d.Largest())}
		}
	}
	return nil
}

// normalise scales to unit length. A vector that is already within rounding of
// it is left alone, so that storing what was read back changes nothing.
func normalise(values []float32, sum float64) {
	if sum == 0 || math.Abs(sum-1) < 1e-6 {
		return
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range values {
		values[i] = float32(float64(x) * scale)
	}
}

func (c *Collection) vectorNames() string {
	if len(c.Vectors) == 0 {
		return "the collection has no vectors"
	}
	names := make([]string, len(c.Vectors))
	for i := range c.Vectors {
		names[i] = strconv.Quote(c.Vectors[i].Name)
	}
	return "the collection has " + strings.Join(names, ", ")
}
