package server

import (
	"slices"
)

// Endpoints lists every endpoint that the router knows, as "METHOD pattern".
func (s *Server) Endpoints() []string {
	var out []string
	var walk func(t *routes)
	walk = func(t *routes) {
		for _, r := range t.methods {
			out = append(out, r.name)
		}
		for _, next := range t.next {
			walk(next)
		}
	}
	walk(s.routes)
	slices.Sort(out)
	return out
}
