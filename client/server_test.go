package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server"
	"github.com/kithdb/kith/server/api"
)

// serve runs a real server in this process and returns its address and how to
// end it.
func serve(dir, key string) (addr string, stop func(), err error) {
	quiet := slog.New(slog.DiscardHandler)
	node, err := cluster.Open(context.Background(), cluster.Options{Dir: dir, Logger: quiet, DiskReserve: -1})
	if err != nil {
		return "", nil, err
	}
	srv, err := server.New(node, server.Options{APIKey: key, Logger: quiet})
	if err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	return l.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(srv.Shutdown(ctx), <-served, node.Close(ctx)); err != nil {
			fmt.Fprintln(os.Stderr, "stop the server:", err)
		}
	}, nil
}

func dial(t *testing.T) *client.Client {
	t.Helper()
	addr, stop, err := serve(t.TempDir(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c, err := client.New(addr, client.Options{APIKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

// must ends the test on an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ids[T any](t *testing.T, points []T, id func(*T) client.ID, want ...uint64) {
	t.Helper()
	got := fmt.Sprint(mapped(points, id))
	if wanted := fmt.Sprint(want); got != wanted {
		t.Errorf("points %s, want %s", got, wanted)
	}
}

func mapped[T any](points []T, id func(*T) client.ID) []client.ID {
	out := make([]client.ID, len(points))
	for i := range points {
		out[i] = id(&points[i])
	}
	return out
}

func recordID(r *client.Record) client.ID { return r.ID }
func scoredID(r *client.Scored) client.ID { return r.ID }

func TestCollections(t *testing.T) {
	c, ctx := dial(t), t.Context()
	v := must[api.Version](t)(c.Version(ctx))
	if v.Version != api.ContractVersion {
		t.Errorf("version %+v", v)
	}
	const name = "a/b ü?#%" // every call must escape it
	if err := c.CreateCollection(ctx, "plain", client.Single(3, api.Euclid)); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateCollection(ctx, "plain", client.Single(3, api.Euclid)); !errors.Is(err, client.ErrExists) {
		t.Errorf("second creation: %v", err)
	}
	if _, err := c.Collection(ctx, name); !errors.Is(err, client.ErrNotFound) && !errors.Is(err, client.ErrBadRequest) {
		t.Errorf("a name with everything in it: %v", err)
	}
	two := 2
	spec := client.CollectionSpec{Vectors: client.VectorConfig{"image": {Size: 2, Distance: api.Dot}, "text": {Size: 3, Distance: api.Cosine}},
		Other: api.CreateCollection{ShardNumber: &two, Metadata: []byte(`{"team":"x"}`)}}
	if err := c.CreateCollection(ctx, "named", spec); err != nil {
		t.Fatal(err)
	}
	info := must[api.CollectionInfo](t)(c.Collection(ctx, "named"))
	if info.Status != "green" || info.Config.Params.ShardNumber != 2 || string(info.Config.Metadata) != `{"team":"x"}` {
		t.Errorf("info %+v", info)
	}
	if err := c.UpdateCollection(ctx, "named", api.UpdateCollection{HNSWConfig: []byte(`{"m":8}`)}); err != nil {
		t.Error(err)
	}
	if n := len(must[[]string](t)(c.Collections(ctx))); n != 2 {
		t.Errorf("%d collections", n)
	}
	create := api.AliasAction{Create: &api.Alias{AliasName: "other", CollectionName: "named"}}
	if err := c.ChangeAliases(ctx, create); err != nil {
		t.Error(err)
	}
	if a := must[[]api.Alias](t)(c.CollectionAliases(ctx, "named")); len(a) != 1 || a[0].AliasName != "other" {
		t.Errorf("aliases %v", a)
	}
	if a := must[[]api.Alias](t)(c.Aliases(ctx)); len(a) != 1 {
		t.Errorf("aliases %v", a)
	}
	if !must[bool](t)(c.DeleteCollection(ctx, "plain")) || must[bool](t)(c.DeleteCollection(ctx, "plain")) {
		t.Error("a deletion tells whether there was a collection")
	}
	if must[bool](t)(c.CollectionExists(ctx, "plain")) {
		t.Error("deleted and there")
	}
}

func TestPoints(t *testing.T) {
	c, ctx := dial(t), t.Context()
	const name = "points"
	if err := c.CreateCollection(ctx, name, client.Single(2, api.Euclid)); err != nil {
		t.Fatal(err)
	}
	uuid := client.UUID("936DA01F-9ABD-4D9D-80C7-02AF85C822A8")
	points := []client.Point{{ID: uuid, Vectors: client.Unnamed([]float32{9, 9})}}
	for i := range 20 {
		points = append(points, client.Point{ID: client.Number(uint64(i)), Vectors: client.Unnamed([]float32{float32(i), 0}),
			Payload: map[string]any{"n": i, "even": i%2 == 0, "name": fmt.Sprintf("p%d", i)}})
	}
	update := must[api.UpdateResult](t)
	if r := update(c.Upsert(ctx, name, points, client.Visible)); r.Status != api.Completed {
		t.Errorf("visible: %+v", r)
	}
	if err := errors.Join(c.CreateIndex(ctx, name, "n", "integer"), c.CreateIndex(ctx, name, "even", "bool"), c.DeleteIndex(ctx, name, "even")); err != nil {
		t.Error(err)
	}
	one := must[client.Record](t)(c.Get(ctx, name, client.Number(3)))
	var payload struct{ Name string }
	if err := one.Decode(&payload); err != nil || payload.Name != "p3" || one.Vectors[""][0] != 3 {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := c.Get(ctx, name, client.Number(99)); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("missing point: %v", err)
	}
	if _, err := c.Upsert(ctx, name, []client.Point{{Vectors: client.Unnamed([]float32{1})}}, client.Visible); !errors.Is(err, client.ErrBadRequest) {
		t.Errorf("wrong dimension: %v", err)
	}
	low := client.Filter{Must: []client.Condition{client.Between("n", 2, 6)}, MustNot: []client.Condition{client.Match("even", true)}}
	if n := must[int](t)(c.Count(ctx, name, &low)); n != 2 {
		t.Errorf("count %d", n)
	}
	four, never := 4.0, client.Filter{MustNot: []client.Condition{client.HasID(uuid)}}
	found := must[[]client.Scored](t)(c.Query(ctx, name, client.Query{Vector: []float32{4, 3}, Filter: &low, Select: client.Select{Include: []string{"n"}, Vector: true}}))
	ids(t, found, scoredID, 3, 5)
	if len(found) == 2 && (string(found[0].Payload) != `{"n":3}` || found[0].Vectors[""][0] != 3) {
		t.Errorf("selected %s, %v", found[0].Payload, found[0].Vectors)
	}
	three := client.Number(3)
	lists := must[[][]client.Scored](t)(c.QueryBatch(ctx, name, []client.Query{
		{Point: &three, Limit: 2, Offset: 1, Filter: &never, Params: &api.SearchParams{Exact: true}},
		{Filter: &client.Filter{Must: []client.Condition{client.Range("n", client.Bounds{Gt: &four, Lte: &four})}}}}))
	if len(lists) != 2 || len(lists[0]) != 2 || len(lists[1]) != 0 {
		t.Errorf("batch %v", lists)
	}
	update(c.SetPayload(ctx, name, client.IDs(three), map[string]any{"n": 33}, client.Visible))
	update(c.DeletePayload(ctx, name, client.IDs(three), []string{"even"}, client.Visible))
	got := must[[]client.Record](t)(c.Retrieve(ctx, name, []client.ID{three, client.Number(77)}, client.Select{Exclude: []string{"name"}}))
	if len(got) != 1 || string(got[0].Payload) != `{"n":33}` {
		t.Errorf("retrieved %+v", got)
	}
	update(c.OverwritePayload(ctx, name, client.Where(low), map[string]any{"x": 1}, client.Visible))
	update(c.ClearPayload(ctx, name, client.IDs(three), client.Visible))
	update(c.Delete(ctx, name, client.Where(client.Filter{Must: []client.Condition{client.Match("x", 1)}}), client.Visible))
	if n := must[int](t)(c.Count(ctx, name, nil)); n != 20 {
		t.Errorf("%d points are left", n)
	}
	var walked []client.Record
	for r, err := range c.All(ctx, name, client.ScrollRequest{Limit: 3, Filter: &never}) {
		if err != nil {
			t.Fatal(err)
		}
		walked = append(walked, r)
	}
	ids(t, walked, recordID, 0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19)
}

func TestHeavyBatchesAreSplit(t *testing.T) {
	c, ctx := dial(t), t.Context()
	if err := c.CreateCollection(ctx, "wide", client.Single(2, api.Dot)); err != nil {
		t.Fatal(err)
	}
	const points = 40
	text := strings.Repeat("x", 1<<20) // 40 MiB in one batch; the server takes 32
	u := c.NewUploader(ctx, client.UploadOptions{Collection: "wide", Durability: client.Visible})
	for i := range points {
		p := client.Point{ID: client.Number(uint64(i)), Vectors: client.Unnamed([]float32{1, 2}), Payload: map[string]any{"text": text}}
		if err := u.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := u.Close(); err != nil || p.Stored != points {
		t.Errorf("%+v, %v", p, err)
	}
	if n := must[int](t)(c.Count(ctx, "wide", nil)); n != points {
		t.Errorf("%d points", n)
	}
}

func TestAWrongKeyIsRefused(t *testing.T) {
	good := dial(t)
	bad, err := client.New(good.Base(), client.Options{APIKey: "guess"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Collections(t.Context()); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("error %v", err)
	}
	if err := bad.WaitReady(t.Context(), time.Millisecond); err != nil {
		t.Errorf("readiness needs no key: %v", err)
	}
}

func TestUploaderFillsAServer(t *testing.T) {
	c, ctx := dial(t), t.Context()
	if err := c.CreateCollection(ctx, "up", client.Single(4, api.Cosine)); err != nil {
		t.Fatal(err)
	}
	u := c.NewUploader(ctx, client.UploadOptions{Collection: "up", Batch: 50, Workers: 3, Durability: client.Visible})
	for i := range 1010 {
		if err := u.Add(client.Point{ID: client.Number(uint64(i)), Vectors: client.Unnamed([]float32{1, float32(i), 0, 2})}); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := u.Close(); err != nil || p.Prefix != 1010 {
		t.Errorf("%+v, %v", p, err)
	}
	if n := must[int](t)(c.Count(ctx, "up", nil)); n != 1010 {
		t.Errorf("%d points", n)
	}
	if err := c.WaitGreen(ctx, "up", time.Millisecond); err != nil {
		t.Error(err)
	}
}
