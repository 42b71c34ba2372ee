package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// Hold takes the place of one request until release is called.
func (s *Server) Hold() (release func()) {
	s.inFlight <- struct{}{}
	return func() { <-s.inFlight }
}

// A handler that panics costs its own request and nothing else.
func TestPanicIsAnswered(t *testing.T) {
	var log bytes.Buffer
	s, err := New(nil, Options{SnapshotsDir: t.TempDir(), MaxInFlight: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.ready.Store(true) // these routes need no node
	s.routes.add("GET", "/break", &route{do: func(c *call) error { panic("at the seams") }})
	s.routes.add("GET", "/well", &route{do: (*call).ok})
	for _, c := range []struct {
		path, says string
		status     int
	}{
		{"/break", "internal error", 500}, {"/well", `{"result":true,"status":"ok","time":`, 200},
	} {
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI(c.path)
		s.handle(&ctx)
		if got := string(ctx.Response.Body()); ctx.Response.StatusCode() != c.status || !strings.Contains(got, c.says) || strings.Contains(got, "seams") {
			t.Errorf("%s: %d %s", c.path, ctx.Response.StatusCode(), got)
		}
	}
	if !strings.Contains(log.String(), "at the seams") || !strings.Contains(log.String(), "GET /break") {
		t.Errorf("the log does not tell: %s", log.String())
	}
}
