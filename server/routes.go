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
	write bool // refused to the read-only key
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
	read := func(method, pattern string, do func(*call) error) { t.add(method, pattern, &route{do: do}) }
	write := func(method, pattern string, do func(*call) error) {
		t.add(method, pattern, &route{do: do, write: true})
	}

	for _, path := range []string{"/healthz", "/livez", "/readyz"} {
		t.add("GET", path, &route{do: (*call).healthy, open: true, plain: true})
	}
	t.add("GET", "/", &route{do: (*call).version, plain: true})
	t.add("GET", "/metrics", &route{do: (*call).scrape, plain: true})

	read("GET", "/collections", (*call).listCollections)
	read("GET", "/collections/{name}", (*call).collectionInfo)
	write("PUT", "/collections/{name}", (*call).createCollection)
	write("PATCH", "/collections/{name}", (*call).updateCollection)
	write("DELETE", "/collections/{name}", (*call).deleteCollection)
	read("GET", "/collections/{name}/exists", (*call).collectionExists)
	read("GET", "/collections/{name}/aliases", (*call).collectionAliases)
	write("POST", "/collections/aliases", (*call).changeAliases)
	read("GET", "/aliases", (*call).listAliases)
	write("PUT", "/collections/{name}/index", (*call).createIndex)
	write("DELETE", "/collections/{name}/index/{field}", (*call).deleteIndex)

	const points = "/collections/{name}/points"
	write("PUT", points, (*call).upsert)
	read("POST", points, (*call).retrieve)
	read("GET", points+"/{id}", (*call).point)
	write("POST", points+"/delete", (*call).deletePoints)
	write("POST", points+"/payload", (*call).setPayload)
	write("PUT", points+"/payload", (*call).overwritePayload)
	write("POST", points+"/payload/delete", (*call).deletePayload)
	write("POST", points+"/payload/clear", (*call).clearPayload)
	write("POST", points+"/batch", (*call).batch)
	read("POST", points+"/scroll", (*call).scroll)
	read("POST", points+"/count", (*call).count)
	read("POST", points+"/query", (*call).queryPoints)
	read("POST", points+"/query/batch", (*call).queryBatch)
	read("POST", points+"/search", (*call).search)
	read("POST", points+"/search/batch", (*call).searchBatch)
	t.addLater()
	return t
}
