package client_test

import (
	"testing"
	"time"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

// TestConditions: each condition reaches the server and finds what it says.
func TestConditions(t *testing.T) {
	c, ctx := dial(t), t.Context()
	const name = "conditions"
	if err := c.CreateCollection(ctx, name, client.Single(2, api.Dot)); err != nil {
		t.Fatal(err)
	}
	day := func(n int) time.Time { return time.Date(2026, 1, n, 12, 0, 0, 0, time.UTC) }
	var points []client.Point
	for i := range 10 {
		points = append(points, client.Point{ID: client.Number(uint64(i)), Vectors: client.Unnamed([]float32{1, float32(i)}), Payload: map[string]any{
			"day":   day(i + 1),
			"place": client.GeoPoint{Lon: float64(i), Lat: 50},
			"title": []string{"a red fox", "a blue whale"}[i%2],
			"tags":  make([]int, i),
			"list":  []map[string]int{{"k": i, "v": 1}, {"k": i + 1, "v": 2}},
		}})
	}
	must[api.UpdateResult](t)(c.Upsert(ctx, name, points, client.Visible))
	two := uint64(2)
	at := func(lon, lat float64) client.GeoPoint { return client.GeoPoint{Lon: lon, Lat: lat} }
	for _, w := range []struct {
		what string
		c    client.Condition
		want int
	}{
		{"text", client.MatchText("title", "red f"), 5},
		{"text_any", client.MatchTextAny("title", "whale ox"), 10},
		{"phrase", client.MatchPhrase("title", "blue whale"), 5},
		{"prefix", client.MatchPrefix("title", "a b"), 5},
		{"datetime", client.DatetimeRange("day", client.Times{Gte: day(3), Lt: day(6)}), 3},
		{"datetime, open", client.DatetimeRange("day", client.Times{}), 10},
		{"box", client.GeoBox("place", at(1.5, 51), at(4.5, 49)), 3},
		{"radius", client.GeoRadius("place", at(5, 50), 80_000), 3},
		{"polygon", client.GeoPolygon("place", []client.GeoPoint{at(-1, 49), at(20, 49), at(20, 51), at(-1, 51), at(-1, 49)},
			[]client.GeoPoint{at(2.5, 49.5), at(3.5, 49.5), at(3.5, 50.5), at(2.5, 50.5), at(2.5, 49.5)}), 9},
		{"values_count", client.ValuesCount("tags", client.Counts{Lt: &two}), 2},
		{"has_vector", client.HasVector(""), 10},
		{"elements", client.Elements("list", client.Filter{Must: []client.Condition{client.Match("k", 3), client.Match("v", 2)}}), 1},
	} {
		f := client.Filter{Must: []client.Condition{w.c}}
		if n := must[int](t)(c.Count(ctx, name, &f)); n != w.want {
			t.Errorf("%s: %d points, want %d", w.what, n, w.want)
		}
	}
	total := 0
	for i := range uint32(3) {
		f := client.Filter{Must: []client.Condition{client.Slice(i, 3)}}
		total += must[int](t)(c.Count(ctx, name, &f))
	}
	if total != 10 {
		t.Errorf("slices hold %d points", total)
	}
}
