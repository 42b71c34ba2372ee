package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kithdb/kith/cluster"
)

// stored is a point's vectors and payload, as text.
func (r *running) stored(id string) string {
	r.t.Helper()
	var p hit
	r.must("GET", "/collections/v/points/"+id, "", &p)
	return string(p.Vector) + " " + string(p.Payload)
}

func TestVectorsOfPoints(t *testing.T) {
	r := serve(t, start{node: cluster.Options{Groups: 2}})
	r.must("PUT", "/collections/v", `{"vectors":{"a":{"size":2,"distance":"Dot"},"b":{"size":2,"distance":"Cosine"}},"shard_number":2}`)
	r.must("PUT", "/collections/v/points?wait=true", `{"points":[
		{"id":1,"vector":{"a":[1,2],"b":[3,4]},"payload":{"n":1}},{"id":2,"vector":{"a":[5,6]},"payload":{"n":2}},{"id":3,"vector":{}}]}`)
	r.must("PUT", "/collections/v/points/vectors?wait=true&ordering=strong&timeout=5", `{"points":[{"id":1,"vector":{"a":[7,8]}},{"id":3,"vector":{"b":[0,2]}},{"id":1,"vector":{"a":[9,9]}}]}`)
	r.must("PUT", "/collections/v/points/vectors?wait=true", `{"points":[{"id":1,"vector":{"b":[1,0]}},{"id":2,"vector":{"b":[1,0]}}],"update_filter":{"must":{"key":"n","match":{"value":2}}}}`)
	for id, want := range map[string]string{"1": `{"a":[9,9],"b":[0.6,0.8]} {"n":1}`, "2": `{"a":[5,6],"b":[1,0]} {"n":2}`, "3": `{"b":[0,1]} {}`} {
		if got := r.stored(id); got != want {
			t.Errorf("point %s: %s, want %s", id, got, want)
		}
	}
	var found hits
	r.must("POST", "/collections/v/points/query", `{"query":[1,0],"using":"b","filter":{"must":{"has_vector":"a"}},"limit":5}`, &found)
	if found.ids() != "2 1" {
		t.Errorf("found %s", found.ids())
	}
	r.must("POST", "/collections/v/points/vectors/delete?wait=true", `{"points":[1,1],"vector":["a"]}`)
	r.must("POST", "/collections/v/points/vectors/delete?wait=true", `{"filter":{"must":{"has_vector":"a"}},"vector":["a","b"]}`)
	for id, want := range map[string]string{"1": `{"b":[0.6,0.8]} {"n":1}`, "2": `{} {"n":2}`, "3": `{"b":[0,1]} {}`} {
		if got := r.stored(id); got != want {
			t.Errorf("point %s: %s, want %s", id, got, want)
		}
	}
}

func TestUpsertsByModeAndCondition(t *testing.T) {
	r := serve(t, start{})
	r.must("PUT", "/collections/v", `{"vectors":{"size":1,"distance":"Dot"}}`)
	put := func(body string) { t.Helper(); r.must("PUT", "/collections/v/points?wait=true", body) }
	put(`{"points":[{"id":1,"vector":[1],"payload":{"v":1}},{"id":2,"vector":[1],"payload":{"v":2}}]}`)
	put(`{"points":[{"id":1,"vector":[2]},{"id":3,"vector":[2]}],"update_mode":"insert_only"}`)
	put(`{"points":[{"id":2,"vector":[3]},{"id":4,"vector":[3]}],"update_mode":"update_only"}`)
	put(`{"batch":{"ids":[1,2,5,5],"vectors":[[4],[4],[4],[5]]},"update_filter":{"must":{"key":"v","match":{"value":2}}}}`)
	put(`{"points":[{"id":3,"vector":[6]}],"update_mode":"upsert","update_filter":null}`)
	var found hits
	r.must("POST", "/collections/v/points/scroll", `{"with_vector":true,"with_payload":true}`, &found)
	text, err := json.Marshal(found.Points)
	if err != nil || found.ids() != "1 2 3 5" {
		t.Fatalf("%s %v", found.ids(), err)
	}
	for _, want := range []string{`"payload":{"v":1},"vector":[1]`, `"payload":{},"vector":[3]`, `"vector":[6]`, `"vector":[5]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

func TestVectorsOfALivingCollection(t *testing.T) {
	r := filled(t, start{})
	const at = "/collections/c/vectors/new%20one"
	var done struct {
		Status      string `json:"status"`
		OperationID uint64 `json:"operation_id"`
	}
	r.must("PUT", at+"?wait=true", `{"dense":{"size":2,"distance":"Dot"}}`, &done)
	if done.Status != "completed" || done.OperationID == 0 {
		t.Errorf("%+v", done)
	}
	r.must("PUT", at, `{"dense":{"size":2,"distance":"Dot","datatype":"float32"}}`) // the same again
	if status, a, _ := r.send("PUT", at, `{"dense":{"size":2,"distance":"Cosine"}}`); status != 400 || !strings.Contains(a.message(), "delete it before") {
		t.Errorf("another one of the name: %d %s", status, a.message())
	}
	var info struct {
		Config struct {
			Params struct {
				Vectors map[string]struct{ Size int }
			}
		}
	}
	r.must("GET", "/collections/c", "", &info)
	if v := info.Config.Params.Vectors; len(v) != 2 || v["new one"].Size != 2 || v[""].Size != 4 {
		t.Errorf("vectors are told as %+v", v)
	}
	r.must("PUT", "/collections/c/points/vectors?wait=true", `{"points":[{"id":1,"vector":{"new one":[1,2]}}]}`)
	var found hits
	r.must("POST", "/collections/c/points/query", `{"query":[1,1],"using":"new one","with_vector":true}`, &found)
	if found.ids() != "1" || string(found.Points[0].Vector) != `{"":[1,0,0,0],"new one":[1,2]}` {
		t.Errorf("found %+v", found)
	}
	r.must("DELETE", at+"?wait=true", "")
	r.must("DELETE", at+"?wait=true", "") // none is fine
	if status, a, _ := r.send("POST", "/collections/c/points/query", `{"query":[1,1],"using":"new one"}`); status != 400 {
		t.Errorf("a vector that is gone: %d %s", status, a.message())
	}
	r.must("GET", "/collections/c/points/1", "", &found.Points[0])
	if string(found.Points[0].Vector) != `[1,0,0,0]` {
		t.Errorf("left: %s", found.Points[0].Vector)
	}
}

// A batch is done whole or not at all, also over several shards of a group.
func TestABatchThatFailsChangesNothing(t *testing.T) {
	r := serve(t, start{node: cluster.Options{Groups: 1}})
	r.must("PUT", "/collections/v", `{"vectors":{"size":1,"distance":"Dot"},"shard_number":3}`)
	r.must("PUT", "/collections/v/points?wait=true", `{"batch":{"ids":[1,2,3,4,5,6],"vectors":[[1],[1],[1],[1],[1],[1]]}}`)
	before := r.stored("1")
	status, a, _ := r.send("POST", "/collections/v/points/batch?wait=true", `{"operations":[
		{"upsert":{"points":[{"id":1,"vector":[2]},{"id":7,"vector":[2]}]}},
		{"delete":{"filter":{"must":{"has_id":[2,3,4,5,6]}}}},
		{"set_payload":{"payload":{"a":1},"points":[1,99]}}]}`)
	if status != 404 || !strings.Contains(a.message(), "99") {
		t.Errorf("%d %s", status, a.message())
	}
	if n := r.count("v"); n != 6 || r.stored("1") != before {
		t.Errorf("%d points, the first is %s; want 6 and %s", n, r.stored("1"), before)
	}
}
