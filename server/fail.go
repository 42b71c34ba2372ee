package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/server/fetch"
	"github.com/kithdb/kith/server/vault"
	"github.com/kithdb/kith/server/wire"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/schema"
)

// fail answers an error in the contract's envelope.
func (s *Server) fail(c *call, err error) {
	status, message := explain(err)
	if status == fasthttp.StatusInternalServerError {
		s.log.Error("request failed", "method", string(c.Method()), "path", string(c.Path()), "error", err)
	}
	writeFailure(c.RequestCtx, status, message, time.Since(c.start))
	var limited *limitedError
	if errors.As(err, &limited) {
		c.Response.Header.Set("Retry-After", strconv.Itoa(int(limited.after.Seconds())))
	}
}

func writeFailure(ctx *fasthttp.RequestCtx, status int, message string, took time.Duration) {
	text, err := json.Marshal(api.ErrorResponse{Status: api.ErrorStatus{Error: message}, Time: took.Seconds()})
	if err != nil {
		text = []byte(`{"status":{"error":"internal error"},"time":0}`)
	}
	ctx.Response.ResetBody()
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(text)
	if status == fasthttp.StatusServiceUnavailable || status == fasthttp.StatusTooManyRequests {
		ctx.Response.Header.Set("Retry-After", "1")
	}
}

// explain turns an error of any room into the contract's status and message.
func explain(err error) (status int, message string) {
	var known *api.Error
	var body *wire.Error
	var field *schema.FieldError
	var condition *filter.Error
	var missing *op.NotFoundError
	var cut *bodyError
	var limited *limitedError
	switch {
	case errors.As(err, &limited):
		return fasthttp.StatusTooManyRequests, limited.message
	case errors.As(err, &known):
		return known.Status, known.Message
	case errors.As(err, &cut):
		return fasthttp.StatusBadRequest, cut.Error()
	case errors.As(err, &body):
		if body.Bound {
			return fasthttp.StatusUnprocessableEntity, body.Error()
		}
		return fasthttp.StatusBadRequest, body.Error()
	case errors.As(err, &field):
		return fasthttp.StatusBadRequest, "Wrong input: " + field.Error()
	case errors.As(err, &condition):
		return fasthttp.StatusBadRequest, "Wrong input: " + condition.Error()
	case errors.As(err, &missing):
		return fasthttp.StatusNotFound, "Not found: " + missing.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return fasthttp.StatusRequestTimeout, "Timeout: the request's time passed before it was done; ask for less, or raise timeout"
	}
	if errors.Is(err, cluster.ErrQuota) {
		return fasthttp.StatusForbidden, "Forbidden: " + err.Error()
	}
	for _, known := range []struct {
		is     error
		status int
	}{
		{cluster.ErrNotFound, fasthttp.StatusNotFound},
		{cluster.ErrExists, fasthttp.StatusConflict},
		{cluster.ErrConflict, fasthttp.StatusConflict},
		{cluster.ErrDiskFull, fasthttp.StatusInsufficientStorage},
		{cluster.ErrMemory, fasthttp.StatusInsufficientStorage},
		{cluster.ErrTimeout, fasthttp.StatusRequestTimeout},
		{cluster.ErrNotReady, fasthttp.StatusServiceUnavailable},
		{cluster.ErrClosed, fasthttp.StatusServiceUnavailable},
		{cluster.ErrFailed, fasthttp.StatusInternalServerError},
		{op.ErrNoShard, fasthttp.StatusNotFound},
		{cluster.ErrSnapshot, fasthttp.StatusBadRequest},
		{vault.ErrNotFound, fasthttp.StatusNotFound},
		{vault.ErrName, fasthttp.StatusBadRequest},
		{vault.ErrChecksum, fasthttp.StatusBadRequest},
		{fetch.ErrForbidden, fasthttp.StatusForbidden},
		{fetch.ErrRemote, fasthttp.StatusBadRequest},
		{syscall.ENOSPC, fasthttp.StatusInsufficientStorage},
		{fs.ErrExist, fasthttp.StatusConflict},
	} {
		if errors.Is(err, known.is) {
			return known.status, err.Error()
		}
	}
	return fasthttp.StatusInternalServerError, "internal error: " + err.Error()
}

// refuse answers a request that never became one: too large, too slow, or no
// HTTP.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, err error) {
	var netErr net.Error
	var small *fasthttp.ErrSmallBuffer
	status, message := fasthttp.StatusBadRequest, "malformed HTTP request"
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge), strings.Contains(err.Error(), "body size exceeds"):
		status, message = fasthttp.StatusRequestEntityTooLarge, tooLarge(s.o.MaxBody)
		switch _, stranger := s.keys.identify(&ctx.Request.Header); {
		case stranger == nil:
		case ctx.Request.Header.ContentLength() == 0: // a body in chunks was cut off, and the header is forgotten
			message += fmt.Sprintf(", or of %d bytes without a valid API key", strangerBody)
		default:
			status, message = explain(stranger)
		}
		s.drain(ctx)
	case errors.As(err, &small):
		status, message = fasthttp.StatusRequestHeaderFieldsTooLarge, "the request's header is too large"
	case errors.As(err, &netErr) && netErr.Timeout():
		status, message = fasthttp.StatusRequestTimeout, fmt.Sprintf("the request was not received within %s", s.o.ReadTimeout)
	}
	writeFailure(ctx, status, message, 0)
	ctx.SetConnectionClose()
}

// The bounds of reading on with a body that is refused.
const (
	mostDrained  = 1 << 30
	drainSilence = 200 * time.Millisecond // after which a client has sent all it has
)

// drain reads what the client is still sending: a connection that is closed on
// unread data is reset, and the client would never see the answer. What stood in
// the header's buffer does not come again, so that the last bytes are waited for
// no longer than a silence.
func (s *Server) drain(ctx *fasthttp.RequestCtx) {
	end := time.Now().Add(s.o.ReadTimeout)
	declared := ctx.Request.Header.ContentLength() // not positive when it comes in chunks
	if declared > mostDrained {
		return
	}
	buf := make([]byte, 64<<10)
	for got := 0; got < mostDrained; {
		patience := drainSilence
		if got < declared-headerBytes {
			patience = time.Second
		}
		until := time.Now().Add(patience)
		if until.After(end) || ctx.Conn().SetReadDeadline(until) != nil {
			return
		}
		n, err := ctx.Conn().Read(buf)
		if got += n; err != nil || got == declared {
			return
		}
	}
}

func tooLarge(limit int) string {
	return fmt.Sprintf("body: larger than the limit of %d bytes; send smaller batches or raise max_body_mib", limit)
}
