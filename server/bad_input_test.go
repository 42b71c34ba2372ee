package server_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server"
)

const (
	points  = "/collections/c/points?wait=true"
	base    = "/collections/c/points"
	queries = "/collections/c/points/query"
	scrolls = "/collections/c/points/scroll"
)

func deep(n int) string {
	return `{"filter":` + strings.Repeat(`{"must":[`, n) + strings.Repeat(`]}`, n) + `}`
}

// Each of these is refused with the status and a message that holds the text,
// and changes nothing.
var badInput = []struct {
	name, method, path, body string
	status                   int
	says                     string
}{
	{"wrong dimension", "PUT", points, `{"points":[{"id":9,"vector":[1,2,3,4]},{"id":8,"vector":[1,2,3]}]}`, 400, "points[1].vector: Vector dimension error: expected dim: 4, got 3"},
	{"wrong dimension in a batch", "PUT", points, `{"batch":{"ids":[8],"vectors":[[1,2,3,4,5]]}}`, 400, "points[0].vector"},
	{"empty vector", "PUT", points, `{"points":[{"id":9,"vector":[]}]}`, 400, "points[0].vector"},
	{"NaN", "PUT", points, `{"points":[{"id":9,"vector":[1,2,NaN,4]}]}`, 400, "points[0].vector[2]"},
	{"+Inf", "PUT", points, `{"points":[{"id":9,"vector":[1,2,3,Infinity]}]}`, 400, "points[0].vector[3]"},
	{"-Inf", "PUT", points, `{"points":[{"id":9,"vector":[-Infinity,2,3,4]}]}`, 400, "points[0].vector[0]"},
	{"a float32 that overflows", "PUT", points, `{"points":[{"id":9,"vector":[1e39,2,3,4]}]}`, 400, "points[0].vector[0]"},
	{"null in a vector", "PUT", points, `{"points":[{"id":9,"vector":[1,null,3,4]}]}`, 400, "points[0].vector[1]"},
	{"null vector", "PUT", points, `{"points":[{"id":9,"vector":null}]}`, 400, "points[0].vector"},
	{"no vector", "PUT", points, `{"points":[{"id":9}]}`, 400, "points[0].vector: missing"},
	{"no id", "PUT", points, `{"points":[{"vector":[1,2,3,4]}]}`, 400, "points[0].id: missing"},
	{"unknown vector name", "PUT", points, `{"points":[{"id":9,"vector":{"image":[1,2,3,4]}}]}`, 400, "points[0].vector.image"},
	{"vector given twice", "PUT", points, `{"points":[{"id":9,"vector":{"":[1,2,3,4],"":[1,2,3,4]}}]}`, 400, "twice"},
	{"negative id", "PUT", points, `{"points":[{"id":-1,"vector":[1,2,3,4]}]}`, 400, "points[0].id: -1"},
	{"fractional id", "PUT", points, `{"points":[{"id":1.5,"vector":[1,2,3,4]}]}`, 400, "points[0].id: 1.5"},
	{"id beyond 64 bits", "PUT", points, `{"points":[{"id":18446744073709551616,"vector":[1,2,3,4]}]}`, 400, "points[0].id"},
	{"malformed UUID", "PUT", points, `{"points":[{"id":"550e8400-e29b-41d4-a716-44665544000g","vector":[1,2,3,4]}]}`, 400, "points[0].id"},
	{"bool id", "PUT", points, `{"points":[{"id":true,"vector":[1,2,3,4]}]}`, 400, "points[0].id"},
	{"payload that is no object", "PUT", points, `{"points":[{"id":9,"vector":[1,2,3,4],"payload":[1]}]}`, 400, "points[0].payload"},
	{"unknown field of a point", "PUT", points, `{"points":[{"id":9,"vector":[1,2,3,4],"vectors":1}]}`, 400, "points[0].vectors: unknown field"},
	{"neither points nor batch", "PUT", points, `{}`, 400, "points: missing"},
	{"columns of different length", "PUT", points, `{"batch":{"ids":[1,2],"vectors":[[1,2,3,4]]}}`, 400, "batch.vectors"},
	{"payloads of different length", "PUT", points, `{"batch":{"ids":[1],"vectors":[[1,2,3,4]],"payloads":[]}}`, 400, "batch.payloads"},
	{"condition that is no filter", "PUT", points, `{"points":[],"update_filter":{"must":7}}`, 400, "update_filter.must"},
	{"unknown mode", "PUT", points, `{"points":[],"update_mode":"replace"}`, 400, "update_mode"},
	{"shard key", "PUT", points, `{"points":[],"shard_key":"a"}`, 400, "shard_key"},
	{"no points of vectors", "PUT", base + "/vectors", `{}`, 400, "points: missing"},
	{"empty points of vectors", "PUT", base + "/vectors", `{"points":[]}`, 422, "points"},
	{"update vectors without id", "PUT", base + "/vectors", `{"points":[{"vector":[1,2,3,4]}]}`, 400, "points[0].id: missing"},
	{"update vectors without vector", "PUT", base + "/vectors", `{"points":[{"id":1}]}`, 400, "points[0].vector: missing"},
	{"update vectors with payload", "PUT", base + "/vectors", `{"points":[{"id":1,"vector":[1,2,3,4],"payload":{}}]}`, 400, "points[0].payload"},
	{"update vectors of another size", "PUT", base + "/vectors", `{"points":[{"id":1,"vector":[1,2,3]}]}`, 400, "points[0].vector"},
	{"update an unknown vector", "PUT", base + "/vectors", `{"points":[{"id":1,"vector":{"zz":[1]}}]}`, 400, "points[0].vector.zz"},
	{"update vectors of no point", "PUT", base + "/vectors", `{"points":[{"id":1,"vector":[1,2,3,4]},{"id":999999,"vector":[1,2,3,4]}]}`, 404, "999999"},
	{"update vectors on a wrong condition", "PUT", base + "/vectors", `{"points":[{"id":1,"vector":[1,2,3,4]}],"update_filter":[]}`, 400, "update_filter"},
	{"delete no vectors", "POST", base + "/vectors/delete", `{"points":[1]}`, 400, "vector: missing"},
	{"delete vectors of an empty list", "POST", base + "/vectors/delete", `{"points":[1],"vector":[]}`, 422, "vector"},
	{"delete a vector twice", "POST", base + "/vectors/delete", `{"points":[1],"vector":["",""]}`, 422, "vector[1]"},
	{"delete vectors of no points", "POST", base + "/vectors/delete", `{"vector":[""]}`, 400, "points: missing"},
	{"delete an unknown vector", "POST", base + "/vectors/delete", `{"points":[1],"vector":["zz"]}`, 400, "vector[0]"},
	{"delete vectors of a missing id", "POST", base + "/vectors/delete", `{"points":[1,999999],"vector":[""]}`, 404, "999999"},
	{"clear payload of a missing id", "POST", base + "/payload/clear", `{"points":[1,999999]}`, 404, "999999"},
	{"an operation that fails after others", "POST", base + "/batch", `{"operations":[{"delete":{"points":[1]}},{"update_vectors":{"points":[{"id":1,"vector":[1,2,3,4]}]}}]}`, 404, "id 1 "},
	{"a faulty operation after others", "POST", base + "/batch", `{"operations":[{"delete":{"points":[1]}},{"delete_vectors":{"points":[2],"vector":["zz"]}}]}`, 400, "vector[0]"},
	{"truncated", "PUT", points, `{"points":[{"id":9,"vector":[1,2,3,4`, 400, "ends"},
	{"truncated in a string", "PUT", points, `{"points":[{"id":"550e`, 400, "ends"},
	{"trailing", "PUT", points, `{"points":[{"id":9,"vector":[1,2,3,4]}]} {}`, 400, "trailing"},
	{"empty body", "PUT", points, ``, 400, "Format error in JSON body"},
	{"not an object", "PUT", points, `[1]`, 400, "an object"},
	{"not JSON", "PUT", points, `points=1`, 400, "Format error in JSON body"},
	{"control character in a string", "PUT", points, "{\"points\":[{\"id\":9,\"vector\":[1,2,3,4],\"payload\":{\"a\":\"\x01\"}}]}", 400, "payload"},
	{"not UTF-8", "PUT", points, "{\"points\":[{\"id\":9,\"vector\":[1,2,3,4],\"payload\":{\"a\":\"\xff\xfe\"}}]}", 400, "payload"},
	{"nested too deep", "POST", scrolls, deep(1000), 400, "nested deeper"},
	{"wait that is no bool", "PUT", "/collections/c/points?wait=maybe", `{"points":[]}`, 400, "wait"},
	{"unknown ordering", "PUT", "/collections/c/points?ordering=odd", `{"points":[]}`, 400, "ordering"},
	{"unknown consistency", "POST", scrolls + "?consistency=odd", `{}`, 400, "consistency"},
	{"timeout 0", "POST", scrolls + "?timeout=0", `{}`, 400, "timeout"},

	{"limit 0", "POST", queries, `{"query":[1,2,3,4],"limit":0}`, 422, "limit"},
	{"limit 0 in scroll", "POST", scrolls, `{"limit":0}`, 422, "limit"},
	{"negative limit", "POST", queries, `{"query":[1,2,3,4],"limit":-1}`, 400, "limit"},
	{"fractional limit", "POST", queries, `{"query":[1,2,3,4],"limit":1.5}`, 400, "limit"},
	{"limit as text", "POST", queries, `{"query":[1,2,3,4],"limit":"3"}`, 400, "limit"},
	{"query of the wrong dimension", "POST", queries, `{"query":[1,2]}`, 400, "query: Vector dimension error: expected dim: 4, got 2"},
	{"query by an unknown vector", "POST", queries, `{"query":[1,2,3,4],"using":"image"}`, 400, "image"},
	{"query by an unknown point", "POST", queries, `{"query":999}`, 404, "999"},
	{"query variant of a later version", "POST", queries, `{"query":{"recommend":{"positive":[1]}}}`, 400, "query.recommend"},
	{"unknown query variant", "POST", queries, `{"query":{"closest":[1,2,3,4]}}`, 400, "query.closest: unknown query variant"},
	{"empty variant", "POST", queries, `{"query":{}}`, 400, "query"},
	{"sparse query", "POST", queries, `{"query":{"indices":[1],"values":[1]}}`, 400, "sparse"},
	{"multi-vector query", "POST", queries, `{"query":[[1,2,3,4]]}`, 400, "multi-vector"},
	{"prefetch", "POST", queries, `{"prefetch":[{"query":[1,2,3,4]}]}`, 400, "prefetch"},
	{"unknown field of a query", "POST", queries, `{"query":[1,2,3,4],"top":3}`, 400, "top: unknown field"},
	{"unknown vector asked for", "POST", queries, `{"query":[1,2,3,4],"with_vector":["image"]}`, 400, "with_vector"},
	{"bad member of a batch", "POST", queries + "/batch", `{"searches":[{"query":[1,2,3,4]},{"query":[1]}]}`, 400, "dimension"},
	{"condition of no kind", "POST", scrolls, `{"filter":{"must":[{"key":"n"}]}}`, 400, "filter.must[0]"},
	{"unknown clause", "POST", scrolls, `{"filter":{"shall":[]}}`, 400, "shall"},
	{"range of text", "POST", scrolls, `{"filter":{"must":[{"key":"n","range":{"gt":"a"}}]}}`, 400, "filter.must[0].range"},
	{"filter that is text", "POST", scrolls, `{"filter":"n=1"}`, 400, "filter"},
	{"offset that is no id", "POST", scrolls, `{"offset":"x"}`, 400, "offset"},
	{"ids that are text", "POST", "/collections/c/points", `{"ids":["x"]}`, 400, "ids[0]"},
	{"no ids", "POST", "/collections/c/points", `{}`, 400, "ids: missing"},
	{"point id in the path", "GET", "/collections/c/points/1.5", ``, 400, "id"},
	{"point that is not there", "GET", "/collections/c/points/404", ``, 404, "404"},

	{"delete of everything by accident", "POST", "/collections/c/points/delete?wait=true", `{}`, 400, "points: missing"},
	{"delete by both", "POST", "/collections/c/points/delete?wait=true", `{"points":[1],"filter":{}}`, 400, "filter"},
	{"payload of a missing point", "POST", "/collections/c/points/payload?wait=true", `{"payload":{"a":1},"points":[1,999]}`, 404, "999"},
	{"no payload", "POST", "/collections/c/points/payload?wait=true", `{"points":[1]}`, 400, "payload: missing"},
	{"key that is no path", "POST", "/collections/c/points/payload?wait=true", `{"payload":{},"points":[1],"key":"a["}`, 400, "key"},
	{"unknown operation", "POST", "/collections/c/points/batch?wait=true", `{"operations":[{"delete":{"points":[1]}},{"erase":{}}]}`, 400, "operations[1].erase"},
	{"fault late in a batch", "POST", "/collections/c/points/batch?wait=true", `{"operations":[{"delete":{"points":[1]}},{"upsert":{"points":[{"id":9,"vector":[1]}]}}]}`, 400, "dimension"},

	{"unknown collection", "POST", "/collections/nope/points/query", `{"query":[1]}`, 404, "nope"},
	{"info of an unknown collection", "GET", "/collections/nope", ``, 404, "nope"},
	{"update of an unknown collection", "PATCH", "/collections/nope", `{}`, 404, "nope"},
	{"existing collection", "PUT", "/collections/c", `{"vectors":{"size":4,"distance":"Dot"}}`, 409, "`c` already exists"},
	{"name with a slash", "PUT", "/collections/a%2Fb", `{}`, 422, "collection_name"},
	{"dot-dot", "PUT", "/collections/%2E%2E", `{}`, 422, "collection_name"},
	{"name with a control character", "PUT", "/collections/a%00b", `{}`, 422, "collection_name"},
	{"name too long", "PUT", "/collections/" + strings.Repeat("x", 256), `{}`, 422, "collection_name"},
	{"size 0", "PUT", "/collections/d", `{"vectors":{"size":0,"distance":"Dot"}}`, 422, "vectors.size"},
	{"size too large", "PUT", "/collections/d", `{"vectors":{"size":65537,"distance":"Dot"}}`, 422, "vectors.size"},
	{"no distance", "PUT", "/collections/d", `{"vectors":{"size":4}}`, 400, "vectors.distance"},
	{"unknown distance", "PUT", "/collections/d", `{"vectors":{"a":{"size":4,"distance":"Hamming"}}}`, 400, "vectors.a.distance"},
	{"m of 1", "PUT", "/collections/d", `{"hnsw_config":{"m":1}}`, 422, "hnsw_config.m"},
	{"ef_construct of 1", "PUT", "/collections/d", `{"hnsw_config":{"ef_construct":1}}`, 422, "hnsw_config.ef_construct"},
	{"no shards", "PUT", "/collections/d", `{"shard_number":0}`, 422, "shard_number"},
	{"sparse vectors", "PUT", "/collections/d", `{"sparse_vectors":{"s":{}}}`, 400, "sparse_vectors.s"},
	{"unknown setting", "PUT", "/collections/d", `{"vektors":{}}`, 400, "vektors: unknown field"},
	{"metadata that is no object", "PUT", "/collections/d", `{"metadata":7}`, 400, "metadata"},
	{"update of an unknown vector", "PATCH", "/collections/c", `{"vectors":{"image":{"on_disk":true}}}`, 400, "vectors.image"},
	{"alias to nothing", "POST", "/collections/aliases", `{"actions":[{"create_alias":{"alias_name":"x","collection_name":"nope"}}]}`, 404, "nope"},
	{"alias over a collection", "POST", "/collections/aliases", `{"actions":[{"create_alias":{"alias_name":"c","collection_name":"c"}}]}`, 409, "`c`"},
	{"unknown alias action", "POST", "/collections/aliases", `{"actions":[{"move_alias":{}}]}`, 400, "actions[0].move_alias"},
	{"index of an unknown kind", "PUT", "/collections/c/index?wait=true", `{"field_name":"n","field_schema":"number"}`, 400, "field_schema"},
	{"index without a kind", "PUT", "/collections/c/index?wait=true", `{"field_name":"n"}`, 400, "field_schema"},
	{"index of no field", "PUT", "/collections/c/index?wait=true", `{"field_schema":"keyword"}`, 400, "field_name"},
	{"no such endpoint", "GET", "/collections/c/nonsense", ``, 404, "no such endpoint"},
	{"new vector without kind", "PUT", "/collections/c/vectors/v", `{}`, 400, "dense: missing"},
	{"new sparse vector", "PUT", "/collections/c/vectors/v", `{"sparse":{}}`, 400, "sparse"},
	{"new vector without size", "PUT", "/collections/c/vectors/v", `{"dense":{"distance":"Dot"}}`, 400, "dense.size: missing"},
	{"new vector without distance", "PUT", "/collections/c/vectors/v", `{"dense":{"size":4}}`, 400, "dense.distance: missing"},
	{"new vector too large", "PUT", "/collections/c/vectors/v", `{"dense":{"size":65537,"distance":"Dot"}}`, 422, "dense.size"},
	{"new vector with settings", "PUT", "/collections/c/vectors/v", `{"dense":{"size":4,"distance":"Dot","on_disk":true}}`, 400, "dense.on_disk"},
	{"new vector nowhere", "PUT", "/collections/none/vectors/v", `{"dense":{"size":4,"distance":"Dot"}}`, 404, "none"},
	{"new vector with odd ordering", "PUT", "/collections/c/vectors/v?ordering=odd", `{"dense":{"size":4,"distance":"Dot"}}`, 400, "ordering"},
	{"vector deleted nowhere", "DELETE", "/collections/none/vectors/v", ``, 404, "none"},
	{"points beside a batch", "PUT", points, `{"points":[{"id":1,"vector":[9,9,9,9]},{"id":2,"vector":[9,9,9,9]}],"batch":{"ids":[],"vectors":[]}}`, 400, "batch: points and batch are both given"},
	{"column given twice", "PUT", points, `{"batch":{"ids":[1],"vectors":[[1,1,1,1],[2,2,2,2]],"vectors":[[1,1,1,1]]}}`, 400, "batch.vectors: given twice"},
	{"field given twice", "PUT", points, `{"points":[{"id":1,"vector":[9,9,9,9],"vector":[1,1,1,1]}]}`, 400, "points[0].vector: given twice"},
	{"payload nested too deep", "PUT", points, `{"points":[{"id":1,"vector":[1,1,1,1],"payload":{"a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}}]}`, 400, "points[0].payload"},
	{"no such method", "DELETE", "/collections", ``, 405, "DELETE"},
}

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	r := filled(t, start{})
	_, before, _ := r.send("POST", scrolls, `{"with_vector":true}`)
	_, info, _ := r.send("GET", "/collections/c", "")
	for _, c := range badInput {
		t.Run(c.name, func(t *testing.T) {
			status, a, _ := r.send(c.method, c.path, c.body)
			if status != c.status || !strings.Contains(a.message(), c.says) || a.message() == "" {
				t.Errorf("%d %s; want %d and %q", status, a.Status, c.status, c.says)
			}
		})
	}
	_, after, _ := r.send("POST", scrolls, `{"with_vector":true}`)
	if !bytes.Equal(before.Result, after.Result) {
		t.Errorf("bad input changed points:\n%s\n%s", before.Result, after.Result)
	}
	_, infoAfter, _ := r.send("GET", "/collections/c", "")
	if !bytes.Equal(info.Result, infoAfter.Result) {
		t.Errorf("bad input changed the collection:\n%s\n%s", info.Result, infoAfter.Result)
	}
}

func TestOddButGoodInput(t *testing.T) {
	r := filled(t, start{})
	var found hits
	r.must("POST", queries, `{"query":[0,0,0,0],"limit":1000}`, &found)
	if len(found.Points) != 4 {
		t.Errorf("a zero query under Cosine, limit over the count: %d points", len(found.Points))
	}
	r.must("POST", queries, `{"query":[1,0,0,0],"offset":1000}`, &found)
	if len(found.Points) != 0 {
		t.Errorf("offset past the end: %d points", len(found.Points))
	}
	r.must("POST", scrolls, `{"offset":"ffffffff-ffff-ffff-ffff-ffffffffffff"}`, &found)
	if len(found.Points) != 0 || string(found.Next) != "null" {
		t.Errorf("scroll past the end: %+v", found)
	}
	name := "/collections/%E6%9D%B1%E4%BA%AC%20%F0%9F%8F%A0"
	r.must("PUT", name, `{"vectors":{"ключ":{"size":1,"distance":"Dot"}},"metadata":{"é":"🏠"}}`)
	r.must("PUT", name+"/points?wait=true", `{"points":[{"id":1,"vector":{"ключ":[1]},"payload":{"\ud83c\udfe0":"\u6771 京","x.y":1}}]}`)
	r.must("PUT", name+"/index?wait=true", `{"field_name":"🏠","field_schema":"keyword"}`)
	r.must("POST", name+"/points/query", `{"query":[1],"using":"ключ","with_payload":true,"filter":{"must":[{"key":"🏠","match":{"value":"東 京"}},{"key":"\"x.y\"","match":{"value":1}}]}}`, &found)
	if found.ids() != "1" {
		t.Errorf("unicode everywhere: %+v", found)
	}
	r.must("DELETE", name+"/index/%F0%9F%8F%A0?wait=true", "")
	r.must("DELETE", name, "")
}

func TestBodyLimits(t *testing.T) {
	r := filled(t, start{server: server.Options{MaxBody: 64 << 10}})
	status, a, _ := r.send("PUT", points, `{"points":[`+strings.Repeat(" ", 70<<10)+`]}`)
	if status != 413 || !strings.Contains(a.message(), "body") {
		t.Errorf("a large body: %d %s", status, a.Status)
	}
	status, a, _ = r.send("PUT", points, strings.Repeat(" ", 50<<20))
	if status != 413 {
		t.Errorf("a huge body: %d %s", status, a.Status)
	}
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	for range 64 {
		if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	if status, a, _ := r.send("PUT", points, bomb.String()[:60<<10], "Content-Encoding", "gzip"); status != 413 {
		t.Errorf("a decompression bomb: %d %s", status, a.Status)
	}
	if status, _, _ := r.send("PUT", points, "nonsense", "Content-Encoding", "gzip"); status != 400 {
		t.Errorf("a body that is not gzip: %d", status)
	}
	if status, _, _ := r.send("PUT", points, "{}", "Content-Encoding", "lzma"); status != 415 {
		t.Errorf("an unknown coding: %d", status)
	}
	var good bytes.Buffer
	z := zlib.NewWriter(&good)
	io.WriteString(z, `{"points":[{"id":70,"vector":[1,1,1,1]}]}`)
	z.Close()
	if status, a, _ := r.send("PUT", points, good.String(), "Content-Encoding", "deflate"); status != 200 {
		t.Errorf("a deflated body: %d %s", status, a.Status)
	}
	if n := r.count("c"); n != 5 {
		t.Errorf("%d points, want 5", n)
	}
}

// A client that never ends its request is let go, and others are served
// meanwhile.
func TestSlowClientsAreLetGo(t *testing.T) {
	r := filled(t, start{server: server.Options{ReadTimeout: 200 * time.Millisecond}})
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"poi", points)
	if n := r.count("c"); n != 4 {
		t.Errorf("%d points", n)
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn) // ends when the server closes
	if err != nil {
		t.Fatalf("the server keeps a silent client: %v", err)
	}
	if !bytes.Contains(text, []byte("408")) {
		t.Errorf("it says %s", text)
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	r := filled(t, start{dir: dir})
	r.stop()
	r = serve(t, start{dir: dir, node: cluster.Options{DiskReserve: 1 << 60}})
	status, a, _ := r.send("PUT", points, `{"points":[{"id":9,"vector":[1,2,3,4]}]}`)
	if status != 507 || !strings.Contains(a.message(), "reserve") {
		t.Errorf("a write on a full disk: %d %s", status, a.Status)
	}
	if n := r.count("c"); n != 4 {
		t.Errorf("%d points", n)
	}
	r.stop()
	r = serve(t, start{dir: dir})
	r.must("PUT", points, `{"points":[{"id":9,"vector":[1,2,3,4]}]}`)
	if n := r.count("c"); n != 5 {
		t.Errorf("%d points once there is room, want 5", n)
	}
}

// record keeps what is logged.
type record struct {
	sync.Mutex
	bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.Lock()
	defer r.Unlock()
	return r.Buffer.Write(p)
}

func (r *record) text() string {
	r.Lock()
	defer r.Unlock()
	return r.String()
}

func TestCorruptCheckpointIsRebuilt(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	r.must("PUT", "/collections/g", `{"vectors":{"size":8,"distance":"Euclid"},"optimizers_config":{"indexing_threshold":1},"hnsw_config":{"full_scan_threshold":10}}`)
	var body strings.Builder
	body.WriteString(`{"points":[`)
	for i := range 800 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":%d,"vector":[%d,%d,%d,1,2,3,4,%d]}`, i, i%7, i%11, i%13, i)
	}
	r.must("PUT", "/collections/g/points?wait=true", body.String()+"]}")
	r.green("g")
	r.stop()
	graphs, err := filepath.Glob(filepath.Join(dir, "groups", "*", "index", "*", "*.graph"))
	if err != nil || len(graphs) != 1 {
		t.Fatalf("checkpoints: %v, %v", graphs, err)
	}
	text, err := os.ReadFile(graphs[0])
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 0x40
	if err := os.WriteFile(graphs[0], text, 0o644); err != nil {
		t.Fatal(err)
	}
	var log record
	r = serve(t, start{dir: dir, node: cluster.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}})
	if !strings.Contains(log.text(), "checkpoint") || !strings.Contains(log.text(), graphs[0]) {
		t.Errorf("the log does not tell: %s", log.text())
	}
	r.green("g")
	var found hits
	r.must("POST", "/collections/g/points/query", `{"query":[0,0,0,1,2,3,4,0],"limit":1}`, &found)
	if found.ids() != "0" {
		t.Errorf("after the rebuild: %s", found.ids())
	}
}

// green waits until everything is indexed.
func (r *running) green(name string) {
	r.t.Helper()
	for range 1500 {
		var info struct {
			Status  string
			Points  int `json:"points_count"`
			Indexed int `json:"indexed_vectors_count"`
		}
		r.must("GET", "/collections/"+name, "", &info)
		if info.Status == "green" && info.Indexed == info.Points {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.t.Fatal("the collection does not become green")
}
