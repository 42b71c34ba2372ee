package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/kithdb/kith/storage/op"
)

// readers are all the bodies that clients send.
var readers = []struct {
	name string
	read func([]byte) error
}{
	{"upsert", func(b []byte) error { o, err := Upsert(b); return errs(err, sound(o)) }},
	{"delete", fault(Delete)},
	{"clear", fault(ClearPayload)},
	{"set", fault(SetPayload)},
	{"overwrite", fault(OverwritePayload)},
	{"delete keys", fault(DeletePayload)},
	{"operations", func(b []byte) error {
		list, err := Operations(b)
		for _, o := range list {
			err = errs(err, sound(o))
		}
		return err
	}},
	{"update vectors", func(b []byte) error { o, err := UpdateVectors(b); return errs(err, sound(o)) }},
	{"delete vectors", fault(DeleteVectors)},
	{"new vector", fault(NewVector)},
	{"index", fault(CreateIndex)},
	{"query", fault(Query)},
	{"queries", fault(Queries)},
	{"search", fault(Search)},
	{"searches", fault(Searches)},
	{"points", fault(Points)},
	{"scroll", fault(Scroll)},
	{"count", fault(Count)},
	{"facet", fault(Facet)},
	{"matrix", fault(Matrix)},
	{"groups", fault(QueryGroups)},
	{"search groups", fault(SearchGroups)},
	{"create", fault(CreateCollection)},
	{"update", fault(UpdateCollection)},
	{"aliases", fault(Aliases)},
	{"recover", fault(SnapshotRecover)},
	{"quotas", fault(Quotas)},
}

func fault[T any](read func([]byte) (T, error)) func([]byte) error {
	return func(b []byte) error { _, err := read(b); return err }
}

func errs(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// unsound is a body that was taken and should not have been.
type unsound string

func (u unsound) Error() string { return string(u) }

// sound checks what every upsert that was taken must be.
func sound(o op.Op) error {
	for i := range o.Points {
		p := &o.Points[i]
		if p.Payload != nil && (!json.Valid(p.Payload) || p.Payload[0] != '{') {
			return unsound("a payload is no object: " + string(p.Payload))
		}
		var names []string
		for _, v := range p.Vectors {
			if slices.Contains(names, v.Name) {
				return unsound("a point has two vectors " + v.Name)
			}
			names = append(names, v.Name)
			for _, x := range v.Values {
				if x64 := float64(x); math.IsNaN(x64) || math.IsInf(x64, 0) {
					return unsound("a value is not finite")
				}
			}
		}
	}
	return nil
}

var bodies = []string{
	`{"points":[{"id":1,"vector":[1,-2.5,3e2],"payload":{"a":{"b":[1,"x",null]}}},{"id":"550e8400-e29b-41d4-a716-446655440000","vector":{"a":[1],"b":[2]}}]}`,
	`{"batch":{"ids":[1,2],"vectors":[[1],[2]],"payloads":[{"a":1},null]}}`,
	`{"batch":{"ids":[1,2],"vectors":{"a":[[1],[2]],"b":[[],[3]]}}}`,
	`{"points":[{"id":1,"vector":[1]},{"id":2,"vector":[1]}],"batch":{"ids":[],"vectors":[]}}`,
	`{"batch":{"ids":[1],"vectors":[[1],[2],[3]],"vectors":[[1]]}}`,
	`{"points":[{"id":1,"vector":[1],"vector":[2]}]}`,
	`{"points":[1,"550e8400e29b41d4a716446655440000"]}`,
	`{"filter":{"must":[{"key":"a.b[].c","match":{"any":["x",1]}},{"has_id":[1]}],"min_should":{"conditions":[],"min_count":1}}}`,
	`{"payload":{"é":"🏠"},"points":[1],"key":"a.b"}`,
	`{"keys":["a","b[0].c"],"filter":{}}`,
	`{"operations":[{"upsert":{"points":[]}},{"set_payload":{"payload":{},"points":[1]}},{"delete":{"filter":{}}}]}`,
	`{"points":[{"id":1,"vector":{"a":[1],"":[2,3]}},{"id":2,"vector":{}}],"update_filter":{"must":[{"has_vector":"a"}]},"update_mode":"insert_only","shard_key":null}`,
	`{"vector":["","a"],"points":[1,"550e8400-e29b-41d4-a716-446655440000"],"filter":null}`,
	`{"operations":[{"update_vectors":{"points":[{"id":1,"vector":[1]}]}},{"delete_vectors":{"vector":["a"],"filter":{}}},{"overwrite_payload":{"payload":{"a":null},"points":[1],"key":"a[].b"}}]}`,
	`{"dense":{"size":4,"distance":"Cosine","datatype":"uint8","multivector_config":null},"sparse":null}`,
	`{"field_name":"a","field_schema":{"type":"integer","range":true}}`,
	`{"query":{"nearest":[1,2]},"using":"a","limit":3,"offset":1,"with_payload":{"exclude":["a"]},"with_vector":["a"],"params":{"hnsw_ef":1,"exact":true},"score_threshold":-1e-3}`,
	`{"searches":[{"query":5},{"vector":{"name":"a","vector":[1]},"limit":1}]}`,
	`{"ids":[1,2],"with_payload":["a"]}`,
	`{"limit":3,"offset":7,"filter":null}`,
	`{"vectors":{"a":{"size":4,"distance":"Dot","hnsw_config":{"m":8}}},"shard_number":2,"optimizers_config":{"max_optimization_threads":"auto"}}`,
	`{"params":{"on_disk_payload":true},"quantization_config":"Disabled","vectors":{"":{"on_disk":true}}}`,
	`{"key":"a.b","limit":5,"exact":true,"filter":{"must":[]}}`,
	`{"sample":5,"limit":2,"using":"a","filter":{}}`,
	`{"query":[1,2],"group_by":"a","group_size":2,"limit":3,"with_lookup":{"collection":"c","with_payload":["a"]}}`,
	`{"vector":{"name":"a","vector":[1]},"group_by":"a","group_size":2,"limit":3,"with_lookup":"c"}`,
	`{"location":"file:///a.snapshot","priority":"snapshot","checksum":"00","api_key":"k"}`,
	`{"order_by":{"key":"n","direction":"desc","start_from":"2024-01-01"},"limit":3}`,
	`{"points":[{"id":1,"vector":[1]}],"update_mode":"insert_only","update_filter":{"must":[]}}`,
	`{"field_name":"t","field_schema":{"type":"text","tokenizer":"word","stopwords":{"languages":["english"],"custom":["x"]},"stemmer":{"type":"snowball","language":"english"}}}`,
	`{"strict_mode_config":{"enabled":true,"max_query_limit":5},"quantization_config":{"scalar":{"type":"int8","quantile":0.9}}}`,
	`{"actions":[{"create_alias":{"alias_name":"a","collection_name":"b"}},{"rename_alias":{"old_alias_name":"a","new_alias_name":"c"}}]}`,
}

// TestEveryReaderIsFuzzed holds the list of readers against the package.
func TestEveryReaderIsFuzzed(t *testing.T) {
	list, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	reader := regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(body \[\]byte`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reader.FindAllSubmatch(text, -1) {
			found++
			if !bytes.Contains(list, []byte("("+string(m[1])+")")) && !bytes.Contains(list, []byte(" "+string(m[1])+"(b)")) {
				t.Errorf("%s reads a body and is not among the readers that are fuzzed", m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d readers found", found)
	}
}

// Whatever the bytes are, no reader panics, and what a reader takes is sound JSON.
func FuzzBodies(f *testing.F) {
	for _, b := range bodies {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, r := range readers {
			err := r.read(bytes.Clone(body))
			if u, ok := err.(unsound); ok {
				t.Fatalf("%s: %s", r.name, u)
			}
			if e, ok := err.(*Error); ok && e.Error() == "" || err == nil && !json.Valid(body) {
				t.Fatalf("%s takes what is not JSON, or does not say why not: %v", r.name, err)
			}
		}
	})
}

// A text cut short is refused by every reader.
func TestBodiesCutShortAreRefused(t *testing.T) {
	for _, b := range bodies {
		for n := range len(b) {
			for _, r := range readers {
				if err := r.read([]byte(b[:n])); err == nil {
					t.Fatalf("%s takes %s", r.name, b[:n])
				}
			}
		}
	}
}

func TestKeysGivenTwiceAreRefused(t *testing.T) {
	for _, body := range []string{
		`{"points":[],"points":[]}`,
		`{"points":[{"id":1,"vector":[1]}],"batch":{"ids":[],"vectors":[]}}`,
		`{"batch":{"ids":[1],"vectors":[[1],[2]],"vectors":[[1]]}}`,
		`{"points":[{"id":1,"id":2,"vector":[1]}]}`,
		`{"points":[{"id":1,"vector":[1],"vector":[2]}]}`,
		`{"points":[{"id":1,"vector":{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1],"g":[1],"h":[1],"i":[1],"i":[1]}}]}`,
	} {
		if _, err := Upsert([]byte(body)); err == nil {
			t.Errorf("taken: %s", body)
		}
	}
}

// An upsert lives on when the buffer of its request is used again.
func TestUpsertKeepsNothingOfTheBody(t *testing.T) {
	body := []byte(bodies[0])
	want, err := Upsert(bytes.Clone(body))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Upsert(body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 'x'
	}
	for i := range want.Points {
		w, g := &want.Points[i], &got.Points[i]
		if w.ID != g.ID || !bytes.Equal(w.Payload, g.Payload) || len(w.Vectors) != len(g.Vectors) || w.Vectors[0].Name != g.Vectors[0].Name || !slices.Equal(w.Vectors[0].Values, g.Vectors[0].Values) {
			t.Errorf("point %d: %+v, want %+v", i, g, w)
		}
	}
}
