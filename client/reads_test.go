package client_test

import (
	"fmt"
	"testing"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

func TestReads(t *testing.T) {
	c, ctx := dial(t), t.Context()
	for _, name := range []string{"chunks", "docs"} {
		if err := c.CreateCollection(ctx, name, client.Single(2, api.Euclid)); err != nil {
			t.Fatal(err)
		}
	}
	for field, kind := range map[string]string{"doc": "integer", "lang": "keyword"} {
		if err := c.CreateIndex(ctx, "chunks", field, kind); err != nil {
			t.Fatal(err)
		}
	}
	var chunks, docs []client.Point
	for i := range 12 {
		chunks = append(chunks, client.Point{ID: client.Number(uint64(i)), Vectors: client.Unnamed([]float32{float32(i), 0}),
			Payload: map[string]any{"doc": i / 4, "lang": []string{"pl", "cs"}[i%2]}})
	}
	for i := range 2 {
		docs = append(docs, client.Point{ID: client.Number(uint64(i)), Vectors: client.Unnamed([]float32{10, 0}), Payload: map[string]any{"title": fmt.Sprint("doc ", i)}})
	}
	update := must[api.UpdateResult](t)
	update(c.Upsert(ctx, "chunks", chunks, client.Visible))
	update(c.Upsert(ctx, "docs", docs, client.Visible))
	polish := client.Filter{Must: []client.Condition{client.Match("lang", "pl")}}

	ordered := must[[]client.OrderedRecord](t)(c.ScrollBy(ctx, "chunks", client.OrderBy{Key: "doc", Desc: true, From: 1}, client.ScrollRequest{Filter: &polish, Limit: 3}))
	if len(ordered) != 3 || ordered[0].ID != client.Number(4) || ordered[1].ID != client.Number(6) || ordered[2].Value != "0" {
		t.Errorf("in order: %+v", ordered)
	}
	if n := must[int](t)(c.CountAbout(ctx, "chunks", &polish)); n != 6 {
		t.Errorf("about %d", n)
	}
	hits := must[[]client.FacetHit](t)(c.Facet(ctx, "chunks", client.Facet{Key: "doc", Filter: &polish, Limit: 2}))
	if len(hits) != 2 || string(hits[0].Value) != "0" || hits[0].Count != 2 {
		t.Errorf("facet: %+v", hits)
	}
	pairs := must[[]client.Pair](t)(c.MatrixPairs(ctx, "chunks", client.Matrix{Filter: &polish, Sample: 100, Limit: 1}))
	if len(pairs) != 6 || pairs[0].A != client.Number(0) || pairs[0].B != client.Number(2) || pairs[0].Score != 2 {
		t.Errorf("pairs: %+v", pairs)
	}
	m := must[client.Offsets](t)(c.MatrixOffsets(ctx, "chunks", client.Matrix{Sample: 5}))
	if len(m.IDs) != 5 || len(m.Rows) != 15 || len(m.Columns) != 15 || len(m.Scores) != 15 {
		t.Errorf("offsets: %+v", m)
	}
	one := client.Number(1)
	groups := must[[]client.Group](t)(c.QueryGroups(ctx, "chunks", client.Groups{By: "doc", Size: 2,
		Query:  client.Query{Point: &one, From: &client.LookupFrom{Collection: "docs"}, Limit: 3, Filter: &polish},
		Lookup: &client.Lookup{Collection: "docs", Select: client.Select{Payload: true}}}))
	if len(groups) != 3 || string(groups[0].ID) != "2" || groups[0].Lookup != nil || groups[1].Lookup == nil || string(groups[1].Lookup.Payload) != `{"title":"doc 1"}` {
		t.Fatalf("groups: %+v", groups)
	}
	ids(t, groups[0].Hits, scoredID, 10, 8)
}
