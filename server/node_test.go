package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server"
)

func TestReadyOnlyWithANode(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	srv, err := server.New(nil, server.Options{Logger: quiet, APIKey: secret})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	r := &running{t: t, url: "http://" + l.Addr().String(), srv: srv}
	status := func(path string) int {
		resp, _ := r.plain("GET", path, "api-key", secret)
		return resp.StatusCode
	}
	for path, want := range map[string]int{"/livez": 200, "/healthz": 200, "/readyz": 503, "/collections": 503, "/collections/c": 503, "/nothing": 404} {
		if got := status(path); got != want {
			t.Errorf("before the node: %s: %d, want %d", path, got, want)
		}
	}
	if resp, _ := r.plain("GET", "/collections"); resp.StatusCode != 401 {
		t.Errorf("before the node, without a key: %d", resp.StatusCode)
	}
	node, err := cluster.Open(t.Context(), cluster.Options{Dir: t.TempDir(), Logger: quiet, DiskReserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Ready(node); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/readyz": 200, "/collections": 200, "/metrics": 200} {
		if got := status(path); got != want {
			t.Errorf("with the node: %s: %d, want %d", path, got, want)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := node.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if got := status("/readyz"); got != 503 {
		t.Errorf("after the node's end: %d", got)
	}
	if err := srv.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestClusterOfANodeThatIsAlone(t *testing.T) {
	r := serve(t, start{})
	r.must("PUT", "/collections/c", `{"shard_number":2}`)
	r.must("PUT", "/collections/c/points?wait=true", `{"points":[{"id":1,"vector":{}},{"id":2,"vector":{}},{"id":3,"vector":{}}]}`)
	var status map[string]string
	r.must("GET", "/cluster", "", &status)
	if len(status) != 1 || status["status"] != "disabled" {
		t.Errorf("GET /cluster: %v", status)
	}
	var info struct {
		Shards int `json:"shard_count"`
		Local  []struct {
			Points int `json:"points_count"`
			State  string
		} `json:"local_shards"`
		Remote    []any `json:"remote_shards"`
		Transfers []any `json:"shard_transfers"`
	}
	r.must("GET", "/collections/c/cluster", "", &info)
	if info.Shards != 2 || len(info.Local) != 2 || info.Local[0].Points+info.Local[1].Points != 3 || info.Local[0].State != "Active" || info.Remote == nil || info.Transfers == nil {
		t.Errorf("GET /collections/c/cluster: %+v", info)
	}
	r.must("GET", "/collections/c/shards", "")
	for _, c := range [][2]string{
		{"GET", "/collections/none/cluster"}, {"GET", "/collections/none/shards"}, {"GET", "/collections/none/optimizations"},
	} {
		if got, _, _ := r.send(c[0], c[1], ""); got != 404 {
			t.Errorf("%s %s: %d, want 404", c[0], c[1], got)
		}
	}
	for _, c := range [][2]string{
		{"POST", "/collections/c/cluster"}, {"PUT", "/collections/c/shards"}, {"POST", "/collections/c/shards/delete"},
		{"POST", "/cluster/recover"}, {"DELETE", "/cluster/peer/1"}, {"GET", "/cluster/telemetry"},
	} {
		if got, a, _ := r.send(c[0], c[1], `{}`); got != 405 || !strings.Contains(a.message(), "distributed mode") {
			t.Errorf("%s %s: %d %q", c[0], c[1], got, a.message())
		}
	}
}

// many writes n points with a vector of two dimensions.
func (r *running) many(name string, n int) {
	r.t.Helper()
	var points []string
	for i := range n {
		points = append(points, fmt.Sprintf(`{"id":%d,"vector":[%d,%d],"payload":{"city":"c%d","n":%d}}`, i, i%97+1, i%89+1, i%7, i))
	}
	r.must("PUT", "/collections/"+name+"/points?wait=true", `{"points":[`+strings.Join(points, ",")+`]}`)
}

func TestOptimizations(t *testing.T) {
	r := serve(t, start{})
	r.must("PUT", "/collections/c", `{"vectors":{"size":2,"distance":"Dot"},"optimizers_config":{"indexing_threshold":1}}`)
	r.many("c", 3000)
	type job struct {
		UUID, Optimizer string
		Status          json.RawMessage
		Segments        []struct {
			UUID   string
			Points int `json:"points_count"`
		}
		Progress struct {
			Name        string
			Started     time.Time `json:"started_at"`
			Finished    *time.Time
			Done, Total int
		}
	}
	var out struct {
		Summary                          map[string]int
		Running, Queued, Completed, Idle []job
	}
	deadline := time.Now().Add(time.Minute)
	for {
		out.Running, out.Completed = nil, nil
		r.must("GET", "/collections/c/optimizations?with=queued,completed,idle_segments&completed_limit=30", "", &out)
		if len(out.Running) == 0 && out.Summary["queued_optimizations"] == 0 && out.Summary["idle_segments"] == 1 && len(out.Completed) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still at work after a minute: %+v", out)
		}
		time.Sleep(5 * time.Millisecond)
	}
	done := 0
	seen := map[string]bool{}
	for _, j := range out.Completed {
		if seen[j.UUID] || string(j.Status) != `"done"` || j.Progress.Started.IsZero() || len(j.Segments) != 1 {
			t.Errorf("completed: %+v", j)
		}
		seen[j.UUID] = true
		if j.Optimizer == "indexing" {
			done += j.Progress.Done
			if j.Progress.Done != j.Progress.Total {
				t.Errorf("an ended job is at %d of %d", j.Progress.Done, j.Progress.Total)
			}
		}
	}
	if done != 3000 {
		t.Errorf("%d points were indexed, want 3000: %+v", done, out.Completed)
	}
	var brief map[string]json.RawMessage
	r.must("GET", "/collections/c/optimizations", "", &brief)
	if len(brief) != 2 || brief["summary"] == nil || brief["running"] == nil {
		t.Errorf("without parts: %v", brief)
	}
	for _, query := range []string{"with=nonsense", "completed_limit=-1", "completed_limit=x"} {
		if got, _, _ := r.send("GET", "/collections/c/optimizations?"+query, ""); got != 400 {
			t.Errorf("%s: %d", query, got)
		}
	}
}

func TestIssues(t *testing.T) {
	r := serve(t, start{server: server.Options{SlowQuery: 1}})
	r.must("PUT", "/collections/c", `{"vectors":{"size":2,"distance":"Dot"}}`)
	r.many("c", 1000)
	type found struct {
		ID, Description string
		Timestamp       time.Time
		Solution        map[string]json.RawMessage
	}
	list := func() []found {
		var out struct{ Issues []found }
		r.must("GET", "/issues", "", &out)
		if out.Issues == nil {
			t.Errorf("issues is no list")
		}
		return out.Issues
	}
	if got := list(); len(got) != 0 {
		t.Errorf("before any slow query: %+v", got)
	}
	const filter = `{"filter":{"must":[{"key":"city","match":{"value":"c1"}},{"key":"n","range":{"gt":1}}]}}`
	for _, path := range []string{"scroll", "count", "query"} {
		r.must("POST", "/collections/c/points/"+path, filter)
	}
	got := list()
	if len(got) != 2 || got[0].ID != "UNINDEXED_FIELD/c/city" || got[1].ID != "UNINDEXED_FIELD/c/n" || got[0].Timestamp.IsZero() {
		t.Fatalf("after slow queries: %+v", got)
	}
	var fix struct {
		Message string
		Action  struct {
			Method, URI string
			Body        json.RawMessage
		}
	}
	if err := json.Unmarshal(got[0].Solution["immediate"], &fix); err != nil {
		t.Fatalf("%v in %s", err, got[0].Solution)
	}
	r.must(fix.Action.Method, fix.Action.URI+"?wait=true", string(fix.Action.Body)) // what it suggests works
	if got = list(); len(got) != 1 || got[0].ID != "UNINDEXED_FIELD/c/n" || got[0].Solution["immediate_choice"] == nil {
		t.Errorf("with an index on one: %+v", got)
	}
	r.must("DELETE", "/issues", "")
	if got = list(); len(got) != 0 {
		t.Errorf("after a clear: %+v", got)
	}
	r.must("POST", "/collections/c/points/count", filter)
	r.must("DELETE", "/collections/c", "")
	if got = list(); len(got) != 0 {
		t.Errorf("of a collection that is gone: %+v", got)
	}
}

func TestTelemetry(t *testing.T) {
	r := serve(t, start{server: server.Options{APIKey: secret, ReadOnlyAPIKey: "look", JWT: true, Version: "9.9"}})
	admin := r.as(secret)
	admin.must("PUT", "/collections/hidden-name", `{"vectors":{"secret-vector":{"size":2,"distance":"Dot"}},"metadata":{"owner":"ann"},"strict_mode_config":{"sparse_config":{"secret-vector":{"max_length":5}}}}`)
	admin.must("PUT", "/collections/hidden-name/points?wait=true", `{"points":[{"id":1,"vector":{"secret-vector":[1,2]}}]}`)
	var t0 map[string]json.RawMessage
	admin.must("GET", "/telemetry", "", &t0)
	if len(t0) != 3 || string(t0["collections"]) != `{"number_of_collections":1}` {
		t.Errorf("level 0: %s", t0)
	}
	var out struct {
		ID  string
		App struct {
			Name, Version string
			JWT           bool `json:"jwt_rbac"`
			System        struct {
				Cores int
				Disk  int `json:"disk_size"`
			}
		}
		Collections struct {
			Collections []struct {
				ID     string
				Config struct{ Params, Metadata json.RawMessage }
				Shards []struct {
					Local struct {
						Points int `json:"num_points"`
						Bytes  int `json:"vectors_size_bytes"`
					}
				}
			}
		}
		Requests struct {
			Rest struct {
				Responses     map[string]map[string]struct{ Count int }
				PerCollection map[string]map[string]map[string]struct{ Count int } `json:"per_collection_responses"`
			}
		}
		Memory map[string]uint64
	}
	admin.must("GET", "/telemetry?details_level=2&per_collection=true", "", &out)
	c := out.Collections.Collections
	if len(c) != 1 || c[0].ID != "hidden-name" || c[0].Shards[0].Local.Points != 1 || c[0].Shards[0].Local.Bytes != 8 || !strings.Contains(string(c[0].Config.Params), "secret-vector") {
		t.Errorf("collections: %+v", c)
	}
	if !out.App.JWT || out.App.Version != "9.9" || out.App.System.Cores < 1 || out.App.System.Disk < 1 || out.Memory["allocated_bytes"] == 0 || len(out.ID) != 36 {
		t.Errorf("app and memory: %+v", out)
	}
	upserts := "PUT /collections/{name}/points"
	if out.Requests.Rest.Responses[upserts]["200"].Count != 1 || out.Requests.Rest.PerCollection["hidden-name"][upserts]["200"].Count != 1 {
		t.Errorf("requests: %+v", out.Requests)
	}
	for _, level := range []string{"1", "2", "9"} {
		_, text := r.plain("GET", "/telemetry?anonymize=true&per_collection=true&details_level="+level, "api-key", "look")
		for _, word := range []string{"hidden-name", "secret-vector", "ann", secret, "look"} {
			if strings.Contains(text, word) {
				t.Errorf("level %s, anonymous, has %q: %s", level, word, text)
			}
		}
	}
	for _, query := range []string{"details_level=-1", "details_level=x", "anonymize=maybe", "per_collection=1"} {
		if got := admin.status("GET", "/telemetry?"+query, ""); got != 400 {
			t.Errorf("%s: %d", query, got)
		}
	}
	for _, query := range []string{"anonymize=true", "per_collection=true", "timeout=5"} {
		if resp, _ := r.plain("GET", "/metrics?"+query, "api-key", secret); resp.StatusCode != http.StatusOK {
			t.Errorf("/metrics?%s: %d", query, resp.StatusCode)
		}
	}
}
