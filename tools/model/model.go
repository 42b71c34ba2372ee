// Package model is the contract written as plainly as it goes: collections are
// maps of decoded JSON, a filter is evaluated by walking the payload, a search
// measures every vector. Its tests drive a real server with random operations,
// restarts and snapshots, and compare every answer with the map's.
//
// Who calls: its own tests, in CI and for hours (KITH_MODEL_MINUTES). It imports
// no room of the server, so that it shares none of its mistakes.
package model

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Params describe a vector of a collection.
type Params struct {
	Size     int
	Distance string
}

// Point is a stored point.
type Point struct {
	Vectors map[string][]float64
	Payload map[string]any
}

// Collection is what a collection holds. IDs are spelled as in JSON: 7, or a
// quoted UUID.
type Collection struct {
	Vectors map[string]Params
	Points  map[string]*Point
	Indexes map[string]string // kind by field
}

// Select names points: the ids, or, when Filter is set, those that match.
type Select struct {
	IDs    []string
	Filter map[string]any
}

// Clone copies the collection; values inside payloads are never changed in place.
func (c *Collection) Clone() *Collection {
	out := &Collection{Vectors: maps.Clone(c.Vectors), Indexes: maps.Clone(c.Indexes), Points: map[string]*Point{}}
	for id, p := range c.Points {
		out.Points[id] = &Point{Vectors: maps.Clone(p.Vectors), Payload: copyOf(p.Payload).(map[string]any)}
	}
	return out
}

func copyOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = copyOf(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = copyOf(x)
		}
		return out
	}
	return v
}

// Upsert stores points whole. The mode is "", upsert, insert_only or
// update_only; a filter leaves alone the stored points that do not match.
func (c *Collection) Upsert(points map[string]*Point, order []string, mode string, filter map[string]any) {
	for _, id := range order {
		old, exists := c.Points[id]
		if exists && (mode == "insert_only" || filter != nil && !c.Match(id, old, filter)) || !exists && mode == "update_only" {
			continue
		}
		p := points[id]
		stored := &Point{Vectors: map[string][]float64{}, Payload: copyOf(p.Payload).(map[string]any)}
		for name, v := range p.Vectors {
			stored.Vectors[name] = c.stored(name, v)
		}
		c.Points[id] = stored
	}
}

// stored is a vector as it comes back: of length one under Cosine.
func (c *Collection) stored(name string, v []float64) []float64 {
	if c.Vectors[name].Distance != "Cosine" {
		return v
	}
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	if sum == 0 {
		return v
	}
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = x / math.Sqrt(sum)
	}
	return out
}

// selected are the ids of stored points that s names.
func (c *Collection) selected(s Select) []string {
	if s.Filter == nil {
		return slices.DeleteFunc(slices.Clone(s.IDs), func(id string) bool { return c.Points[id] == nil })
	}
	return c.Matching(s.Filter)
}

// Delete removes points.
func (c *Collection) Delete(s Select) {
	for _, id := range c.selected(s) {
		delete(c.Points, id)
	}
}

// UpdateVectors replaces the given vectors of stored points and keeps the rest.
func (c *Collection) UpdateVectors(vectors map[string]map[string][]float64, filter map[string]any) {
	for id, list := range vectors {
		p := c.Points[id]
		if p == nil || filter != nil && !c.Match(id, p, filter) {
			continue
		}
		for name, v := range list {
			p.Vectors[name] = c.stored(name, v)
		}
	}
}

// DeleteVectors removes vectors of points.
func (c *Collection) DeleteVectors(s Select, names []string) {
	for _, id := range c.selected(s) {
		for _, name := range names {
			delete(c.Points[id].Vectors, name)
		}
	}
}

// SetPayload merges at the top, or at the key.
func (c *Collection) SetPayload(s Select, payload map[string]any, key string) {
	for _, id := range c.selected(s) {
		p := c.Points[id]
		if key == "" {
			set(p.Payload, payload)
			continue
		}
		p.Payload = merged(p.Payload, Path(key), payload).(map[string]any)
	}
}

// set merges keys; a null takes a key away.
func set(object, payload map[string]any) {
	for key, v := range payload {
		if v == nil {
			delete(object, key)
			continue
		}
		object[key] = copyOf(v)
	}
}

// merged is v with the payload merged into what the path leads to. What is in
// the way and of another kind is replaced.
func merged(v any, path []Step, payload map[string]any) any {
	if len(path) == 0 {
		object, ok := v.(map[string]any)
		if !ok {
			object = map[string]any{}
		}
		set(object, payload)
		return object
	}
	s := path[0]
	if s.Each || s.At >= 0 {
		list, ok := v.([]any)
		if !ok {
			return []any{}
		}
		for i := range list {
			if s.Each || i == s.At {
				list[i] = merged(list[i], path[1:], payload)
			}
		}
		return list
	}
	object, ok := v.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	object[s.Key] = merged(object[s.Key], path[1:], payload)
	return object
}

// OverwritePayload replaces payloads.
func (c *Collection) OverwritePayload(s Select, payload map[string]any) {
	for _, id := range c.selected(s) {
		c.Points[id].Payload = copyOf(payload).(map[string]any)
	}
}

// DeletePayload removes what the paths lead to.
func (c *Collection) DeletePayload(s Select, keys []string) {
	for _, id := range c.selected(s) {
		for _, key := range keys {
			without(c.Points[id].Payload, Path(key))
		}
	}
}

func without(v any, path []Step) {
	if len(path) == 0 {
		return
	}
	s := path[0]
	switch v := v.(type) {
	case map[string]any:
		if len(path) == 1 {
			delete(v, s.Key)
			return
		}
		next, below := v[s.Key], path[1:]
		if list, ok := next.([]any); ok && len(below) == 1 && below[0].Each {
			v[s.Key] = list[:0]
			return
		}
		without(next, below)
	case []any:
		for i, x := range v {
			if s.Each || s.At == i {
				without(x, path[1:])
			}
		}
	}
}

// ClearPayload removes payloads.
func (c *Collection) ClearPayload(s Select) { c.OverwritePayload(s, map[string]any{}) }

// DropVector removes a named vector from the collection and from every point.
func (c *Collection) DropVector(name string) {
	delete(c.Vectors, name)
	for _, p := range c.Points {
		delete(p.Vectors, name)
	}
}

// Matching are the ids that match, in id order.
func (c *Collection) Matching(filter map[string]any) []string {
	var out []string
	for id, p := range c.Points {
		if c.Match(id, p, filter) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, CompareIDs)
	return out
}

// CompareIDs orders numbers before UUIDs.
func CompareIDs(a, b string) int {
	aWord, bWord := a[0] == '"', b[0] == '"'
	switch {
	case aWord != bWord && aWord:
		return 1
	case aWord != bWord:
		return -1
	case !aWord && len(a) != len(b):
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// Score compares a query with a stored vector. Higher is better for Cosine and
// Dot, lower for the others.
func (c *Collection) Score(name string, query, v []float64) float64 {
	q := c.stored(name, query)
	sum := 0.0
	for i := range v {
		switch c.Vectors[name].Distance {
		case "Cosine", "Dot":
			sum += q[i] * v[i]
		case "Euclid":
			sum += (q[i] - v[i]) * (q[i] - v[i])
		case "Manhattan":
			sum += math.Abs(q[i] - v[i])
		}
	}
	if c.Vectors[name].Distance == "Euclid" {
		return math.Sqrt(sum)
	}
	return sum
}

// Facet counts the points that match by the values of a field.
func (c *Collection) Facet(field string, filter map[string]any, kind string) map[string]int {
	out := map[string]int{}
	for _, id := range c.Matching(filter) {
		seen := map[string]bool{}
		for _, v := range flat(Values(c.Points[id].Payload, Path(field))) {
			name, ok := facetValue(v, kind)
			if ok && !seen[name] {
				seen[name] = true
				out[name]++
			}
		}
	}
	return out
}

func facetValue(v any, kind string) (string, bool) {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v), kind == "keyword"
	case bool:
		return fmt.Sprint(v), kind == "bool"
	}
	n, ok := integer(v)
	return fmt.Sprint(n), ok && kind == "integer"
}
