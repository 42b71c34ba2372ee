package server_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server"
)

const secret = "sesame-open"

// sign makes a token of claims.
func sign(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func to(collection, access string) jwt.MapClaims {
	return jwt.MapClaims{"access": []map[string]string{{"collection": collection, "access": access}}}
}

// callers are those who knock, in the order of the columns of classes.
func callers(t *testing.T) [][2]string {
	return [][2]string{
		{"no key", ""},
		{"bad key", "wrong"},
		{"expired", sign(t, jwt.MapClaims{"access": "m", "exp": time.Now().Add(-time.Minute).Unix()})},
		{"admin", secret},
		{"token m", sign(t, jwt.MapClaims{"access": "m"})},
		{"read-only key", "look"},
		{"token r", sign(t, jwt.MapClaims{"access": "r"})},
		{"c rw", sign(t, to("c", "rw"))},
		{"c prw", sign(t, to("c", "prw"))},
		{"c r", sign(t, to("c", "r"))},
		{"other rw", sign(t, to("other", "rw"))},
		{"other r", sign(t, to("other", "r"))},
	}
}

// classes say what each caller gets: "." the handler's own answer, 1 a 401, 3 a
// 403. The columns are those of callers.
var classes = map[string]string{
	"open":   "............",
	"any":    "113.........",
	"read":   "113.......33",
	"points": "113..33..333",
	"alter":  "113..33.3333",
	"export": "113.....3.33",
	"node":   "113....33333",
	"manage": "113..3333333",
}

// access has a line for every endpoint.
const access = `
open   GET    /healthz
open   GET    /livez
open   GET    /readyz
open   GET    /openapi.yaml
any    GET    /
node   GET    /metrics
any    GET    /collections
read   GET    /collections/{name}
manage PUT    /collections/{name}
manage PATCH  /collections/{name}
manage DELETE /collections/{name}
read   GET    /collections/{name}/exists
read   GET    /collections/{name}/aliases
manage POST   /collections/aliases
any    GET    /aliases
alter  PUT    /collections/{name}/index
alter  DELETE /collections/{name}/index/{field}
alter  PUT    /collections/{name}/vectors/{vector}
alter  DELETE /collections/{name}/vectors/{vector}
points PUT    /collections/{name}/points
read   POST   /collections/{name}/points
read   GET    /collections/{name}/points/{id}
points POST   /collections/{name}/points/delete
points PUT    /collections/{name}/points/vectors
points POST   /collections/{name}/points/vectors/delete
points POST   /collections/{name}/points/payload
points PUT    /collections/{name}/points/payload
points POST   /collections/{name}/points/payload/delete
points POST   /collections/{name}/points/payload/clear
points POST   /collections/{name}/points/batch
read   POST   /collections/{name}/points/scroll
read   POST   /collections/{name}/points/count
read   POST   /collections/{name}/points/query
read   POST   /collections/{name}/points/query/batch
read   POST   /collections/{name}/points/query/groups
read   POST   /collections/{name}/points/search
read   POST   /collections/{name}/points/search/batch
read   POST   /collections/{name}/points/search/groups
read   POST   /collections/{name}/points/search/matrix/pairs
read   POST   /collections/{name}/points/search/matrix/offsets
read   POST   /collections/{name}/facet
read   GET    /collections/{name}/cluster
manage POST   /collections/{name}/cluster
read   GET    /collections/{name}/optimizations
read   GET    /collections/{name}/recall
read   GET    /collections/{name}/shards
manage PUT    /collections/{name}/shards
manage POST   /collections/{name}/shards/delete
export GET    /collections/{name}/snapshots
alter  POST   /collections/{name}/snapshots
manage POST   /collections/{name}/snapshots/upload
manage PUT    /collections/{name}/snapshots/recover
export GET    /collections/{name}/snapshots/{snapshot}
alter  DELETE /collections/{name}/snapshots/{snapshot}
export GET    /collections/{name}/shards/{shard}/snapshots
alter  POST   /collections/{name}/shards/{shard}/snapshots
manage POST   /collections/{name}/shards/{shard}/snapshots/upload
manage PUT    /collections/{name}/shards/{shard}/snapshots/recover
export GET    /collections/{name}/shards/{shard}/snapshots/{snapshot}
alter  DELETE /collections/{name}/shards/{shard}/snapshots/{snapshot}
export GET    /collections/{name}/shards/{shard}/snapshot
node   GET    /snapshots
manage POST   /snapshots
node   GET    /snapshots/{snapshot}
manage DELETE /snapshots/{snapshot}
node   GET    /cluster
manage POST   /cluster/recover
manage DELETE /cluster/peer/{peer}
node   GET    /cluster/telemetry
node   GET    /telemetry
node   GET    /issues
manage DELETE /issues
node   GET    /quotas
manage PUT    /quotas
`

func accessTable() map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(access) {
		if words := strings.Fields(line); len(words) == 3 {
			out[words[1]+" "+words[2]] = words[0]
		}
	}
	return out
}

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// TestEveryEndpointIsGuarded knocks at every endpoint that the router has, as
// everybody.
func TestEveryEndpointIsGuarded(t *testing.T) {
	r := serve(t, start{server: server.Options{APIKey: secret, ReadOnlyAPIKey: "look", JWT: true}})
	table, knocking := accessTable(), callers(t)
	endpoints := r.srv.Endpoints()
	for _, endpoint := range endpoints {
		class, ok := table[endpoint]
		if !ok {
			t.Errorf("%s has no line in the table of access", endpoint)
			continue
		}
		method, pattern, _ := strings.Cut(endpoint, " ")
		path := parameter.ReplaceAllString(strings.Replace(pattern, "{name}", "c", 1), "1")
		for i, who := range knocking {
			want := classes[class][i]
			if got := knock(r, method, path, who[1]); got != want {
				t.Errorf("%s as %s: %c, want %c", endpoint, who[0], got, want)
			}
		}
	}
	for endpoint := range table {
		if !slices.Contains(endpoints, endpoint) {
			t.Errorf("%s is in the table of access, and the router does not know it", endpoint)
		}
	}
}

// knock sends a request without a body, and tells who answered.
func knock(r *running, method, path, key string) byte {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("api-key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return '1'
	case http.StatusForbidden:
		return '3'
	}
	return '.'
}

func TestTokensThatAreNotTaken(t *testing.T) {
	r := serve(t, start{server: server.Options{APIKey: secret, JWT: true}})
	r.as(secret).must("PUT", "/collections/users", `{}`)
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"access": "m"}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	with := func(m jwt.SigningMethod, key string) string {
		text, err := jwt.NewWithClaims(m, jwt.MapClaims{"access": "m"}).SignedString([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	now := time.Now()
	entry := func(e map[string]any) jwt.MapClaims { return jwt.MapClaims{"access": []map[string]any{e}} }
	for _, c := range []struct {
		name, token string
		want        int
		says        string
	}{
		{"alg none", unsigned, 401, "Invalid API key or JWT"},
		{"HS384", with(jwt.SigningMethodHS384, secret), 401, "Invalid API key or JWT"},
		{"HS512", with(jwt.SigningMethodHS512, secret), 401, "Invalid API key or JWT"},
		{"another secret", with(jwt.SigningMethodHS256, "guess"), 403, "signature"},
		{"three words", "foo.bar.baz", 401, "Invalid API key or JWT"},
		{"expired", sign(t, jwt.MapClaims{"exp": now.Add(-31 * time.Second).Unix()}), 403, "expired"},
		{"within the leeway", sign(t, jwt.MapClaims{"exp": now.Add(-20 * time.Second).Unix()}), 200, ""},
		{"no access claim", sign(t, jwt.MapClaims{}), 200, ""},
		{"unknown access", sign(t, jwt.MapClaims{"access": "w"}), 401, "access"},
		{"access of a wrong type", sign(t, jwt.MapClaims{"access": 7}), 401, "access"},
		{"payload restriction", sign(t, entry(map[string]any{"collection": "users", "access": "r", "payload": map[string]any{"a": 1}})), 401, "access[0].payload"},
		{"unknown restriction", sign(t, entry(map[string]any{"collection": "users", "access": "r", "rows": 1})), 401, "access[0]"},
		{"unknown mode", sign(t, entry(map[string]any{"collection": "users", "access": "m"})), 401, "access[0].access"},
		{"no collection", sign(t, entry(map[string]any{"access": "r"})), 401, "access[0].collection"},
		{"twice", sign(t, jwt.MapClaims{"access": []map[string]any{{"collection": "a", "access": "r"}, {"collection": "a", "access": "rw"}}}), 401, "twice"},
		{"value in no collection", sign(t, jwt.MapClaims{"value_exists": map[string]any{"collection": "nobody", "matches": []any{}}}), 403, "stateful"},
		{"value that is not there", sign(t, jwt.MapClaims{"value_exists": map[string]any{"collection": "users", "matches": []any{}}}), 401, "stateful"},
		{"value without a key", sign(t, jwt.MapClaims{"value_exists": map[string]any{"collection": "users", "matches": []any{map[string]any{"value": 1}}}}), 401, "value_exists.matches"},
	} {
		status, a, _ := r.send("GET", "/collections", "", "Authorization", "Bearer "+c.token)
		if status != c.want || !strings.Contains(a.message(), c.says) {
			t.Errorf("%s: %d %q, want %d and %q", c.name, status, a.message(), c.want, c.says)
		}
	}
	off := serve(t, start{server: server.Options{APIKey: secret}})
	if status, _, _ := off.send("GET", "/collections", "", "api-key", sign(t, jwt.MapClaims{})); status != 401 {
		t.Errorf("a token where tokens are off: %d", status)
	}
}

// keyed sends requests with a key.
type keyed struct {
	*running
	key string
}

func (r *running) as(key string) keyed { return keyed{r, key} }

func (k keyed) must(method, path, body string, into ...any) {
	k.t.Helper()
	status, a, _ := k.send(method, path, body, "api-key", k.key)
	if status != 200 {
		k.t.Fatalf("%s %s: %d %s", method, path, status, a.Status)
	}
	for _, v := range into {
		if err := json.Unmarshal(a.Result, v); err != nil {
			k.t.Fatal(err)
		}
	}
}

func (k keyed) status(method, path, body string) int {
	k.t.Helper()
	status, _, _ := k.send(method, path, body, "api-key", k.key)
	return status
}

func TestTokenTiedToAPoint(t *testing.T) {
	r := serve(t, start{server: server.Options{APIKey: secret, JWT: true}})
	admin := r.as(secret)
	admin.must("PUT", "/collections/users", `{}`)
	admin.must("PUT", "/collections/users/points?wait=true", `{"points":[{"id":1,"vector":{},"payload":{"user":"ann","role":"clerk"}}]}`)
	ann := r.as(sign(t, jwt.MapClaims{"access": "r", "value_exists": map[string]any{"collection": "users", "matches": []any{
		map[string]any{"key": "user", "value": "ann"}, map[string]any{"key": "role", "value": "clerk"}}}}))
	if got := ann.status("GET", "/collections", ""); got != 200 {
		t.Errorf("while the point is there: %d", got)
	}
	admin.must("POST", "/collections/users/points/payload?wait=true", `{"points":[1],"payload":{"role":"guest"}}`)
	if got := ann.status("GET", "/collections", ""); got != 401 {
		t.Errorf("after the role has changed: %d", got)
	}
}

func TestTokensSeeTheirCollectionsOnly(t *testing.T) {
	r := serve(t, start{server: server.Options{APIKey: secret, JWT: true}})
	admin := r.as(secret)
	for _, name := range []string{"c", "other"} {
		admin.must("PUT", "/collections/"+name, `{}`)
	}
	admin.must("POST", "/collections/aliases", `{"actions":[{"create_alias":{"alias_name":"mine","collection_name":"c"}},{"create_alias":{"alias_name":"theirs","collection_name":"other"}}]}`)
	mine := r.as(sign(t, to("c", "r")))
	var list struct{ Collections []struct{ Name string } }
	mine.must("GET", "/collections", "", &list)
	if len(list.Collections) != 1 || list.Collections[0].Name != "c" {
		t.Errorf("collections: %+v", list)
	}
	var aliases struct {
		Aliases []struct {
			Name string `json:"alias_name"`
		}
	}
	mine.must("GET", "/aliases", "", &aliases)
	if len(aliases.Aliases) != 1 || aliases.Aliases[0].Name != "mine" {
		t.Errorf("aliases: %+v", aliases)
	}
	for path, want := range map[string]int{"mine": 200, "theirs": 403, "other": 403, "nothing": 403} {
		if got := mine.status("POST", "/collections/"+path+"/points/scroll", `{}`); got != want {
			t.Errorf("scroll of %s: %d, want %d", path, got, want)
		}
	}
	byAlias := r.as(sign(t, to("theirs", "rw")))
	if got := byAlias.status("POST", "/collections/theirs/points/scroll", `{}`); got != 200 {
		t.Errorf("by an alias that the token names: %d", got)
	}
	if got := byAlias.status("POST", "/collections/other/points/scroll", `{}`); got != 403 {
		t.Errorf("by the name of a collection whose alias the token names: %d", got)
	}
}

func TestAuditLog(t *testing.T) {
	var log bytes.Buffer
	r := serve(t, start{node: cluster.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))}, server: server.Options{APIKey: secret, JWT: true}})
	token := sign(t, jwt.MapClaims{"access": "m", "subject": "ann"})
	r.as(token).must("PUT", "/collections/c", `{}`)
	r.as(token).must("GET", "/collections/c", "")
	r.as(sign(t, to("c", "r"))).status("DELETE", "/collections/c", "")
	r.as("wrong-key").status("DELETE", "/collections/c?api-key=wrong-key", "")
	r.as(secret).status("PUT", "/collections/c", `{}`)
	r.stop()
	type line struct {
		Msg   string
		Audit struct {
			Key, Subject, Remote, Endpoint, Path, Outcome string
			Status                                        int
		}
	}
	var got []string
	for text := range strings.Lines(log.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if l.Msg == "administrative call" {
			a := l.Audit
			got = append(got, a.Key+" "+a.Subject+" "+a.Endpoint+" "+a.Path+" "+a.Outcome)
		}
	}
	want := []string{
		`jwt ann PUT /collections/{name} /collections/c done`,
		`jwt  DELETE /collections/{name} /collections/c denied`,
		`none  DELETE /collections/{name} /collections/c denied`,
		`api-key  PUT /collections/{name} /collections/c failed`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("audit log:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, hidden := range []string{secret, "wrong-key", token} {
		if strings.Contains(log.String(), hidden) {
			t.Errorf("the log has the secret %q", hidden)
		}
	}
}
