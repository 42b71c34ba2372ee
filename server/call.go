package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/storage/op"
)

// call is one request under way. Handlers read it and append the result's JSON
// to out.
type call struct {
	*fasthttp.RequestCtx
	s      *Server
	grant  *grant          // what the request's key allows; nil until it is known
	ctx    context.Context // ends with the request's time
	params []string        // path parameters in their order, decoded
	body   []byte          // decompressed
	out    []byte
	start  time.Time

	batched  bool // the request has a list of queries
	accepted bool // the work goes on after the answer
	hijacked bool // the handler has taken the connection over, and answers there
	route    *route
}

var calls = sync.Pool{New: func() any { return new(call) }}

// mostAnswer and mostBody are how many bytes of an answer's memory, and of a body's,
// are kept for the next request. Few queries are as long as the second.
const (
	mostAnswer = 1 << 20
	mostBody   = 128 << 10
)

// handle is every request's way in.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c := calls.Get().(*call)
	*c = call{RequestCtx: ctx, s: s, out: c.out[:0], start: time.Now()}
	r, err := s.route(c)
	if err == nil {
		err = s.serve(c, r)
	}
	if err != nil {
		s.fail(c, err)
		s.refuseUpload(ctx)
	}
	if !c.hijacked {
		c.observe(r)
		c.record(r, ctx.Response.StatusCode())
	}
	if n := ctx.Request.Header.ContentLength(); n > mostBody || n == chunked {
		ctx.Request.SwapBody(nil) // else later requests keep its memory, however small they are
	}
	if cap(c.out) <= mostAnswer {
		*c = call{out: c.out}
		calls.Put(c)
	}
}

// observe counts the answer, for metrics and telemetry.
func (c *call) observe(r *route) {
	status, took := c.Response.StatusCode(), time.Since(c.start)
	c.s.metrics.observe(r, status, took)
	collection := ""
	if r.needs.ofCollection() && c.s.ready.Load() {
		if col, err := c.s.node.Collection(c.params[0]); err == nil {
			collection = col.Name()
		}
	}
	c.s.stats.observe(r.name, collection, status, took)
}

// serve runs a route's handler with everything that must hold before it.
func (s *Server) serve(c *call, r *route) (err error) {
	if !r.open {
		if c.grant, err = s.keys.identify(&c.Request.Header); err != nil {
			return err // a stranger takes no place from others
		}
		if err := s.notReady(); err != nil {
			return err
		}
		select {
		case s.inFlight <- struct{}{}:
			defer func() { <-s.inFlight }()
		default:
			return &api.Error{Status: fasthttp.StatusServiceUnavailable, Message: fmt.Sprintf("overloaded: %d requests are in flight; try again", s.o.MaxInFlight)}
		}
	}
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a request failed inside the server", "route", r.name, "panic", p, "stack", string(debug.Stack()))
			err = &api.Error{Status: fasthttp.StatusInternalServerError, Message: "internal error; the server's log has the details"}
		}
	}()
	limit, malformed := c.timeout()
	var cancel context.CancelFunc
	c.ctx, cancel = context.WithTimeout(context.Background(), limit)
	defer cancel()
	if !r.open {
		if err := c.admit(r.needs); err != nil {
			return err
		}
	}
	if malformed != nil {
		return malformed
	}
	if c.body, err = s.inflate(c.RequestCtx); err != nil {
		return err
	}
	c.route = r
	if r.plain {
		return r.do(c)
	}
	if err := c.result(r); err != nil {
		return err
	}
	if c.accepted {
		return c.finishAccepted()
	}
	c.finish()
	return nil
}

// mostMoves is how often a read looks for a collection again whose shards a
// recovery replaced in between.
const mostMoves = 3

// result writes the result. A read that meets a dropped shard starts over: its
// collection has been replaced, or is gone, and then it says so.
func (c *call) result(r *route) error {
	for try := 0; ; try++ {
		c.out = append(c.out[:0], `{"result":`...)
		err := r.do(c)
		if r.needs != read || !errors.Is(err, op.ErrNoShard) || try == mostMoves {
			return err
		}
	}
}

// finishAccepted answers for work that goes on.
func (c *call) finishAccepted() error {
	c.out = c.out[:0]
	c.SetStatusCode(fasthttp.StatusAccepted)
	c.SetContentType("application/json")
	err := c.json(api.Accepted{Status: "accepted", Time: time.Since(c.start).Seconds()})
	c.SetBody(c.out)
	return err
}

// finish closes the envelope around the result.
func (c *call) finish() {
	c.out = append(c.out, `,"status":"ok","time":`...)
	c.out = strconv.AppendFloat(c.out, time.Since(c.start).Seconds(), 'f', 9, 64)
	c.out = append(c.out, '}')
	c.SetContentType("application/json")
	c.deflate()
}

// json appends a result that needs no hand-written form.
func (c *call) json(v any) error {
	text, err := json.Marshal(v)
	c.out = append(c.out, text...)
	return err
}

func (c *call) ok() error {
	c.out = append(c.out, "true"...)
	return nil
}

func (c *call) arg(name string) string { return string(c.QueryArgs().Peek(name)) }

func (c *call) badArg(name, problem string) error {
	return &api.Error{Status: fasthttp.StatusBadRequest, Field: name, Message: fmt.Sprintf("query parameter %s: %s", name, problem)}
}

// timeout is the request's time: the client's, in seconds, or the server's.
func (c *call) timeout() (time.Duration, error) {
	text := c.arg("timeout")
	if text == "" {
		return c.s.o.RequestTimeout, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return c.s.o.RequestTimeout, c.badArg("timeout", fmt.Sprintf("%q is not a number of seconds, 1 or larger", text))
	}
	return min(time.Duration(n)*time.Second, c.s.o.RequestTimeout), nil
}

// wait says what a write waits for. The contract's default is not to wait.
func (c *call) wait() (cluster.Ack, error) {
	switch text := c.arg("ordering"); text {
	case "", "weak", "medium", "strong": // one node keeps one order
	default:
		return 0, c.badArg("ordering", fmt.Sprintf("%q is none of weak, medium, strong", text))
	}
	switch text := c.arg("wait"); text {
	case "", "false":
		return cluster.Committed, nil
	case "true":
		return cluster.Applied, nil
	default:
		return 0, c.badArg("wait", fmt.Sprintf("%q is neither true nor false", text))
	}
}

// linear says whether reads must see every write acknowledged before them.
func (c *call) linear() (bool, error) {
	switch text := c.arg("consistency"); text {
	case "":
		return false, nil
	case "majority", "quorum", "all":
		return true, nil
	default:
		if n, err := strconv.ParseUint(text, 10, 16); err != nil || n == 0 {
			return false, c.badArg("consistency", fmt.Sprintf("%q is none of majority, quorum, all or a number of replicas", text))
		}
		return false, nil
	}
}

// collection is the collection that the path names.
func (c *call) collection() (*cluster.Collection, error) { return c.s.node.Collection(c.params[0]) }
