package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/kith/migrate"
)

// fill makes a collection of two named vectors, some of them missing, with an
// index and an alias.
func fill(t *testing.T, kith *client.Client, name string, points int) {
	t.Helper()
	spec := client.CollectionSpec{Vectors: client.VectorConfig{
		"a": {Size: 3, Distance: api.Cosine}, "b": {Size: 2, Distance: api.Euclid},
	}}
	if err := kith.CreateCollection(t.Context(), name, spec); err != nil {
		t.Fatal(err)
	}
	var list []client.Point
	for i := range points {
		p := client.Point{ID: client.Number(uint64(i)), Vectors: client.Vectors{"a": {float32(i) + 1, 2, -1.5}}}
		if i%3 == 0 {
			p.Vectors["b"] = []float32{float32(i) / 7, 1e-9}
		}
		if i%5 == 0 {
			p.ID = client.UUID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
		}
		if i%4 != 0 {
			p.Payload = map[string]any{"n": i, "big": json.Number("12345678901234567890"), "deep": map[string]any{"b": nil, "a": []any{1.5, "x"}}}
		}
		list = append(list, p)
	}
	if _, err := kith.Upsert(t.Context(), name, list, client.Visible); err != nil {
		t.Fatal(err)
	}
	if err := kith.CreateIndex(t.Context(), name, "n", "integer"); err != nil {
		t.Fatal(err)
	}
	alias := api.AliasAction{Create: &api.Alias{AliasName: name + "-now", CollectionName: name}}
	if err := kith.ChangeAliases(t.Context(), alias); err != nil {
		t.Fatal(err)
	}
}

func dialed(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMigrateFromAServer(t *testing.T) {
	from, to := serving(t), serving(t)
	source, target := dialed(t, from), dialed(t, to)
	fill(t, source, "one", 700)
	fill(t, source, "two", 3)
	state := filepath.Join(t.TempDir(), "state.json")
	out := ok(t, "", "migrate", from, "--url", to, "--batch", "64", "--state", state, "--rename", "two=zwei", "-o", "json")
	var reports []migrate.Report
	if err := json.Unmarshal([]byte(out), &reports); err != nil || len(reports) != 2 {
		t.Fatalf("migrate says %s, %v", out, err)
	}
	if r := reports[0]; r.Points != 700 || !r.Verified || r.Resumed || len(r.Checksum) != 64 {
		t.Errorf("report %+v", r)
	}
	info, err := target.Collection(t.Context(), "one-now")
	if err != nil {
		t.Fatal(err)
	}
	if ix := info.PayloadSchema["n"]; info.PointsCount != 700 || ix.DataType != "integer" || ix.Points == 0 {
		t.Errorf("the copy is %+v", info)
	}
	if n, err := target.Count(t.Context(), "zwei", nil); err != nil || n != 3 {
		t.Errorf("zwei has %d points, %v", n, err)
	}
	_, errOut, status := kith(t, "", "migrate", from, "--url", to, "--state", state)
	if status != 1 || !strings.Contains(errOut, "--append") {
		t.Errorf("a second copy: status %d, %s", status, errOut)
	}
}

// TestMigrateGoesOn breaks a copy off after every batch in turn.
func TestMigrateGoesOn(t *testing.T) {
	from, to := serving(t), serving(t)
	source, target := dialed(t, from), dialed(t, to)
	fill(t, source, "one", 100)
	path := filepath.Join(t.TempDir(), "state.json")
	for runs := 0; ; runs++ {
		if runs > 20 {
			t.Fatal("it never ends")
		}
		state, err := migrate.OpenState(path, from, to)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		reports, err := migrate.Run(ctx, migrate.FromServer(source, false), migrate.Options{
			Target: target, Batch: 16, State: state, Verify: true,
			Progress: func(p migrate.Progress) {
				if p.Step == "copy" {
					cancel()
				}
			},
		})
		cancel()
		if err == nil {
			if r := reports[0]; r.Points != 100 || !r.Resumed || !r.Verified || runs < 6 {
				t.Errorf("after %d breaks: %+v", runs, r)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if _, err := migrate.OpenState(path, "another", to); err == nil {
		t.Error("the state of another source is taken")
	}
}

func TestMigrateNoticesDifferences(t *testing.T) {
	from, to := serving(t), serving(t)
	source, target := dialed(t, from), dialed(t, to)
	fill(t, source, "one", 50)
	o := migrate.Options{Target: target, Verify: true}
	if o.State, _ = migrate.OpenState("", from, to); o.State == nil {
		t.Fatal("no state")
	}
	if _, err := migrate.Run(t.Context(), migrate.FromServer(source, false), o); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		change func() error
		want   string
	}{
		{"payload", func() error {
			_, err := target.SetPayload(t.Context(), "one", client.IDs(client.Number(7)), map[string]any{"n": 8}, client.Visible)
			return err
		}, "point 7: payload"},
		{"vector", func() error {
			_, err := target.Upsert(t.Context(), "one", []client.Point{{ID: client.Number(7), Vectors: client.Vectors{"a": {8.01, 2, -1.5}}, Payload: map[string]any{
				"n": 7, "big": json.Number("12345678901234567890"), "deep": map[string]any{"b": nil, "a": []any{1.5, "x"}}}}}, client.Visible)
			return err
		}, `point 7: vector "a"`},
		{"missing", func() error {
			_, err := target.Delete(t.Context(), "one", client.IDs(client.Number(7)), client.Visible)
			return err
		}, "point 7 is not on the target"},
	} {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		_, err := migrate.Run(t.Context(), migrate.FromServer(source, false), o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s changed on the target: %v", c.what, err)
		}
	}
}

func TestMigrateBadSources(t *testing.T) {
	to := serving(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"ftp://x"}, "a source is http"},
		{[]string{"http://127.0.0.1:1", "--batch", "0"}, "--batch"},
		{[]string{"postgres://127.0.0.1:1/x"}, "--table"},
		{[]string{to, "--collection", "nothing"}, "nothing"},
		{[]string{to}, "no collections"},
	} {
		_, errOut, status := kith(t, "", append([]string{"migrate", "--url", to, "--state", ""}, c.args...)...)
		if status == 0 || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: status %d, %s", c.args, status, errOut)
		}
	}
}
