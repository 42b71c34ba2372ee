package api

import "encoding/json"

// Point is a point to store. Vector is an array of numbers, or an object of
// named arrays.
type Point struct {
	ID      ID              `json:"id"`
	Vector  json.RawMessage `json:"vector"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// PointsList is the body of an upsert in list form.
type PointsList struct {
	Points []Point `json:"points"`
	// UpdateFilter leaves stored points alone that do not match; UpdateMode is
	// upsert, insert_only or update_only.
	UpdateFilter json.RawMessage `json:"update_filter,omitempty"`
	UpdateMode   string          `json:"update_mode,omitempty"`
}

// PointRequest asks for points by id. With* are a bool or the contract's
// selectors; empty takes the default.
type PointRequest struct {
	IDs         []ID            `json:"ids"`
	WithPayload json.RawMessage `json:"with_payload,omitempty"`
	WithVector  json.RawMessage `json:"with_vector,omitempty"`
}

// PointsSelector names points by id or by filter: exactly one is given.
type PointsSelector struct {
	Points []ID            `json:"points,omitempty"`
	Filter json.RawMessage `json:"filter,omitempty"`
}

// SetPayload sets or overwrites payload on the points it selects.
type SetPayload struct {
	PointsSelector
	Payload json.RawMessage `json:"payload"`
	Key     string          `json:"key,omitempty"`
}

// DeletePayload deletes payload keys of the points it selects.
type DeletePayload struct {
	PointsSelector
	Keys []string `json:"keys"`
}

// NewVector is the body of an addition of a vector to a collection.
type NewVector struct {
	Dense *DenseVector `json:"dense,omitempty"`
}

// DenseVector is what a dense vector is, and stays.
type DenseVector struct {
	Size     int      `json:"size"`
	Distance Distance `json:"distance"`
	Datatype string   `json:"datatype,omitempty"` // float32 when it is empty
}

// ScrollRequest asks for a page in id order. Limit 0 takes the default, 10.
type ScrollRequest struct {
	Filter      json.RawMessage `json:"filter,omitempty"`
	Offset      ID              `json:"offset,omitempty"`
	Limit       int             `json:"limit,omitempty"`
	OrderBy     json.RawMessage `json:"order_by,omitempty"` // a field's name or the contract's OrderBy
	WithPayload json.RawMessage `json:"with_payload,omitempty"`
	WithVector  json.RawMessage `json:"with_vector,omitempty"`
}

// Record is a stored point.
type Record struct {
	ID      ID              `json:"id"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Vector  json.RawMessage `json:"vector,omitempty"`
	// OrderValue is the value of order_by's field that placed the point.
	OrderValue json.RawMessage `json:"order_value,omitempty"`
}

// ScrollResult is a page; NextPageOffset is null at the end.
type ScrollResult struct {
	Points         []Record `json:"points"`
	NextPageOffset ID       `json:"next_page_offset"`
}

// CountRequest asks how many points match.
type CountRequest struct {
	Filter json.RawMessage `json:"filter,omitempty"`
	Exact  *bool           `json:"exact,omitempty"` // nil: true
}

// CountResult is how many points match.
type CountResult struct {
	Count int `json:"count"`
}

// SearchParams tunes one query. HNSWEf 0 takes the measured default. Recall,
// above 0 and up to 1, asks for the breadth that was measured to reach it,
// instead of an HNSWEf.
type SearchParams struct {
	HNSWEf      int     `json:"hnsw_ef,omitempty"`
	Recall      float64 `json:"recall,omitempty"`
	Exact       bool    `json:"exact,omitempty"`
	IndexedOnly bool    `json:"indexed_only,omitempty"`

	Quantization json.RawMessage `json:"quantization,omitempty"`
	ACORN        json.RawMessage `json:"acorn,omitempty"`
}

// QueryRequest is one query. Query is a vector, an id or {"nearest": …}; empty
// lists points in id order. Limit 0 takes the default, 10.
type QueryRequest struct {
	Query          json.RawMessage `json:"query,omitempty"`
	Using          string          `json:"using,omitempty"`
	Filter         json.RawMessage `json:"filter,omitempty"`
	Params         *SearchParams   `json:"params,omitempty"`
	ScoreThreshold *float32        `json:"score_threshold,omitempty"`
	Limit          int             `json:"limit,omitempty"`
	Offset         int             `json:"offset,omitempty"`
	WithPayload    json.RawMessage `json:"with_payload,omitempty"`
	WithVector     json.RawMessage `json:"with_vector,omitempty"`
}

// QueryBatch is several queries of one collection.
type QueryBatch struct {
	Searches []QueryRequest `json:"searches"`
}

// ScoredPoint is a point that a query found.
type ScoredPoint struct {
	Record
	Version uint64  `json:"version"`
	Score   float32 `json:"score"`
}

// QueryResponse is the points found, best first.
type QueryResponse struct {
	Points []ScoredPoint `json:"points"`
}
