package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

// server is a source that speaks the contract: Qdrant, or another Kith.
type server struct {
	c *client.Client
	// skip leaves sparse and multi-vectors behind instead of refusing.
	skip bool
}

// FromServer reads from a server of the contract. With skip, vectors of a kind
// that Kith does not have yet are left behind rather than refused.
func FromServer(c *client.Client, skip bool) Source { return &server{c: c, skip: skip} }

// Name implements Source.
func (s *server) Name() string { return s.c.Base() }

// Close implements Source.
func (s *server) Close(context.Context) error {
	s.c.CloseIdle()
	return nil
}

// Collections implements Source.
func (s *server) Collections(ctx context.Context, names []string) ([]Collection, error) {
	if len(names) == 0 {
		var err error
		if names, err = s.c.Collections(ctx); err != nil {
			return nil, err
		}
		slices.Sort(names)
	}
	out := make([]Collection, len(names))
	for i, name := range names {
		c, err := s.describe(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("collection %s: %w", name, err)
		}
		out[i] = c
	}
	return out, nil
}

func (s *server) describe(ctx context.Context, name string) (Collection, error) {
	info, err := s.c.Collection(ctx, name)
	if err != nil {
		return Collection{}, err
	}
	c := Collection{Name: name, Strict: object(info.Config.StrictModeConfig)}
	if c.Spec.Vectors, c.Skipped, err = s.vectors(info.Config.Params.Vectors); err != nil {
		return c, err
	}
	if sparse := sparseNames(info.Config.Params.SparseVectors); len(sparse) > 0 {
		if !s.skip {
			return c, fmt.Errorf("it has sparse vectors (%q), which Kith does not store yet: leave them behind with --skip-unsupported", sparse)
		}
		c.Skipped = append(c.Skipped, sparse...)
	}
	p := info.Config.Params
	c.Spec.Other = api.CreateCollection{
		ShardNumber: &p.ShardNumber, ReplicationFactor: positive(p.ReplicationFactor), WriteConsistencyFactor: positive(p.WriteConsistencyFactor),
		OnDiskPayload: &p.OnDiskPayload, HNSWConfig: object(info.Config.HNSWConfig), OptimizersConfig: object(info.Config.OptimizerConfig),
		WALConfig: object(info.Config.WALConfig), QuantizationConfig: object(info.Config.QuantizationConfig), Metadata: object(info.Config.Metadata),
	}
	for field, ix := range info.PayloadSchema {
		schema := ix.Params
		if len(object(schema)) == 0 {
			schema, _ = json.Marshal(ix.DataType) // a string always encodes
		}
		c.Indexes = append(c.Indexes, Index{Field: field, Schema: schema})
	}
	slices.SortFunc(c.Indexes, func(a, b Index) int { return bytes.Compare([]byte(a.Field), []byte(b.Field)) })
	aliases, err := s.c.CollectionAliases(ctx, name)
	for _, a := range aliases {
		c.Aliases = append(c.Aliases, a.AliasName)
	}
	return c, err
}

// vectors reads the dense vectors of a configuration, one or many by name.
func (s *server) vectors(text json.RawMessage) (client.VectorConfig, []string, error) {
	out := client.VectorConfig{}
	if len(object(text)) == 0 {
		return out, nil, nil
	}
	named := map[string]json.RawMessage{}
	var probe struct {
		Size json.Number `json:"size"`
	}
	if err := json.Unmarshal(text, &probe); err == nil && probe.Size != "" {
		named[""] = text
	} else if err := json.Unmarshal(text, &named); err != nil {
		return nil, nil, fmt.Errorf("config.params.vectors: %w", err)
	}
	var skipped []string
	for name, one := range named {
		var v struct {
			api.VectorParams
			Multi json.RawMessage `json:"multivector_config"`
		}
		if err := json.Unmarshal(one, &v); err != nil {
			return nil, nil, fmt.Errorf("config.params.vectors.%s: %w", name, err)
		}
		if len(object(v.Multi)) == 0 {
			out[name] = v.VectorParams
			continue
		}
		if !s.skip {
			return nil, nil, fmt.Errorf("vector %q is a multi-vector, which Kith does not store yet: leave it behind with --skip-unsupported", name)
		}
		skipped = append(skipped, name)
	}
	slices.Sort(skipped)
	return out, skipped, nil
}

// object is a JSON value unless it is null or missing.
func object(text json.RawMessage) json.RawMessage {
	if t := bytes.TrimSpace(text); len(t) == 0 || bytes.Equal(t, []byte("null")) {
		return nil
	}
	return text
}

func sparseNames(text json.RawMessage) []string {
	var named map[string]json.RawMessage
	if json.Unmarshal(text, &named) != nil {
		return nil
	}
	out := make([]string, 0, len(named))
	for name := range named {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func positive(n int) *int {
	if n < 1 {
		return nil
	}
	return &n
}

// Count implements Source.
func (s *server) Count(ctx context.Context, collection string) (int, error) {
	return s.c.Count(ctx, collection, nil)
}

// Page implements Source.
func (s *server) Page(ctx context.Context, c *Collection, where string, limit int) (Page, error) {
	r := client.ScrollRequest{Limit: limit, Select: client.Select{Payload: true, Vector: true}}
	if len(c.Skipped) > 0 {
		r.Select.Vectors = names(c.Spec.Vectors)
		r.Select.Vector = len(r.Select.Vectors) > 0
	}
	if where != "" {
		id := client.ParseID(where)
		r.Offset = &id
	}
	records, next, err := s.c.Scroll(ctx, c.Name, r)
	if err != nil {
		return Page{}, err
	}
	page := Page{Points: make([]client.Point, len(records))}
	for i, one := range records {
		page.Points[i] = client.Point{ID: one.ID, Vectors: one.Vectors}
		if len(object(one.Payload)) > 0 {
			page.Points[i].Payload = one.Payload
		}
	}
	if next != nil {
		page.Next = next.String()
	}
	return page, nil
}

func names(v client.VectorConfig) []string {
	out := make([]string, 0, len(v))
	for name := range v {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
