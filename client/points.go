package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"

	"github.com/kithdb/kith/server/api"
)

// Point is a point to store. Payload is anything that encodes to a JSON object;
// nil is none.
type Point struct {
	ID      ID
	Vectors Vectors
	Payload any
}

// Record is a stored point. Payload is nil and Vectors empty unless asked for.
type Record struct {
	ID      ID              `json:"id"`
	Payload json.RawMessage `json:"payload"`
	Vectors Vectors         `json:"vector"`
}

// Decode reads the payload into v.
func (r *Record) Decode(v any) error {
	if len(r.Payload) == 0 {
		return errors.New("the record carries no payload: ask for it with Select.Payload")
	}
	return json.Unmarshal(r.Payload, v)
}

// Durability says what an answered write has reached.
type Durability bool

// Visible writes answer when queries see them, Committed ones when they are
// durable. Both survive a crash.
const (
	Visible   Durability = true
	Committed Durability = false
)

// Select says what of a point to return. The zero value returns the id alone.
type Select struct {
	Payload bool
	Include []string // payload paths to keep; nil keeps all
	Exclude []string // payload paths to drop
	Vector  bool
	Vectors []string // names of vectors; nil with Vector returns all
}

func (s Select) payload() any {
	switch {
	case len(s.Include) > 0:
		return object{"include": s.Include}
	case len(s.Exclude) > 0:
		return object{"exclude": s.Exclude}
	}
	return s.Payload
}

func (s Select) vector() any {
	if len(s.Vectors) > 0 {
		return s.Vectors
	}
	return s.Vector
}

// Upsert stores points, each replaced whole. All are checked before one is
// stored. For many points use an Uploader.
func (c *Client) Upsert(ctx context.Context, collection string, points []Point, d Durability) (api.UpdateResult, error) {
	body, err := encodePoints(nil, points)
	if err != nil {
		return api.UpdateResult{}, err
	}
	return c.upsert(ctx, collection, body, d)
}

func (c *Client) upsert(ctx context.Context, collection string, body []byte, d Durability) (api.UpdateResult, error) {
	return c.write(ctx, call{method: http.MethodPut, path: path("collections", collection, "points"), body: body}, d)
}

// encodePoints writes the list form by hand: vectors are nearly all of it.
func encodePoints(dst []byte, points []Point) ([]byte, error) {
	dst = append(dst, `{"points":[`...)
	for i := range points {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = points[i].append(dst); err != nil {
			return nil, fmt.Errorf("point %s: %w", points[i].ID, err)
		}
	}
	return append(dst, `]}`...), nil
}

func (p *Point) append(dst []byte) ([]byte, error) {
	dst = p.ID.append(append(dst, `{"id":`...))
	dst, err := p.Vectors.append(append(dst, `,"vector":`...))
	if err != nil {
		return nil, err
	}
	if p.Payload != nil {
		payload, err := encode(p.Payload)
		if err != nil {
			return nil, err
		}
		dst = append(append(dst, `,"payload":`...), payload...)
	}
	return append(dst, '}'), nil
}

// write sends an update of points; all of them leave the same state when done
// twice.
func (c *Client) write(ctx context.Context, k call, d Durability) (api.UpdateResult, error) {
	k.query, k.idempotent = waitQuery(bool(d)), true
	var result api.UpdateResult
	err := c.do(ctx, k, &result)
	return result, err
}

// Target names the points of a call: by id, or by filter when IDs is empty.
type Target struct {
	IDs    []ID
	Filter *Filter
}

// IDs are the points with these ids.
func IDs(ids ...ID) Target { return Target{IDs: nonNil(ids)} }

// Where are the points that match.
func Where(f Filter) Target { return Target{Filter: &f} }

func (t Target) into(body object) object {
	if t.Filter != nil {
		body["filter"] = t.Filter
		return body
	}
	body["points"] = nonNil(t.IDs)
	return body
}

func (c *Client) change(ctx context.Context, method, where string, body object, d Durability) (api.UpdateResult, error) {
	b, err := encode(body)
	if err != nil {
		return api.UpdateResult{}, err
	}
	return c.write(ctx, call{method: method, path: where, body: b}, d)
}

// Delete removes points; ids that are not there are fine.
func (c *Client) Delete(ctx context.Context, collection string, t Target, d Durability) (api.UpdateResult, error) {
	return c.change(ctx, http.MethodPost, path("collections", collection, "points", "delete"), t.into(object{}), d)
}

// SetPayload merges payload's top-level keys into the points' payloads.
func (c *Client) SetPayload(ctx context.Context, collection string, t Target, payload any, d Durability) (api.UpdateResult, error) {
	return c.change(ctx, http.MethodPost, path("collections", collection, "points", "payload"), t.into(object{"payload": payload}), d)
}

// OverwritePayload replaces the points' payloads.
func (c *Client) OverwritePayload(ctx context.Context, collection string, t Target, payload any, d Durability) (api.UpdateResult, error) {
	return c.change(ctx, http.MethodPut, path("collections", collection, "points", "payload"), t.into(object{"payload": payload}), d)
}

// DeletePayload removes the paths from the points' payloads.
func (c *Client) DeletePayload(ctx context.Context, collection string, t Target, keys []string, d Durability) (api.UpdateResult, error) {
	return c.change(ctx, http.MethodPost, path("collections", collection, "points", "payload", "delete"), t.into(object{"keys": nonNil(keys)}), d)
}

// ClearPayload removes the points' payloads.
func (c *Client) ClearPayload(ctx context.Context, collection string, t Target, d Durability) (api.UpdateResult, error) {
	return c.change(ctx, http.MethodPost, path("collections", collection, "points", "payload", "clear"), t.into(object{}), d)
}

// Get is one point with all that it holds; ErrNotFound when there is none.
func (c *Client) Get(ctx context.Context, collection string, id ID) (Record, error) {
	var r Record
	err := c.get(ctx, path("collections", collection, "points", id.String()), &r)
	return r, err
}

// Retrieve is the points of the ids that exist.
func (c *Client) Retrieve(ctx context.Context, collection string, ids []ID, s Select) ([]Record, error) {
	body := object{"ids": nonNil(ids), "with_payload": s.payload(), "with_vector": s.vector()}
	var records []Record
	err := c.send(ctx, call{method: http.MethodPost, path: path("collections", collection, "points"), idempotent: true}, body, &records)
	return records, err
}

// Count is the exact number of points that match; nil counts all.
func (c *Client) Count(ctx context.Context, collection string, f *Filter) (int, error) {
	body := object{"exact": true}
	if f != nil {
		body["filter"] = f
	}
	var r api.CountResult
	err := c.send(ctx, call{method: http.MethodPost, path: path("collections", collection, "points", "count"), idempotent: true}, body, &r)
	return r.Count, err
}

// ScrollRequest asks for a page in id order.
type ScrollRequest struct {
	Filter *Filter
	Offset *ID // first id of the page; nil starts at the smallest
	Limit  int // at least 1; 0 takes 10
	Select Select
}

// Scroll is one page, and the first id of the next; nil at the end.
func (c *Client) Scroll(ctx context.Context, collection string, r ScrollRequest) ([]Record, *ID, error) {
	body := object{"with_payload": r.Select.payload(), "with_vector": r.Select.vector()}
	if r.Filter != nil {
		body["filter"] = r.Filter
	}
	if r.Offset != nil {
		body["offset"] = *r.Offset
	}
	if r.Limit > 0 {
		body["limit"] = r.Limit
	}
	var page struct {
		Points []Record `json:"points"`
		Next   *ID      `json:"next_page_offset"`
	}
	err := c.send(ctx, call{method: http.MethodPost, path: path("collections", collection, "points", "scroll"), idempotent: true}, body, &page)
	return page.Points, page.Next, err
}

// All walks every matching point in id order, a page of r.Limit at a time (0
// takes 1,000). An error ends the walk; points written meanwhile may or may not
// be seen.
func (c *Client) All(ctx context.Context, collection string, r ScrollRequest) iter.Seq2[Record, error] {
	if r.Limit <= 0 {
		r.Limit = 1000
	}
	return func(yield func(Record, error) bool) {
		for {
			page, next, err := c.Scroll(ctx, collection, r)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, one := range page {
				if !yield(one, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			r.Offset = next
		}
	}
}
