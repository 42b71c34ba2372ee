package server_test

import (
	"strings"
	"testing"
)

// strictTable has a request for every endpoint that reads or writes points: one
// that strict mode refuses, and a word of why.
const strictTable = `
POST /collections/{name}/points                       no     ?timeout=2 {"ids":[1]}
GET  /collections/{name}/points/{id}                  no     ?timeout=2
POST /collections/{name}/points/scroll                "no"   {"limit":1,FILTER}
POST /collections/{name}/points/count                 "no"   {FILTER}
POST /collections/{name}/points/query                 "no"   {"limit":1,FILTER}
POST /collections/{name}/points/query/batch           "no"   {"searches":[{"limit":1,FILTER}]}
POST /collections/{name}/points/query/groups          "no"   {"query":[1,2],"using":"a","limit":1,"group_size":1,"group_by":"no"}
POST /collections/{name}/points/search                "no"   {"vector":{"name":"a","vector":[1,2]},"limit":1,FILTER}
POST /collections/{name}/points/search/batch          "no"   {"searches":[{"vector":{"name":"a","vector":[1,2]},"limit":1,FILTER}]}
POST /collections/{name}/points/search/groups         "no"   {"vector":{"name":"a","vector":[1,2]},"limit":1,"group_size":1,"group_by":"no"}
POST /collections/{name}/points/search/matrix/pairs   "no"   {"sample":2,"limit":1,"using":"a",FILTER}
POST /collections/{name}/points/search/matrix/offsets "no"   {"sample":2,"limit":1,"using":"a",FILTER}
POST /collections/{name}/facet                        "no"   {"key":"k","limit":1,FILTER}
PUT  /collections/{name}/points                       limit  {"points":[{"id":1,"vector":{"a":[1,2]}},{"id":2,"vector":{"a":[1,2]}}]}
POST /collections/{name}/points/delete                "no"   {FILTER}
PUT  /collections/{name}/points/vectors               limit  {"points":[{"id":1,"vector":{"a":[1,2]}},{"id":2,"vector":{"a":[1,2]}}]}
POST /collections/{name}/points/vectors/delete        "no"   {"vector":["a"],FILTER}
POST /collections/{name}/points/payload               "no"   {"payload":{"a":1},FILTER}
PUT  /collections/{name}/points/payload               "no"   {"payload":{"a":1},FILTER}
POST /collections/{name}/points/payload/delete        "no"   {"keys":["a"],FILTER}
POST /collections/{name}/points/payload/clear         "no"   {FILTER}
POST /collections/{name}/points/batch                 "no"   {"operations":[{"clear_payload":{FILTER}}]}
`

// TestEveryReadAndWriteIsStrict sends every endpoint of points a request that
// strict mode must refuse, and one for more time than it gives.
func TestEveryReadAndWriteIsStrict(t *testing.T) {
	r := limited(t, `{"enabled":true,"max_timeout":1,"upsert_max_batchsize":1,"unindexed_filtering_retrieve":false,"unindexed_filtering_update":false}`)
	requests := map[string][]string{}
	for line := range strings.Lines(strictTable) {
		if words := strings.Fields(line); len(words) > 3 {
			requests[words[0]+" "+words[1]] = words[2:]
		}
	}
	table := accessTable()
	for _, endpoint := range r.srv.Endpoints() {
		if class := table[endpoint]; class != "read" && class != "points" || !strings.Contains(endpoint, "/points") && !strings.Contains(endpoint, "/facet") {
			continue
		}
		request, ok := requests[endpoint]
		if !ok {
			t.Errorf("%s has no line in the table of strict mode", endpoint)
			continue
		}
		method, pattern, _ := strings.Cut(endpoint, " ")
		path := strings.NewReplacer("{name}", "c", "{id}", "1").Replace(pattern)
		says, body := request[0], strings.Join(request[1:], " ")
		if says == "no" {
			says, body = "timeout", strings.TrimPrefix(body, "?timeout=2")
		}
		body = strings.ReplaceAll(body, "FILTER", `"filter":{"must":[{"key":"no","match":{"value":"x"}}]}`)
		query := "?timeout=1"
		if says == "timeout" {
			query = "?timeout=2"
		}
		status, a, _ := r.send(method, path+query, body)
		if status != 403 || !strings.Contains(a.message(), says) {
			t.Errorf("%s %s: %d %q, want 403 and %s", endpoint, body, status, a.message(), says)
		}
		if status, a, _ := r.send(method, path+"?timeout=2", body); status != 403 || !strings.Contains(a.message(), `"timeout"`) {
			t.Errorf("%s for 2 s: %d %q", endpoint, status, a.message())
		}
	}
}
