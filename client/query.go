package client

import (
	"context"
	"net/http"

	"github.com/kithdb/kith/server/api"
)

// Query asks for the points nearest to a vector or to a stored point. With
// neither, points come in id order with score 1.
type Query struct {
	Vector    []float32
	Point     *ID         // used when Vector is nil; the point itself is not answered
	From      *LookupFrom // where Point is; nil is the collection that is asked
	Using     string      // the vector's name; "" is the unnamed one
	Filter    *Filter
	Params    *api.SearchParams
	Threshold *float32 // worst score to return
	Limit     int      // at least 1; 0 takes 10
	Offset    int
	Select    Select
}

// LookupFrom is a vector of another collection; Vector "" is the unnamed one.
type LookupFrom struct {
	Collection string `json:"collection"`
	Vector     string `json:"vector,omitempty"`
}

// Scored is a point that a query found.
type Scored struct {
	Record
	Score   float32 `json:"score"`
	Version uint64  `json:"version"`
}

type answer struct {
	Points []Scored `json:"points"`
}

func (q *Query) body() (object, error) {
	body := object{"with_payload": q.Select.payload(), "with_vector": q.Select.vector()}
	switch {
	case q.Vector != nil:
		v, err := appendFloats(nil, q.Vector)
		if err != nil {
			return nil, err
		}
		body["query"] = rawJSON(v)
	case q.Point != nil:
		body["query"] = *q.Point
	}
	if q.From != nil {
		body["lookup_from"] = q.From
	}
	if q.Using != "" {
		body["using"] = q.Using
	}
	if q.Filter != nil {
		body["filter"] = q.Filter
	}
	if q.Params != nil {
		body["params"] = q.Params
	}
	if q.Threshold != nil {
		body["score_threshold"] = *q.Threshold
	}
	if q.Limit > 0 {
		body["limit"] = q.Limit
	}
	if q.Offset > 0 {
		body["offset"] = q.Offset
	}
	return body, nil
}

// rawJSON is text that is JSON already.
type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// Query finds points, best first.
func (c *Client) Query(ctx context.Context, collection string, q Query) ([]Scored, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	var a answer
	k := call{method: http.MethodPost, path: path("collections", collection, "points", "query"), idempotent: true}
	err = c.send(ctx, k, body, &a)
	return a.Points, err
}

// QueryBatch answers several queries in one exchange, in their order.
func (c *Client) QueryBatch(ctx context.Context, collection string, queries []Query) ([][]Scored, error) {
	searches := make([]object, len(queries))
	for i := range queries {
		var err error
		if searches[i], err = queries[i].body(); err != nil {
			return nil, err
		}
	}
	var answers []answer
	k := call{method: http.MethodPost, path: path("collections", collection, "points", "query", "batch"), idempotent: true}
	if err := c.send(ctx, k, object{"searches": searches}, &answers); err != nil {
		return nil, err
	}
	found := make([][]Scored, len(answers))
	for i, a := range answers {
		found[i] = a.Points
	}
	return found, nil
}
