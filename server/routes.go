package server

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/server/api"
)

// route is one endpoint.
type route struct {
	name  string // method and pattern, for logs and metrics
	do    func(*call) error
	needs need // what a key must be allowed
	open  bool // needs no key, and is served under any load
	plain bool // writes its whole answer itself
}

// routes is a tree by path segments; "*" matches any one segment.
type routes struct {
	next    map[string]*routes
	methods map[string]*route
}

// unmatched is what metrics call requests to no endpoint.
var unmatched = &route{name: "none"}

func (t *routes) add(method, pattern string, r *route) {
	r.name = method + " " + pattern
	at := t
	for _, segment := range split(pattern) {
		if strings.HasPrefix(segment, "{") {
			segment = "*"
		}
		if at.next == nil {
			at.next = map[string]*routes{}
		}
		if at.next[segment] == nil {
			at.next[segment] = &routes{}
		}
		at = at.next[segment]
	}
	if at.methods == nil {
		at.methods = map[string]*route{}
	}
	at.methods[method] = r
}

func split(path string) []string {
	return strings.Split(strings.Trim(path, "/"), "/")
}

// route finds the request's endpoint and its path parameters. Segments are
// decoded after they are cut, so that an encoded slash stays inside a name.
func (s *Server) route(c *call) (*route, error) {
	segments := split(string(c.URI().PathOriginal()))
	for i, raw := range segments {
		segment, err := url.PathUnescape(raw)
		if err != nil {
			return unmatched, &api.Error{Status: fasthttp.StatusBadRequest, Field: "path", Message: fmt.Sprintf("path: %v", err)}
		}
		segments[i] = segment
	}
	method := string(c.Method())
	r, known := s.routes.match(segments, method, &c.params)
	if r == nil && method == fasthttp.MethodHead {
		r, known = s.routes.match(segments, fasthttp.MethodGet, &c.params)
	}
	switch {
	case r != nil:
		return r, nil
	case known:
		return unmatched, &api.Error{Status: fasthttp.StatusMethodNotAllowed, Message: fmt.Sprintf("method %s is not allowed here", method)}
	}
	return unmatched, &api.Error{Status: fasthttp.StatusNotFound, Message: "Not found: no such endpoint: " + string(c.URI().PathOriginal())}
}

// match finds the endpoint below t. A word of the contract goes before a
// parameter, but does not hide it: a collection may be called "aliases". known
// tells that the path has endpoints, of other methods.
func (t *routes) match(segments []string, method string, params *[]string) (r *route, known bool) {
	if len(segments) == 0 {
		return t.methods[method], t.methods != nil
	}
	if next := t.next[segments[0]]; next != nil && segments[0] != "*" {
		if r, known = next.match(segments[1:], method, params); r != nil {
			return r, true
		}
	}
	parameter := t.next["*"]
	if parameter == nil {
		return nil, known
	}
	n := len(*params)
	*params = append(*params, segments[0])
	r, found := parameter.match(segments[1:], method, params)
	if r == nil {
		*params = (*params)[:n]
	}
	return r, known || found
}

func (s *Server) newRoutes() *routes {
	t := &routes{}
	on := func(method, pattern string, needs need, do func(*call) error) {
		t.add(method, pattern, &route{do: do, needs: needs})
	}

	t.add("GET", "/healthz", &route{do: (*call).healthy, open: true, plain: true})
	t.add("GET", "/livez", &route{do: (*call).healthy, open: true, plain: true})
	t.add("GET", "/readyz", &route{do: (*call).readiness, open: true, plain: true})
	t.add("GET", "/openapi.yaml", &route{do: (*call).document, open: true, plain: true})
	t.add("GET", "/", &route{do: (*call).version, needs: anyKey, plain: true})
	t.add("GET", "/metrics", &route{do: (*call).scrape, needs: readNode, plain: true})

	on("GET", "/collections", anyKey, (*call).listCollections)
	on("GET", "/collections/{name}", read, (*call).collectionInfo)
	on("PUT", "/collections/{name}", manage, (*call).createCollection)
	on("PATCH", "/collections/{name}", manage, (*call).updateCollection)
	on("DELETE", "/collections/{name}", manage, (*call).deleteCollection)
	on("GET", "/collections/{name}/exists", read, (*call).collectionExists)
	on("GET", "/collections/{name}/aliases", read, (*call).collectionAliases)
	on("POST", "/collections/aliases", manage, (*call).changeAliases)
	on("GET", "/aliases", anyKey, (*call).listAliases)
	on("PUT", "/collections/{name}/index", alter, (*call).createIndex)
	on("PUT", "/collections/{name}/vectors/{vector}", alter, (*call).createVector)
	on("DELETE", "/collections/{name}/vectors/{vector}", alter, (*call).deleteVector)
	on("DELETE", "/collections/{name}/index/{field}", alter, (*call).deleteIndex)

	const points = "/collections/{name}/points"
	on("PUT", points, write, (*call).upsert)
	on("POST", points, read, (*call).retrieve)
	on("GET", points+"/{id}", read, (*call).point)
	on("POST", points+"/delete", write, (*call).deletePoints)
	on("POST", points+"/payload", write, (*call).setPayload)
	on("PUT", points+"/payload", write, (*call).overwritePayload)
	on("POST", points+"/payload/delete", write, (*call).deletePayload)
	on("POST", points+"/payload/clear", write, (*call).clearPayload)
	on("PUT", points+"/vectors", write, (*call).updateVectors)
	on("POST", points+"/vectors/delete", write, (*call).deleteVectors)
	on("POST", points+"/batch", write, (*call).batch)
	on("POST", points+"/scroll", read, (*call).scroll)
	on("POST", points+"/count", read, (*call).count)
	on("POST", points+"/query", read, (*call).queryPoints)
	on("POST", points+"/query/batch", read, (*call).queryBatch)
	on("POST", points+"/search", read, (*call).search)
	on("POST", points+"/search/batch", read, (*call).searchBatch)

	on("GET", "/collections/{name}/optimizations", read, (*call).optimizations)
	on("GET", "/collections/{name}/recall", read, (*call).recall)
	on("GET", "/telemetry", readNode, (*call).telemetry)
	on("GET", "/issues", readNode, (*call).listIssues)
	on("DELETE", "/issues", manage, (*call).clearIssues)
	on("GET", "/quotas", readNode, (*call).getQuotas)
	on("PUT", "/quotas", manage, (*call).putQuotas)

	on("GET", "/cluster", readNode, (*call).clusterStatus)
	on("GET", "/cluster/telemetry", readNode, (*call).alone)
	on("POST", "/cluster/recover", manage, (*call).alone)
	on("DELETE", "/cluster/peer/{peer}", manage, (*call).alone)
	on("GET", "/collections/{name}/cluster", read, (*call).collectionCluster)
	on("POST", "/collections/{name}/cluster", manage, (*call).alone)
	on("GET", "/collections/{name}/shards", read, (*call).shardKeys)
	on("PUT", "/collections/{name}/shards", manage, (*call).alone)
	on("POST", "/collections/{name}/shards/delete", manage, (*call).alone)
	on("POST", points+"/query/groups", read, (*call).queryGroups)
	on("POST", points+"/search/groups", read, (*call).searchGroups)
	on("POST", points+"/search/matrix/pairs", read, (*call).matrixPairs)
	on("POST", points+"/search/matrix/offsets", read, (*call).matrixOffsets)
	on("POST", "/collections/{name}/facet", read, (*call).facet)
	t.addSnapshots(on)
	return t
}
