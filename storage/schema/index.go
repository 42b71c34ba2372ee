package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kithdb/kith/index"
)

// The kinds of index that a vector may ask for.
const (
	Graph  = "hnsw"   // the default
	Flat   = "flat"   // none: every search compares every vector, or, with pca, a code of each
	Hashed = "lsh"    // hash tables
	Listed = "ivf_pq" // inverted lists of product codes
)

// Index says which index a vector gets, and how it is shaped. It is Kith's own;
// the contract knows the graph only. 0 leaves an option to the index.
type Index struct {
	Type   string `json:"type"`
	PCA    int    `json:"pca,omitempty"`    // dimensions in which a search looks first
	Rotate bool   `json:"rotate,omitempty"` // ivf_pq: vectors are turned before they are coded
	Lists  int    `json:"lists,omitempty"`  // ivf_pq
	Probes int    `json:"probes,omitempty"` // ivf_pq: lists that a search reads
	Code   int    `json:"code,omitempty"`   // ivf_pq: bytes of a vector's code
	Tables int    `json:"tables,omitempty"` // lsh
	Bits   int    `json:"bits,omitempty"`   // lsh: a table has 2 to the power of this buckets
}

// IndexOption is a number that some kinds of index take.
type IndexOption struct {
	Name        string
	Least, Most int
	Of          []string // the kinds that take it
}

var indexOptions = [...]IndexOption{
	{"pca", 1, MaxDim, []string{Graph, Flat, Hashed, Listed}},
	{"lists", 1, 1 << 18, []string{Listed}},
	{"probes", 1, 1 << 18, []string{Listed}},
	{"code", 1, MaxDim, []string{Listed}},
	{"tables", 1, 256, []string{Hashed}},
	{"bits", 1, 24, []string{Hashed}},
}

// IndexOptions are the numbers that an Index may hold.
func IndexOptions() []IndexOption { return indexOptions[:] }

// Option is the place of a number by its name, nil when there is none.
func (x *Index) Option(name string) *int {
	switch name {
	case "pca":
		return &x.PCA
	case "lists":
		return &x.Lists
	case "probes":
		return &x.Probes
	case "code":
		return &x.Code
	case "tables":
		return &x.Tables
	case "bits":
		return &x.Bits
	}
	return nil
}

// Check refuses options that do not fit the kind, or a kind that does not fit
// the vector. The error's field is below that of the index.
func (x *Index) Check(v *Vector) *FieldError {
	if !slices.Contains([]string{Graph, Flat, Hashed, Listed}, x.Type) {
		return &FieldError{Field: "type", Problem: fmt.Sprintf("%q is none of hnsw, flat, lsh, ivf_pq", x.Type)}
	}
	for _, o := range indexOptions {
		n := *x.Option(o.Name)
		switch {
		case n == 0:
			continue
		case !slices.Contains(o.Of, x.Type):
			return &FieldError{Field: o.Name, Problem: fmt.Sprintf("an index of type %s has none; it is an option of %s", x.Type, strings.Join(o.Of, ", "))}
		case n < o.Least || n > o.Most:
			return &FieldError{Field: o.Name, Problem: fmt.Sprintf("value %d invalid, must be from %d to %d", n, o.Least, o.Most)}
		}
	}
	switch {
	case x.Rotate && x.Type != Listed:
		return &FieldError{Field: "rotate", Problem: fmt.Sprintf("an index of type %s has none; it is an option of %s", x.Type, Listed)}
	case x.PCA > v.Size:
		return &FieldError{Field: "pca", Problem: fmt.Sprintf("value %d invalid, the vector has %d dimensions", x.PCA, v.Size)}
	case x.Code > v.Size:
		return &FieldError{Field: "code", Problem: fmt.Sprintf("value %d invalid, the vector has %d dimensions", x.Code, v.Size)}
	case x.PCA > 0 && x.Code > x.PCA:
		return &FieldError{Field: "code", Problem: fmt.Sprintf("value %d invalid, pca leaves %d dimensions", x.Code, x.PCA)}
	case x.Lists > 0 && x.Probes > x.Lists:
		return &FieldError{Field: "probes", Problem: fmt.Sprintf("value %d invalid, there are %d lists", x.Probes, x.Lists)}
	case v.Metric == index.Manhattan && (x.Type == Hashed || x.Type == Listed):
		return &FieldError{Field: "type", Problem: fmt.Sprintf("an index of type %s has no Manhattan distance; use hnsw or flat", x.Type)}
	case v.Metric == index.Manhattan && x.PCA > 0:
		return &FieldError{Field: "pca", Problem: "it does not keep Manhattan distances; leave it out"}
	}
	return nil
}

// OrGraph is x, or the default where nothing was given.
func (x *Index) OrGraph() Index {
	if x == nil {
		return Index{Type: Graph}
	}
	return *x
}

// Wanted reports whether a vector with these settings is to have an index once
// it has vectors enough.
func (x *Index) Wanted(h HNSW) bool {
	switch x.OrGraph().Type {
	case Flat:
		return x.PCA > 0 // else every vector is compared
	case Graph:
		return h.M > 0 || h.TreeM() > 0
	}
	return true
}

// Whole reports whether such an index helps searches of all points, and not of
// single tenants alone.
func (x *Index) Whole(h HNSW) bool {
	return x.Wanted(h) && (x.OrGraph().Type != Graph || h.M > 0)
}
