package server

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/point"
)

// recordsOf appends a list of stored points with the parts that were asked for.
func (c *call) recordsOf(points []point.Point, sel point.Selector) {
	c.out = append(c.out, '[')
	for i := range points {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = appendRecord(c.out, &points[i], sel)
	}
	c.out = append(c.out, ']')
}

func appendRecord(dst []byte, p *point.Point, sel point.Selector) []byte {
	dst = append(dst, `{"id":`...)
	dst = p.ID.AppendJSON(dst)
	return append(appendParts(dst, p, sel), '}')
}

// ordered appends a list of stored points with the values that put them in order.
func (c *call) ordered(points []query.Ordered, sel point.Selector) {
	c.out = append(c.out, '[')
	for i := range points {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		p := &points[i]
		c.out = p.ID.AppendJSON(append(c.out, `{"id":`...))
		c.out = appendParts(c.out, &p.Point, sel)
		c.out = append(c.out, `,"order_value":`...)
		c.out = append(appendKey(c.out, p.Value), '}')
	}
	c.out = append(c.out, ']')
}

// appendKey writes an integer, or a number that is none: a reader tells them
// apart by the point or exponent.
func appendKey(dst []byte, k payload.Key) []byte {
	if k.IsInt {
		return strconv.AppendInt(dst, k.Int, 10)
	}
	if a := math.Abs(k.Float); a != 0 && (a < 1e-6 || a >= 1e16) {
		return strconv.AppendFloat(dst, k.Float, 'e', -1, 64)
	}
	if k.Float == math.Trunc(k.Float) {
		return strconv.AppendFloat(dst, k.Float, 'f', 1, 64)
	}
	return strconv.AppendFloat(dst, k.Float, 'f', -1, 64)
}

// scored appends a list of found points.
func (c *call) scored(points []point.Scored, sel point.Selector) {
	c.out = append(c.out, '[')
	for i := range points {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		p := &points[i]
		c.out = append(c.out, `{"id":`...)
		c.out = p.ID.AppendJSON(c.out)
		c.out = append(c.out, `,"version":`...)
		c.out = strconv.AppendUint(c.out, p.Version, 10)
		c.out = append(c.out, `,"score":`...)
		c.out = appendFloat(c.out, p.Score)
		c.out = append(appendParts(c.out, &p.Point, sel), '}')
	}
	c.out = append(c.out, ']')
}

func appendParts(dst []byte, p *point.Point, sel point.Selector) []byte {
	if sel.Payload.Enable {
		dst = append(dst, `,"payload":`...)
		if p.Payload == nil {
			dst = append(dst, `{}`...)
		} else {
			dst = append(dst, p.Payload...)
		}
	}
	if sel.Vector.Enable {
		dst = append(dst, `,"vector":`...)
		dst = appendVectors(dst, p.Vectors)
	}
	return dst
}

// appendVectors writes an array for the unnamed vector, an object for named ones.
func appendVectors(dst []byte, vectors []point.Vector) []byte {
	if len(vectors) == 1 && vectors[0].Name == "" {
		return appendFloats(dst, vectors[0].Values)
	}
	dst = append(dst, '{')
	for i, v := range vectors {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, v.Name)
		dst = append(dst, ':')
		dst = appendFloats(dst, v.Values)
	}
	return append(dst, '}')
}

func appendFloats(dst []byte, values []float32) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFloat(dst, v)
	}
	return append(dst, ']')
}

// appendFloat writes the shortest decimal that reads back as the same float32. JSON
// has no infinity: a distance beyond all floats, as of vectors whose squares are, is
// the largest of them, and what is no number at all is null.
func appendFloat(dst []byte, v float32) []byte {
	if v != v {
		return append(dst, "null"...)
	}
	v = min(max(v, -math.MaxFloat32), math.MaxFloat32)
	if a := math.Abs(float64(v)); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, float64(v), 'e', -1, 32)
	}
	return strconv.AppendFloat(dst, float64(v), 'f', -1, 32)
}

func appendString(dst []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...) // no string fails to marshal
	}
	return append(dst, text...)
}
