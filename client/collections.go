package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/kithdb/kith/server/api"
)

// Version is what the server says of itself.
func (c *Client) Version(ctx context.Context) (api.Version, error) {
	k := call{method: http.MethodGet, path: "/", idempotent: true}
	body, err := c.exchange(ctx, k) // no envelope here
	if err != nil {
		return api.Version{}, err
	}
	var v api.Version
	if err := json.Unmarshal(body, &v); err != nil {
		return api.Version{}, fmt.Errorf("GET /: not the contract's answer: %w", err)
	}
	return v, nil
}

// Ready is nil when the server takes requests.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.exchange(ctx, call{method: http.MethodGet, path: "/readyz"})
	return err
}

// WaitReady asks Ready every interval until it is nil or ctx ends.
func (c *Client) WaitReady(ctx context.Context, every time.Duration) error {
	for {
		err := c.Ready(ctx)
		if err == nil {
			return nil
		}
		if wait(ctx, every) != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// VectorConfig describes vectors for CreateCollection: by name, or one under "".
type VectorConfig map[string]api.VectorParams

// MarshalJSON writes the unnamed vector's parameters alone as the contract does.
func (v VectorConfig) MarshalJSON() ([]byte, error) {
	if one, ok := v[""]; ok && len(v) == 1 {
		return json.Marshal(one)
	}
	return json.Marshal(map[string]api.VectorParams(v))
}

// CollectionSpec is what CreateCollection makes. Vectors is needed; Other takes
// every further setting of the contract, its own Vectors field ignored.
type CollectionSpec struct {
	Vectors VectorConfig
	Other   api.CreateCollection
}

// Single is the specification of a collection with one unnamed vector.
func Single(size int, distance api.Distance) CollectionSpec {
	return CollectionSpec{Vectors: VectorConfig{"": {Size: size, Distance: distance}}}
}

// CreateCollection makes a collection; ErrExists when the name is taken. It is
// not repeated when its fate is open.
func (c *Client) CreateCollection(ctx context.Context, name string, s CollectionSpec) error {
	request := s.Other
	vectors, err := encode(s.Vectors)
	if err != nil {
		return err
	}
	request.Vectors = vectors
	return c.send(ctx, call{method: http.MethodPut, path: path("collections", name)}, request, nil)
}

// UpdateCollection changes settings; absent ones stay.
func (c *Client) UpdateCollection(ctx context.Context, name string, u api.UpdateCollection) error {
	return c.send(ctx, call{method: http.MethodPatch, path: path("collections", name), idempotent: true}, u, nil)
}

// DeleteCollection removes a collection; existed tells whether there was one.
func (c *Client) DeleteCollection(ctx context.Context, name string) (existed bool, err error) {
	err = c.do(ctx, call{method: http.MethodDelete, path: path("collections", name), idempotent: true}, &existed)
	return existed, err
}

// Collections are the names of all collections.
func (c *Client) Collections(ctx context.Context) ([]string, error) {
	var list api.Collections
	if err := c.get(ctx, path("collections"), &list); err != nil {
		return nil, err
	}
	names := make([]string, len(list.Collections))
	for i, one := range list.Collections {
		names[i] = one.Name
	}
	return names, nil
}

// Collection is the state and configuration of a collection or alias.
func (c *Client) Collection(ctx context.Context, name string) (api.CollectionInfo, error) {
	var info api.CollectionInfo
	err := c.get(ctx, path("collections", name), &info)
	return info, err
}

// CollectionExists reports whether a collection or alias of that name exists.
func (c *Client) CollectionExists(ctx context.Context, name string) (bool, error) {
	var e api.Exists
	err := c.get(ctx, path("collections", name, "exists"), &e)
	return e.Exists, err
}

// WaitGreen asks for the collection's status every interval until all its
// vectors are indexed, or ctx ends. A collection that failed ends it too.
func (c *Client) WaitGreen(ctx context.Context, name string, every time.Duration) error {
	for {
		info, err := c.Collection(ctx, name)
		if err != nil {
			return err
		}
		switch info.Status {
		case "green":
			return nil
		case "red":
			return fmt.Errorf("collection %q failed: %s", name, info.OptimizerStatus)
		}
		if err := wait(ctx, every); err != nil {
			return fmt.Errorf("collection %q is still %s: %w", name, info.Status, err)
		}
	}
}

// ChangeAliases applies all the actions or none. It is not repeated when its
// fate is open.
func (c *Client) ChangeAliases(ctx context.Context, actions ...api.AliasAction) error {
	body := api.ChangeAliases{Actions: nonNil(actions)}
	return c.send(ctx, call{method: http.MethodPost, path: path("collections", "aliases")}, body, nil)
}

// Aliases are all aliases.
func (c *Client) Aliases(ctx context.Context) ([]api.Alias, error) {
	var list api.Aliases
	err := c.get(ctx, path("aliases"), &list)
	return list.Aliases, err
}

// CollectionAliases are the aliases of one collection.
func (c *Client) CollectionAliases(ctx context.Context, name string) ([]api.Alias, error) {
	var list api.Aliases
	err := c.get(ctx, path("collections", name, "aliases"), &list)
	return list.Aliases, err
}

// CreateIndex makes a payload index and waits until it answers. kind is
// keyword, integer, float or bool.
func (c *Client) CreateIndex(ctx context.Context, collection, field, kind string) error {
	schema, err := encode(kind)
	if err != nil {
		return err
	}
	return c.CreateIndexWith(ctx, collection, field, schema)
}

// CreateIndexWith makes a payload index with the options of the contract: a
// kind's name or an object with its type.
func (c *Client) CreateIndexWith(ctx context.Context, collection, field string, schema json.RawMessage) error {
	body := api.CreateFieldIndex{FieldName: field, FieldSchema: schema}
	k := call{method: http.MethodPut, path: path("collections", collection, "index"), query: waitQuery(true), idempotent: true}
	return c.send(ctx, k, body, nil)
}

// DeleteIndex removes a payload index; filters on the field go on working.
func (c *Client) DeleteIndex(ctx context.Context, collection, field string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: path("collections", collection, "index", field),
		query: waitQuery(true), idempotent: true}, nil)
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, call{method: http.MethodGet, path: path, idempotent: true}, out)
}

func (c *Client) send(ctx context.Context, k call, body, out any) error {
	var err error
	if k.body, err = encode(body); err != nil {
		return err
	}
	return c.do(ctx, k, out)
}

func waitQuery(wait bool) url.Values {
	if wait {
		return url.Values{"wait": {"true"}}
	}
	return url.Values{"wait": {"false"}}
}
