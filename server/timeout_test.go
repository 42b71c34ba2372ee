package server

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// A request whose time passes while it works is answered 408, with what to do.
func TestTimeIsUp(t *testing.T) {
	s, err := New(nil, Options{SnapshotsDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.ready.Store(true) // the route needs no node
	s.routes.add("GET", "/slow", &route{do: func(c *call) error {
		if end, ok := c.ctx.Deadline(); !ok || time.Until(end) > time.Second {
			return fmt.Errorf("the request ends %v, want within its timeout", end)
		}
		<-c.ctx.Done()
		return fmt.Errorf("scan: %w", c.ctx.Err())
	}})
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI("/slow?timeout=1")
	s.handle(&ctx)
	if got := string(ctx.Response.Body()); ctx.Response.StatusCode() != 408 || !strings.Contains(got, "raise timeout") {
		t.Errorf("%d %s", ctx.Response.StatusCode(), got)
	}
	if status, _ := explain(context.DeadlineExceeded); status != 408 {
		t.Errorf("explained as %d", status)
	}
}
