package server

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// Whatever the path is, the router answers an endpoint with as many parameters
// as its pattern has, or an error.
func FuzzRoute(f *testing.F) {
	for _, path := range []string{"/", "/collections/c/points/1", "/collections/a%2Fb", "/collections/%zz", "//", "/collections//points", "/collections/aliases/points/scroll", "/collections/%2e%2e/index/a%5B%5D.b", "/collections/c/snapshots/../../x", "/%00"} {
		f.Add("GET", path)
	}
	s := &Server{}
	s.routes = s.newRoutes()
	f.Fuzz(func(t *testing.T, method, path string) {
		ctx := &fasthttp.RequestCtx{}
		ctx.Request.Header.SetMethod(method)
		ctx.Request.SetRequestURI(path)
		c := &call{RequestCtx: ctx, s: s}
		r, err := s.route(c)
		if err == nil && strings.Count(r.name, "{") != len(c.params) {
			t.Fatalf("%s %q: %s with parameters %q", method, path, r.name, c.params)
		}
		if r == nil {
			t.Fatalf("%s %q: neither an endpoint nor an error", method, path)
		}
	})
}
