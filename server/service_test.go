package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kithdb/kith/server"
)

// plain sends a request without a body and answers what comes, as it comes.
func (r *running) plain(method, path string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	return r.exchange(method, path, "", headers...)
}

// exchange sends a request and answers what comes; no redirect is followed.
func (r *running) exchange(method, path, body string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(text)
}

func TestVersion(t *testing.T) {
	r := serve(t, start{server: server.Options{Version: "0.1.0", Commit: "abc"}})
	_, text := r.plain("GET", "/")
	var v map[string]string
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if v["version"] != "1.19.0" || v["kith_version"] != "0.1.0" || v["commit"] != "abc" || v["title"] == "" {
		t.Errorf("GET /: %s", text)
	}
	if resp, body := r.plain("HEAD", "/"); resp.StatusCode != 200 || body != "" {
		t.Errorf("HEAD /: %d %q", resp.StatusCode, body)
	}
}

func TestMetrics(t *testing.T) {
	r := filled(t, start{})
	r.send("GET", "/nonsense", "")
	_, text := r.plain("GET", "/metrics")
	for _, want := range []string{
		"kith_collections 1", "kith_points 4", "kith_vectors_tail ", "kith_index_resident_bytes ",
		`kith_group_applied_index{group="`, `kith_http_request_seconds_bucket{endpoint="PUT /collections/{name}/points"`,
		`kith_http_answers_total{endpoint="none",status="404"} 1`, "process_resident_memory_bytes", "kith_http_in_flight 1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

// A word of the contract in a path does not keep a collection from having it as
// its name.
func TestCollectionsNamedLikeEndpoints(t *testing.T) {
	r := serve(t, start{})
	for _, name := range []string{"aliases", "points", "exists", "*", "a b", "ünïcödé", "a%2Bb", "q&a=1"} {
		path := "/collections/" + strings.NewReplacer(" ", "%20", "%", "%25", "*", "%2A", "&", "%26", "=", "%3D").Replace(name)
		status, a, _ := r.send("PUT", path, `{"vectors":{"size":1,"distance":"Dot"}}`)
		if name == "*" {
			if status != 422 {
				t.Errorf("%s: %d", name, status)
			}
			continue
		}
		if status != 200 {
			t.Errorf("%s: %d %s", name, status, a.Status)
			continue
		}
		r.must("PUT", path+"/points?wait=true", `{"points":[{"id":1,"vector":[1]}]}`)
		r.must("GET", path+"/points/1", "")
		r.must("GET", path, "")
		if n := r.count(strings.TrimPrefix(path, "/collections/")); n != 1 {
			t.Errorf("%s: %d points", name, n)
		}
	}
	var all struct{ Collections []struct{ Name string } }
	r.must("GET", "/collections", "", &all)
	if len(all.Collections) != 7 {
		t.Errorf("collections: %+v", all)
	}
}

func TestAliases(t *testing.T) {
	r := filled(t, start{})
	r.must("POST", "/collections/aliases", `{"actions":[{"create_alias":{"alias_name":"prod","collection_name":"c"}},{"create_alias":{"alias_name":"x","collection_name":"c"}}]}`)
	r.must("POST", "/collections/aliases", `{"actions":[{"rename_alias":{"old_alias_name":"x","new_alias_name":"y"}}]}`)
	var list struct {
		Aliases []struct {
			Alias      string `json:"alias_name"`
			Collection string `json:"collection_name"`
		}
	}
	for _, path := range []string{"/aliases", "/collections/c/aliases"} {
		r.must("GET", path, "", &list)
		if fmt.Sprint(list.Aliases) != "[{prod c} {y c}]" {
			t.Errorf("%s: %v", path, list.Aliases)
		}
	}
	var exists struct{ Exists bool }
	r.must("GET", "/collections/prod/exists", "", &exists)
	if n := r.count("prod"); n != 4 || !exists.Exists {
		t.Errorf("through the alias: %d points, exists %v", n, exists.Exists)
	}
	status, _, _ := r.send("POST", "/collections/aliases", `{"actions":[{"delete_alias":{"alias_name":"prod"}},{"delete_alias":{"alias_name":"nope"}}]}`)
	if n := r.count("prod"); status != 404 || n != 4 {
		t.Errorf("all or none: %d, then %d points", status, n)
	}
	r.must("POST", "/collections/aliases", `{"actions":[{"delete_alias":{"alias_name":"prod"}},{"delete_alias":{"alias_name":"y"}}]}`)
	r.must("GET", "/collections/prod/exists", "", &exists)
	if exists.Exists {
		t.Error("a deleted alias exists")
	}
}

// The contract's older form of a query answers bare lists.
func TestSearch(t *testing.T) {
	r := filled(t, start{})
	var found []hit
	r.must("POST", "/collections/c/points/search", `{"vector":[1,0,0,0],"limit":2,"with_payload":true}`, &found)
	if len(found) != 2 || string(found[0].ID) != "1" || found[0].Score != 1 || found[0].Payload == nil {
		t.Errorf("search: %+v", found)
	}
	var lists [][]hit
	r.must("POST", "/collections/c/points/search/batch", `{"searches":[{"vector":{"name":"","vector":[0,1,0,0]},"limit":1},{"vector":[1,0,0,0],"limit":1,"offset":1}]}`, &lists)
	if len(lists) != 2 || string(lists[0][0].ID) != "2" || string(lists[1][0].ID) != "3" {
		t.Errorf("search/batch: %+v", lists)
	}
}

func TestAnswersInBothCodings(t *testing.T) {
	r := filled(t, start{})
	r.must("PUT", points, `{"points":[{"id":50,"vector":[1,2,3,4],"payload":{"text":"`+strings.Repeat("kith ", 1000)+`"}}]}`)
	const path = "/collections/c/points/50"
	_, want := r.plain("GET", path, "Accept-Encoding", "identity")
	result := func(envelope string) string {
		text, _, _ := strings.Cut(envelope, `,"time":`)
		return text
	}
	for _, coding := range []string{"gzip", "zstd"} {
		resp, packed := r.plain("GET", path, "Accept-Encoding", coding)
		if resp.Header.Get("Content-Encoding") != coding || resp.Header.Get("Vary") != "Accept-Encoding" || len(packed) > 1000 {
			t.Errorf("%s: %d bytes, header %v", coding, len(packed), resp.Header)
		}
		var open io.Reader
		var err error
		if coding == "gzip" {
			open, err = gzip.NewReader(strings.NewReader(packed))
		} else {
			open, err = zstd.NewReader(strings.NewReader(packed))
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(open)
		if err != nil || result(string(text)) != result(want) {
			t.Errorf("%s: %v: %.100s", coding, err, text)
		}
	}
}

func TestBodiesInZstd(t *testing.T) {
	r := filled(t, start{server: server.Options{MaxBody: 1 << 20}})
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	body := w.EncodeAll([]byte(`{"points":[{"id":60,"vector":[1,2,3,4]}]}`), nil)
	if status, a, _ := r.send("PUT", points, string(body), "Content-Encoding", "zstd"); status != 200 {
		t.Errorf("%d %s", status, a.Status)
	}
	var stream strings.Builder // asks for the encoder's usual window, which is larger than the limit
	w.Reset(&stream)
	if _, err := w.Write([]byte(`{"points":[{"id":61,"vector":[1,2,3,4]}]}`)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Flush(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if status, a, _ := r.send("PUT", points, stream.String(), "Content-Encoding", "zstd"); status != 200 {
		t.Errorf("a stream: %d %s", status, a.Status)
	}
	bomb := w.EncodeAll([]byte(strings.Repeat(" ", 256<<20)), nil)
	if status, a, _ := r.send("PUT", points, string(bomb), "Content-Encoding", "zstd"); status != 413 {
		t.Errorf("a bomb of %d bytes: %d %s", len(bomb), status, a.Status)
	}
	if status, a, _ := r.send("PUT", points, string(body[:len(body)-3]), "Content-Encoding", "zstd"); status != 400 {
		t.Errorf("truncated: %d %s", status, a.Status)
	}
	if n := r.count("c"); n != 6 {
		t.Errorf("%d points, want 6", n)
	}
}

// Who has no key is told so before memory is spent on the body.
func TestStrangersBodiesAreNotTaken(t *testing.T) {
	r := serve(t, start{server: server.Options{APIKey: "sesame"}})
	large := strings.Repeat(" ", 8<<20)
	if status, a, _ := r.send("PUT", points, large, "api-key", "wrong"); status != 401 || !strings.Contains(a.message(), "API key") {
		t.Errorf("a stranger: %d %s", status, a.Status)
	}
	if status, a, _ := r.send("PUT", points, large, "api-key", "sesame"); status != 404 {
		t.Errorf("with the key: %d %s", status, a.Status)
	}
	for key, want := range map[string]int{"wrong": 413, "sesame": 404} {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", r.url+points, io.LimitReader(strings.NewReader(large), 8<<20))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("api-key", key)
		resp, err := http.DefaultClient.Do(req) // in chunks, since the length is not known
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("in chunks with the key %s: %d, want %d", key, resp.StatusCode, want)
		}
	}
}

// Under full load requests are refused at once, and probes are still answered:
// an orchestrator that kills a busy server makes matters worse.
func TestOverload(t *testing.T) {
	r := filled(t, start{server: server.Options{MaxInFlight: 1}})
	release := r.srv.Hold()
	status, a, header := r.send("POST", "/collections/c/points/count", `{}`)
	if status != 503 || header.Get("Retry-After") == "" || !strings.Contains(a.message(), "overloaded") {
		t.Errorf("over the limit: %d %s", status, a.Status)
	}
	if resp, _ := r.plain("GET", "/livez"); resp.StatusCode != 200 {
		t.Errorf("/livez under load: %d", resp.StatusCode)
	}
	release()
	if n := r.count("c"); n != 4 {
		t.Errorf("%d points", n)
	}
}

func TestNotHTTP(t *testing.T) {
	r := serve(t, start{})
	for _, text := range []string{"nonsense\r\n\r\n", "GET / HTTP/1.1\r\nX: " + strings.Repeat("y", 32<<10) + "\r\n\r\n"} {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, text)
		got, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.Contains(string(got), `{"status":{"error":"`) {
			t.Errorf("%.20q: %q", text, got)
		}
	}
}
