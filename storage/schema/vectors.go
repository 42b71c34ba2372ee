package schema

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// AddVector adds a vector to the collection. The same one again is fine; one of
// the same name and another kind is refused with a *FieldError.
func (c *Collection) AddVector(v Vector) error {
	field := "vector_name"
	if old, ok := c.Vector(v.Name); ok {
		if old.Size == v.Size && old.Metric == v.Metric && old.Datatype.Bytes() == v.Datatype.Bytes() {
			return nil
		}
		return &FieldError{field, fmt.Sprintf("vector %q already exists with different parameters; delete it before creating it anew", v.Name)}
	}
	last := c.lastNumber()
	if last == math.MaxUint16 {
		return &FieldError{field, fmt.Sprintf("the collection has had %d vectors added in its life, which is the most; copy it to a new one", last)}
	}
	c.LastNumber, v.Number = last+1, last+1
	c.Vectors = append(c.Vectors, v)
	slices.SortFunc(c.Vectors, func(a, b Vector) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// DropVector removes a vector. One that is not there is fine.
func (c *Collection) DropVector(name string) {
	c.LastNumber = c.lastNumber()
	c.Vectors = slices.DeleteFunc(c.Vectors, func(v Vector) bool { return v.Name == name })
}

// lastNumber is above every number in use: vectors that the collection was
// created with are numbered by their place among themselves.
func (c *Collection) lastNumber() uint16 {
	return uint16(min(max(int(c.LastNumber), len(c.Vectors)), math.MaxUint16))
}
