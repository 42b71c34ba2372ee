package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server"
)

// running is a real server over a real node, on a port of its own.
type running struct {
	t    *testing.T
	url  string
	addr string
	node *cluster.Node
	srv  *server.Server
	stop func()
}

type start struct {
	dir    string
	node   cluster.Options
	server server.Options
}

func serve(t *testing.T, s start) *running {
	t.Helper()
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	if s.node.Logger == nil {
		s.node.Logger = slog.New(slog.DiscardHandler)
	}
	s.server.Logger = s.node.Logger
	s.node.Dir = s.dir
	if s.node.DiskReserve == 0 {
		s.node.DiskReserve = -1
	}
	node, err := cluster.Open(t.Context(), s.node)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(node, s.server)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	stopped := false
	r := &running{t: t, addr: l.Addr().String(), url: "http://" + l.Addr().String(), node: node, srv: srv}
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := node.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// answer is the contract's envelope.
type answer struct {
	Result json.RawMessage `json:"result"`
	Status json.RawMessage `json:"status"`
	Time   *float64        `json:"time"`
}

func (a *answer) message() string {
	var status struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(a.Status, &status) != nil {
		return ""
	}
	return status.Error
}

func (r *running) send(method, path, body string, headers ...string) (int, answer, http.Header) {
	r.t.Helper()
	resp, text := r.exchange(method, path, body, headers...)
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil || a.Time == nil || a.Status == nil {
		r.t.Fatalf("%s %s: not the contract's envelope: %s", method, path, text)
	}
	return resp.StatusCode, a, resp.Header
}

// must sends a request that has to succeed, and reads its result.
func (r *running) must(method, path, body string, into ...any) {
	r.t.Helper()
	status, a, _ := r.send(method, path, body)
	if status != 200 || string(a.Status) != `"ok"` {
		r.t.Fatalf("%s %s: %d %s", method, path, status, a.Status)
	}
	for _, v := range into {
		if err := json.Unmarshal(a.Result, v); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, a.Result)
		}
	}
}

type hit struct {
	ID      json.RawMessage `json:"id"`
	Version uint64          `json:"version"`
	Score   float32         `json:"score"`
	Payload json.RawMessage `json:"payload"`
	Vector  json.RawMessage `json:"vector"`
}

type hits struct {
	Points []hit           `json:"points"`
	Next   json.RawMessage `json:"next_page_offset"`
}

func (h hits) ids() string {
	var out []string
	for _, p := range h.Points {
		out = append(out, string(p.ID))
	}
	return strings.Join(out, " ")
}

func (r *running) count(name string) (n int) {
	r.t.Helper()
	var c struct{ Count int }
	r.must("POST", "/collections/"+name+"/points/count", `{}`, &c)
	return c.Count
}

const someUUID = `"550e8400-e29b-41d4-a716-446655440000"`

// filled is a server with a collection "c" of four points in four dimensions.
func filled(t *testing.T, s start) *running {
	r := serve(t, s)
	r.must("PUT", "/collections/c", `{"vectors":{"size":4,"distance":"Cosine"}}`)
	r.must("PUT", "/collections/c/points?wait=true", `{"points":[
		{"id":1,"vector":[1,0,0,0],"payload":{"city":"Łódź","n":1}},
		{"id":2,"vector":[0,1,0,0],"payload":{"city":"東京","n":2}},
		{"id":3,"vector":[0.5,0.5,0,0],"payload":{"n":3.5}},
		{"id":`+someUUID+`,"vector":[0,0,0,0]}]}`)
	return r
}

func TestTheMainJob(t *testing.T) {
	r := filled(t, start{})
	var found hits
	r.must("POST", "/collections/c/points/query", `{"query":[2,0,0,0],"limit":2,"with_payload":["city"],"with_vector":true}`, &found)
	if found.ids() != "1 3" || found.Points[0].Score != 1 || string(found.Points[0].Payload) != `{"city":"Łódź"}` || string(found.Points[0].Vector) != `[1,0,0,0]` {
		t.Errorf("query: %+v", found)
	}
	r.must("POST", "/collections/c/points/query", `{"query":1,"filter":{"must_not":{"key":"city","match":{"value":"東京"}}},"score_threshold":0.5}`, &found)
	if found.ids() != "3" {
		t.Errorf("by id: %s", found.ids())
	}
	var batch []hits
	r.must("POST", "/collections/c/points/query/batch", `{"searches":[{"query":[0,1,0,0],"limit":1},{"limit":2,"offset":1}]}`, &batch)
	if len(batch) != 2 || batch[0].ids() != "2" || batch[1].ids() != "2 3" {
		t.Errorf("batch: %+v", batch)
	}
	r.must("POST", "/collections/c/points/scroll", `{"limit":3}`, &found)
	if found.ids() != "1 2 3" || string(found.Next) != someUUID {
		t.Errorf("scroll: %s, next %s", found.ids(), found.Next)
	}
	r.must("POST", "/collections/c/points/payload?wait=true", `{"payload":{"n":9},"filter":{"must":{"has_id":[2]}}}`)
	r.must("POST", "/collections/c/points/delete?wait=true", `{"points":[1,12345]}`)
	var point hit
	r.must("GET", "/collections/c/points/2", "", &point)
	if string(point.Payload) != `{"city":"東京","n":9}` && string(point.Payload) != `{"n":9,"city":"東京"}` {
		t.Errorf("payload after set: %s", point.Payload)
	}
	if n := r.count("c"); n != 3 {
		t.Errorf("%d points are left, want 3", n)
	}
}

func TestWritesInOneBatchKeepTheirOrder(t *testing.T) {
	r := filled(t, start{node: cluster.Options{Groups: 3}})
	r.must("POST", "/collections/c/points/batch?wait=true", `{"operations":[
		{"upsert":{"points":[{"id":10,"vector":[1,1,0,0]}]}},
		{"set_payload":{"payload":{"a":1,"b":2},"points":[10]}},
		{"delete_payload":{"keys":["a"],"points":[10]}},
		{"delete":{"points":[1]}},
		{"overwrite_payload":{"payload":{"c":3},"points":[2]}},
		{"clear_payload":{"points":[3]}}]}`)
	for path, want := range map[string]string{"10": `{"b":2}`, "2": `{"c":3}`, "3": `{}`} {
		var p hit
		r.must("GET", "/collections/c/points/"+path, "", &p)
		if string(p.Payload) != want {
			t.Errorf("point %s: payload %s, want %s", path, p.Payload, want)
		}
	}
	if status, _, _ := r.send("GET", "/collections/c/points/1", ""); status != 404 {
		t.Errorf("a deleted point answers %d", status)
	}
}

func TestNamedVectors(t *testing.T) {
	r := serve(t, start{})
	r.must("PUT", "/collections/n", `{"vectors":{"text":{"size":2,"distance":"Dot"},"картинка":{"size":3,"distance":"Manhattan"}},"shard_number":3}`)
	r.must("PUT", "/collections/n/points?wait=true", `{"batch":{"ids":[1,2,3],"vectors":{"text":[[1,0],[0,1],[1,1]],"картинка":[[1,2,3],[3,2,1],[0,0,0]]}}}`)
	r.must("PUT", "/collections/n/points?wait=true", `{"points":[{"id":4,"vector":{"text":[5,5]}},{"id":5,"vector":{}}]}`)
	var found hits
	r.must("POST", "/collections/n/points/query", `{"query":{"nearest":[1,1]},"using":"text","with_vector":["картинка"]}`, &found)
	if found.ids() != "4 3 1 2" || string(found.Points[1].Vector) != `{"картинка":[0,0,0]}` {
		t.Errorf("by text: %+v", found)
	}
	r.must("POST", "/collections/n/points/query", `{"query":[0,0,1],"using":"картинка","params":{"exact":true,"hnsw_ef":77},"consistency":null}`, &found)
	if found.ids() != "3 1 2" && found.ids() != "3 2 1" {
		t.Errorf("by картинка: %s", found.ids())
	}
	if n := r.count("n"); n != 5 {
		t.Errorf("%d points", n)
	}
}

func TestCollectionSettingsAreReported(t *testing.T) {
	r := serve(t, start{})
	r.must("PUT", "/collections/s", `{"vectors":{"size":8,"distance":"Euclid","on_disk":true,"hnsw_config":{"m":24}},
		"shard_number":2,"hnsw_config":{"ef_construct":64},"optimizers_config":{"indexing_threshold":123,"max_optimization_threads":"auto"},
		"on_disk_payload":false,"metadata":{"owner":"Zoë"},"wal_config":{"wal_capacity_mb":8},"quantization_config":{"scalar":{"type":"int8"}}}`)
	r.must("PATCH", "/collections/s", `{"hnsw_config":{"m":8},"vectors":{"":{"hnsw_config":{"ef_construct":99}}},"params":{"replication_factor":2},"quantization_config":"Disabled"}`)
	var info struct {
		Status string `json:"status"`
		Config struct {
			Params struct {
				Vectors struct {
					Size     int
					Distance string
					OnDisk   bool           `json:"on_disk"`
					HNSW     map[string]int `json:"hnsw_config"`
				}
				Shards      int   `json:"shard_number"`
				Replication int   `json:"replication_factor"`
				OnDisk      *bool `json:"on_disk_payload"`
			}
			HNSW         map[string]int  `json:"hnsw_config"`
			Optimizer    map[string]any  `json:"optimizer_config"`
			WAL          map[string]int  `json:"wal_config"`
			Quantization json.RawMessage `json:"quantization_config"`
			Metadata     map[string]string
		}
	}
	r.must("GET", "/collections/s", "", &info)
	c := info.Config
	if info.Status != "green" || c.Params.Vectors.Size != 8 || !c.Params.Vectors.OnDisk || c.Params.Vectors.Distance != "Euclid" ||
		c.Params.Vectors.HNSW["m"] != 24 || c.Params.Vectors.HNSW["ef_construct"] != 99 || c.Params.Shards != 2 ||
		c.Params.Replication != 2 || *c.Params.OnDisk || c.HNSW["m"] != 8 || c.HNSW["ef_construct"] != 64 ||
		c.Optimizer["indexing_threshold"] != 123.0 || c.WAL["wal_capacity_mb"] != 8 || string(c.Quantization) != "null" || c.Metadata["owner"] != "Zoë" {
		t.Errorf("reported: %+v", info)
	}
}

func TestPayloadIndexes(t *testing.T) {
	r := filled(t, start{})
	r.must("PUT", "/collections/c/index?wait=true", `{"field_name":"city","field_schema":"keyword"}`)
	r.must("PUT", "/collections/c/index?wait=true", `{"field_name":"city","field_schema":"keyword"}`)
	r.must("PUT", "/collections/c/index?wait=true", `{"field_name":"n","field_schema":{"type":"float","on_disk":true}}`)
	var info struct {
		Schema map[string]struct {
			Type   string `json:"data_type"`
			Points int
			Params json.RawMessage
		} `json:"payload_schema"`
	}
	r.must("GET", "/collections/c", "", &info)
	if len(info.Schema) != 2 || info.Schema["city"].Points != 2 || info.Schema["n"].Points != 3 || info.Schema["n"].Type != "float" || info.Schema["n"].Params == nil {
		t.Errorf("payload_schema: %+v", info.Schema)
	}
	r.must("DELETE", "/collections/c/index/city?wait=true", "")
	info.Schema = nil
	r.must("GET", "/collections/c", "", &info)
	if len(info.Schema) != 1 {
		t.Errorf("after a drop: %+v", info.Schema)
	}
}

func TestKeys(t *testing.T) {
	r := serve(t, start{server: server.Options{APIKey: "sesame", ReadOnlyAPIKey: "look"}})
	for _, c := range []struct {
		method, path, body, header, value string
		want                              int
	}{
		{"GET", "/collections", "", "", "", 401},
		{"GET", "/collections", "", "api-key", "wrong", 401},
		{"GET", "/collections", "", "api-key", "sesame", 200},
		{"GET", "/collections", "", "Authorization", "Bearer sesame", 200},
		{"GET", "/collections", "", "api-key", "look", 200},
		{"PUT", "/collections/x", `{}`, "api-key", "look", 403},
		{"PUT", "/collections/x", `{}`, "", "", 401},
		{"PUT", "/collections/x", `{}`, "api-key", "sesame", 200},
		{"POST", "/collections/x/points/scroll", `{}`, "Authorization", "bearer look", 200},
		{"POST", "/collections/x/points/delete", `{"points":[1]}`, "api-key", "look", 403},
	} {
		headers := []string{}
		if c.header != "" {
			headers = []string{c.header, c.value}
		}
		if status, a, _ := r.send(c.method, c.path, c.body, headers...); status != c.want {
			t.Errorf("%s %s with %s %s: %d, want %d (%s)", c.method, c.path, c.header, c.value, status, c.want, a.Status)
		}
	}
	for _, path := range []string{"/healthz", "/livez", "/readyz"} {
		resp, err := http.Get(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s without a key: %d", path, resp.StatusCode)
		}
	}
}

func TestAnswersAreCompressedOnRequest(t *testing.T) {
	r := filled(t, start{})
	big := `{"points":[`
	for i := range 200 {
		if i > 0 {
			big += ","
		}
		big += `{"id":1` + string(rune('0'+i%10)) + `,"vector":[1,2,3,4],"payload":{"text":"` + strings.Repeat("x", 100) + `"}}`
	}
	r.must("PUT", "/collections/c/points?wait=true", big+"]}")
	req, err := http.NewRequest("POST", r.url+"/collections/c/points/scroll", bytes.NewBufferString(`{"limit":100}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("Content-Encoding is %q", resp.Header.Get("Content-Encoding"))
	}
}
