package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/kithdb/kith/server/api"
)

// OrderBy asks for points in the order of a payload field that has an integer,
// float or datetime index.
type OrderBy struct {
	Key  string
	Desc bool
	From any // first value: a number or a datetime; nil begins at the lowest or, descending, at the highest
}

func (o *OrderBy) body() object {
	body := object{"key": o.Key}
	if o.Desc {
		body["direction"] = "desc"
	}
	if o.From != nil {
		body["start_from"] = o.From
	}
	return body
}

// OrderedRecord is a stored point and the value that puts it in its place:
// datetimes as microseconds since 1970.
type OrderedRecord struct {
	Record
	Value json.Number `json:"order_value"`
}

// ScrollBy is a page of points by the values of a field; a point with several
// values comes once for each. The next page begins at the last value of this one
// (OrderBy.From), where r.Filter leaves out the points that were seen. r.Offset is
// not used.
func (c *Client) ScrollBy(ctx context.Context, collection string, by OrderBy, r ScrollRequest) ([]OrderedRecord, error) {
	body := object{"with_payload": r.Select.payload(), "with_vector": r.Select.vector(), "order_by": by.body()}
	if r.Filter != nil {
		body["filter"] = r.Filter
	}
	if r.Limit > 0 {
		body["limit"] = r.Limit
	}
	var page struct {
		Points []OrderedRecord `json:"points"`
	}
	err := c.read(ctx, body, &page, "collections", collection, "points", "scroll")
	return page.Points, err
}

// CountAbout is the number of points that match, estimated where the payload
// indexes do not know it: faster than Count.
func (c *Client) CountAbout(ctx context.Context, collection string, f *Filter) (int, error) {
	body := object{"exact": false}
	if f != nil {
		body["filter"] = f
	}
	var r api.CountResult
	err := c.read(ctx, body, &r, "collections", collection, "points", "count")
	return r.Count, err
}

// Facet asks which values a field has. It must have a keyword, integer, bool or
// uuid index.
type Facet struct {
	Key    string
	Filter *Filter
	Limit  int // how many values; 0 takes 10
}

// FacetHit is a value, a string, an integer or a bool in JSON, and the number of
// matching points that have it.
type FacetHit struct {
	Value json.RawMessage `json:"value"`
	Count int             `json:"count"`
}

// Facet answers the most frequent values of a field.
func (c *Client) Facet(ctx context.Context, collection string, f Facet) ([]FacetHit, error) {
	body := object{"key": f.Key, "exact": true}
	if f.Filter != nil {
		body["filter"] = f.Filter
	}
	if f.Limit > 0 {
		body["limit"] = f.Limit
	}
	var r struct {
		Hits []FacetHit `json:"hits"`
	}
	err := c.read(ctx, body, &r, "collections", collection, "facet")
	return r.Hits, err
}

// Matrix asks how near the points of a random sample are to each other.
type Matrix struct {
	Using  string // the vector's name; "" is the unnamed one
	Filter *Filter
	Sample int // how many points; 0 takes 10
	Limit  int // how many neighbours of each; 0 takes 3
}

func (m *Matrix) body() object {
	body := object{}
	if m.Using != "" {
		body["using"] = m.Using
	}
	if m.Filter != nil {
		body["filter"] = m.Filter
	}
	if m.Sample > 0 {
		body["sample"] = m.Sample
	}
	if m.Limit > 0 {
		body["limit"] = m.Limit
	}
	return body
}

// Pair is two points of a sample; B is one of the nearest to A.
type Pair struct {
	A     ID      `json:"a"`
	B     ID      `json:"b"`
	Score float32 `json:"score"`
}

// MatrixPairs is the matrix as a list of pairs.
func (c *Client) MatrixPairs(ctx context.Context, collection string, m Matrix) ([]Pair, error) {
	var r struct {
		Pairs []Pair `json:"pairs"`
	}
	err := c.read(ctx, m.body(), &r, "collections", collection, "points", "search", "matrix", "pairs")
	return r.Pairs, err
}

// Offsets is a sparse matrix: Scores[i] is that of the points IDs[Rows[i]] and
// IDs[Columns[i]].
type Offsets struct {
	Rows    []int     `json:"offsets_row"`
	Columns []int     `json:"offsets_col"`
	Scores  []float32 `json:"scores"`
	IDs     []ID      `json:"ids"`
}

// MatrixOffsets is the matrix in the form that libraries for sparse matrices take.
func (c *Client) MatrixOffsets(ctx context.Context, collection string, m Matrix) (Offsets, error) {
	var r Offsets
	err := c.read(ctx, m.body(), &r, "collections", collection, "points", "search", "matrix", "offsets")
	return r, err
}

// read sends a request that changes nothing.
func (c *Client) read(ctx context.Context, body object, into any, segments ...string) error {
	return c.send(ctx, call{method: http.MethodPost, path: path(segments...), idempotent: true}, body, into)
}
