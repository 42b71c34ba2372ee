package client

import (
	"context"
	"encoding/json"
)

// Groups is a query whose answer is grouped. Query.Limit counts groups;
// Query.Offset is not used.
type Groups struct {
	Query
	By     string  // payload field; its strings and integers name the groups of a point
	Size   int     // how many points a group shows; 0 takes 3
	Lookup *Lookup // where to read the points that groups are named after; nil reads none
}

// Lookup names another collection, and what to read of its points.
type Lookup struct {
	Collection string
	Select     Select
}

// Group is the best points that share a value, best first. Lookup is nil unless
// asked for and found.
type Group struct {
	ID     json.RawMessage `json:"id"`
	Hits   []Scored        `json:"hits"`
	Lookup *Record         `json:"lookup"`
}

// QueryGroups finds the groups of the best points, best group first.
func (c *Client) QueryGroups(ctx context.Context, collection string, g Groups) ([]Group, error) {
	body, err := g.Query.body()
	if err != nil {
		return nil, err
	}
	delete(body, "offset")
	body["group_by"] = g.By
	if g.Size > 0 {
		body["group_size"] = g.Size
	}
	if l := g.Lookup; l != nil {
		body["with_lookup"] = object{"collection": l.Collection, "with_payload": l.Select.payload(), "with_vectors": l.Select.vector()}
	}
	var r struct {
		Groups []Group `json:"groups"`
	}
	err = c.read(ctx, body, &r, "collections", collection, "points", "query", "groups")
	return r.Groups, err
}
