package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/kithdb/kith/server/api"
)

// UpdateMode says what an upsert does about points that exist, or do not.
type UpdateMode string

// The modes of an upsert; the zero value inserts and replaces.
const (
	InsertOnly UpdateMode = "insert_only" // points that exist stay as they are
	UpdateOnly UpdateMode = "update_only" // points that do not exist are not made
)

// UpsertOptions make an upsert conditional. With a Filter, of the points that exist, only those
// that match the filter are replaced.
type UpsertOptions struct {
	Filter *Filter
	Mode   UpdateMode
}

func (o *UpsertOptions) into(body object) object {
	if o.Filter != nil {
		body["update_filter"] = o.Filter
	}
	if o.Mode != "" {
		body["update_mode"] = o.Mode
	}
	return body
}

// UpsertIf stores points under conditions.
func (c *Client) UpsertIf(ctx context.Context, collection string, points []Point, o UpsertOptions, d Durability) (api.UpdateResult, error) {
	op := UpsertOp(points, o)
	return c.change(ctx, http.MethodPut, path("collections", collection, "points"), op.body, d)
}

// Below is payload for the objects that a path leads to.
type Below struct {
	Key     string // such as a.b or a[].b
	Payload any
}

// SetPayloadBelow merges payload into the objects that the path leads to, which
// are made where they are missing.
func (c *Client) SetPayloadBelow(ctx context.Context, collection string, t Target, b Below, d Durability) (api.UpdateResult, error) {
	body := t.into(object{"payload": b.Payload, "key": b.Key})
	return c.change(ctx, http.MethodPost, path("collections", collection, "points", "payload"), body, d)
}

// UpdateVectors gives points new vectors; those of other names stay, as does the
// payload. All points must exist. filter, when it is not nil, leaves out points
// that do not match.
func (c *Client) UpdateVectors(ctx context.Context, collection string, vectors map[ID]Vectors, filter *Filter, d Durability) (api.UpdateResult, error) {
	op := UpdateVectorsOp(vectors, filter)
	return c.change(ctx, http.MethodPut, path("collections", collection, "points", "vectors"), op.body, d)
}

// DeleteVectors takes the named vectors from points.
func (c *Client) DeleteVectors(ctx context.Context, collection string, t Target, names []string, d Durability) (api.UpdateResult, error) {
	return c.change(ctx, http.MethodPost, path("collections", collection, "points", "vectors", "delete"), t.into(object{"vector": nonNil(names)}), d)
}

// Operation is one write of a batch.
type Operation struct {
	name string
	body object
}

// MarshalJSON writes the contract's form.
func (o Operation) MarshalJSON() ([]byte, error) { return encode(object{o.name: o.body}) }

// UpsertOp stores points.
func UpsertOp(points []Point, o UpsertOptions) Operation {
	return Operation{"upsert", o.into(object{"points": nonNil(pointBodies(points))})}
}

// DeleteOp removes points.
func DeleteOp(t Target) Operation { return Operation{"delete", t.into(object{})} }

// SetPayloadOp merges payload, below key when that is not empty.
func SetPayloadOp(t Target, key string, payload any) Operation {
	body := t.into(object{"payload": payload})
	if key != "" {
		body["key"] = key
	}
	return Operation{"set_payload", body}
}

// OverwritePayloadOp replaces payloads.
func OverwritePayloadOp(t Target, payload any) Operation {
	return Operation{"overwrite_payload", t.into(object{"payload": payload})}
}

// DeletePayloadOp removes paths from payloads.
func DeletePayloadOp(t Target, keys []string) Operation {
	return Operation{"delete_payload", t.into(object{"keys": nonNil(keys)})}
}

// ClearPayloadOp removes payloads.
func ClearPayloadOp(t Target) Operation { return Operation{"clear_payload", t.into(object{})} }

// UpdateVectorsOp gives points new vectors; see Client.UpdateVectors.
func UpdateVectorsOp(vectors map[ID]Vectors, filter *Filter) Operation {
	list := make([]json.Marshaler, 0, len(vectors))
	for id, v := range vectors {
		list = append(list, pointBody{Point{ID: id, Vectors: v}})
	}
	body := object{"points": list}
	if filter != nil {
		body["update_filter"] = filter
	}
	return Operation{"update_vectors", body}
}

// DeleteVectorsOp takes the named vectors from points.
func DeleteVectorsOp(t Target, names []string) Operation {
	return Operation{"delete_vectors", t.into(object{"vector": nonNil(names)})}
}

// Batch does several writes in their order. Each shard does all of them or
// none. It is not repeated when its fate is open.
func (c *Client) Batch(ctx context.Context, collection string, ops []Operation, d Durability) ([]api.UpdateResult, error) {
	var results []api.UpdateResult
	k := call{method: http.MethodPost, path: path("collections", collection, "points", "batch"), query: waitQuery(bool(d))}
	err := c.send(ctx, k, object{"operations": nonNil(ops)}, &results)
	return results, err
}

// pointBody writes a point as an upsert does.
type pointBody struct{ p Point }

// MarshalJSON writes the contract's form.
func (b pointBody) MarshalJSON() ([]byte, error) {
	text, err := b.p.append(nil)
	if err != nil {
		return nil, fmt.Errorf("point %s: %w", b.p.ID, err)
	}
	return text, nil
}

func pointBodies(points []Point) []pointBody {
	out := make([]pointBody, len(points))
	for i := range points {
		out[i].p = points[i]
	}
	return out
}

// AddVector adds a named vector to a living collection; stored points do not
// have it. The same vector again is fine.
func (c *Client) AddVector(ctx context.Context, collection, name string, v api.DenseVector) error {
	k := call{method: http.MethodPut, path: path("collections", collection, "vectors", name), query: waitQuery(true), idempotent: true}
	return c.send(ctx, k, api.NewVector{Dense: &v}, nil)
}

// RemoveVector takes a named vector from the collection and all of its points.
// One that is not there is fine.
func (c *Client) RemoveVector(ctx context.Context, collection, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: path("collections", collection, "vectors", name), query: waitQuery(true), idempotent: true}, nil)
}
