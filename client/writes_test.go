package client_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

func TestVectorsConditionsAndBatches(t *testing.T) {
	c, ctx := dial(t), t.Context()
	const name = "writes"
	one, two, three := client.Number(1), client.Number(2), client.Number(3)
	if err := c.CreateCollection(ctx, name, client.CollectionSpec{Vectors: client.VectorConfig{"a": {Size: 2, Distance: api.Dot}}}); err != nil {
		t.Fatal(err)
	}
	update := must[api.UpdateResult](t)
	vectors := func(id client.ID) client.Vectors {
		t.Helper()
		return must[client.Record](t)(c.Get(ctx, name, id)).Vectors
	}
	point := func(id client.ID, x float32, n int) client.Point {
		return client.Point{ID: id, Vectors: client.Vectors{"a": {x, x}}, Payload: map[string]any{"n": n}}
	}
	update(c.Upsert(ctx, name, []client.Point{point(one, 1, 1), point(two, 2, 2)}, client.Visible))

	dense := api.DenseVector{Size: 1, Distance: api.Euclid, Datatype: "float16"}
	if err := errors.Join(c.AddVector(ctx, name, "b", dense), c.AddVector(ctx, name, "b", dense)); err != nil {
		t.Fatal(err)
	}
	if err := c.AddVector(ctx, name, "b", api.DenseVector{Size: 3, Distance: api.Euclid}); !errors.Is(err, client.ErrBadRequest) {
		t.Errorf("another vector of the name: %v", err)
	}
	update(c.UpdateVectors(ctx, name, map[client.ID]client.Vectors{one: {"b": {7}}, two: {"b": {8}, "a": {5, 5}}}, nil, client.Visible))
	if v := vectors(two); !slices.Equal(v["a"], []float32{5, 5}) || !slices.Equal(v["b"], []float32{8}) {
		t.Errorf("updated to %v", v)
	}
	first := client.Filter{Must: []client.Condition{client.Match("n", 1)}}
	update(c.UpdateVectors(ctx, name, map[client.ID]client.Vectors{one: {"b": {70}}, two: {"b": {80}}}, &first, client.Visible))
	if a, b := vectors(one)["b"], vectors(two)["b"]; a[0] != 70 || b[0] != 8 {
		t.Errorf("updated on a condition: %v, %v", a, b)
	}
	if _, err := c.UpdateVectors(ctx, name, map[client.ID]client.Vectors{three: {"b": {1}}}, nil, client.Visible); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("vectors of a point that is not there: %v", err)
	}
	update(c.DeleteVectors(ctx, name, client.IDs(one), []string{"b"}, client.Visible))
	if v := vectors(one); len(v) != 1 {
		t.Errorf("deleted, and there are %v", v)
	}

	update(c.UpsertIf(ctx, name, []client.Point{point(one, 9, 9), point(three, 9, 3)}, client.UpsertOptions{Mode: client.InsertOnly}, client.Visible))
	update(c.UpsertIf(ctx, name, []client.Point{point(two, 6, 2), point(client.Number(4), 6, 4)}, client.UpsertOptions{Mode: client.UpdateOnly, Filter: &first}, client.Visible))
	if a, b := vectors(one)["a"], vectors(two)["a"]; a[0] != 1 || b[0] != 5 || must[int](t)(c.Count(ctx, name, nil)) != 3 {
		t.Errorf("upserts that should have changed nothing left %v, %v", a, b)
	}
	update(c.SetPayloadBelow(ctx, name, client.IDs(one), client.Below{Key: "deep.er", Payload: map[string]any{"x": true}}, client.Visible))
	if p := string(must[client.Record](t)(c.Get(ctx, name, one)).Payload); p != `{"n":1,"deep":{"er":{"x":true}}}` {
		t.Errorf("payload %s", p)
	}

	results := must[[]api.UpdateResult](t)(c.Batch(ctx, name, []client.Operation{
		client.UpsertOp([]client.Point{point(one, 3, 30)}, client.UpsertOptions{}),
		client.SetPayloadOp(client.IDs(one), "", map[string]any{"m": 1}),
		client.UpdateVectorsOp(map[client.ID]client.Vectors{one: {"b": {4}}}, nil),
		client.DeleteVectorsOp(client.IDs(one), []string{"a"}),
		client.DeletePayloadOp(client.IDs(one), []string{"n"}),
		client.OverwritePayloadOp(client.IDs(two), map[string]any{"z": 1}),
		client.ClearPayloadOp(client.IDs(three)),
		client.DeleteOp(client.IDs(three)),
	}, client.Visible))
	got := must[client.Record](t)(c.Get(ctx, name, one))
	if len(results) != 8 || string(got.Payload) != `{"m":1}` || len(got.Vectors) != 1 || got.Vectors["b"][0] != 4 || must[int](t)(c.Count(ctx, name, nil)) != 2 {
		t.Errorf("%d results; %+v", len(results), got)
	}
	if err := errors.Join(c.RemoveVector(ctx, name, "b"), c.RemoveVector(ctx, name, "b")); err != nil {
		t.Error(err)
	}
	if v := vectors(one); len(v) != 0 {
		t.Errorf("the collection's vector is gone, and the point has %v", v)
	}
}
