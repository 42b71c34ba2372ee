package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http/httputil"
	"os"
	"path"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/server/vault"
)

// Snapshots may be larger than memory, and fasthttp reads a body whole before
// its handler runs. So the body of an upload is hidden from it: when the header
// has come, its length is moved into a header of ours. The handler then takes
// over the connection, streams the body to disk, answers, and closes.
const uploadLength = "Kith-Upload-Length"

// chunked stands for a body that comes in chunks.
const chunked = -1

var uploadSuffix = []byte("/snapshots/upload")

// hideUpload moves the length of an upload's body out of fasthttp's sight.
func hideUpload(h *fasthttp.RequestHeader) {
	h.Del(uploadLength) // a client's own says nothing
	if !h.IsPost() {
		return
	}
	target, _, _ := bytes.Cut(h.RequestURI(), []byte("?"))
	if !bytes.HasSuffix(bytes.TrimRight(target, "/"), uploadSuffix) || h.ContentLength() == 0 {
		return
	}
	length := h.ContentLength()
	h.SetContentLength(0)
	h.Set(uploadLength, strconv.Itoa(length))
}

// hidden is the length of a body that was hidden.
func hidden(h *fasthttp.RequestHeader) (length int, ok bool) {
	text := h.Peek(uploadLength)
	if text == nil {
		return 0, false
	}
	length, err := strconv.Atoi(string(text))
	return length, err == nil
}

// refuseUpload ends the connection of an upload that was refused before its body
// was looked at.
func (s *Server) refuseUpload(ctx *fasthttp.RequestCtx) {
	length, ok := hidden(&ctx.Request.Header)
	if !ok {
		return
	}
	ctx.Request.Header.SetContentLength(length)
	s.drain(ctx)
	ctx.SetConnectionClose()
}

// upload is an upload under way.
type upload struct {
	s        *Server
	p        vault.Place
	checksum string
	length   int
	boundary string // "" when the body is the snapshot itself
	wait     bool
	start    time.Time
	done     func(status int) // logs and counts
}

func (c *call) uploadSnapshot() error {
	u := upload{s: c.s, checksum: c.arg("checksum"), start: c.start}
	var err error
	if u.p, err = c.snapshotPlace(); err != nil {
		return err
	}
	if err := c.checkPriority(); err != nil {
		return err
	}
	if u.wait, err = c.waits(); err != nil {
		return err
	}
	length, ok := hidden(&c.Request.Header)
	if !ok {
		return &api.Error{Status: fasthttp.StatusBadRequest, Field: "snapshot", Message: "Format error in form: snapshot: the body is empty; send the snapshot in a form field of that name, or as the body"}
	}
	u.length = length
	if coding := string(c.Request.Header.ContentEncoding()); coding != "" && coding != "identity" {
		return &api.Error{Status: fasthttp.StatusUnsupportedMediaType, Field: "Content-Encoding", Message: "Content-Encoding: an upload must not have one; a snapshot is compressed already"}
	}
	kind, params, err := mime.ParseMediaType(string(c.Request.Header.ContentType()))
	if err == nil && kind == "multipart/form-data" {
		if u.boundary = params["boundary"]; u.boundary == "" {
			return &api.Error{Status: fasthttp.StatusBadRequest, Field: "Content-Type", Message: "Content-Type: multipart/form-data without a boundary"}
		}
	}
	later := *c // the call goes back to its pool, the request stays until the end
	u.done = func(status int) {
		later.Response.SetStatusCode(status)
		later.observe(later.route)
		later.record(later.route, status)
	}
	c.hijacked = true
	c.HijackSetNoResponse(true)
	u.s.snapshots.jobs.Add(1)
	c.Hijack(func(conn net.Conn) {
		defer u.s.snapshots.jobs.Done()
		u.run(conn)
	})
	return nil
}

// run receives the snapshot, recovers it, and answers.
func (u *upload) run(conn net.Conn) {
	ctx, cancel := context.WithTimeout(u.s.snapshots.ctx, u.s.snapshots.timeout)
	var wire io.Reader = &patient{conn: conn, ctx: ctx, patience: u.s.o.ReadTimeout}
	body := io.LimitReader(wire, int64(u.length))
	if u.length == chunked {
		body = httputil.NewChunkedReader(bufio.NewReader(wire))
	}
	d, name, err := u.receive(ctx, body)
	if err != nil {
		defer cancel() // after the answer: what the client still sends is read until then
		u.discard(d)
		u.answer(conn, body, nil, err)
		return
	}
	install := func() error {
		defer cancel()
		defer u.discard(d)
		return u.install(ctx, d, name)
	}
	if u.wait {
		u.answer(conn, body, []byte("true"), install())
		return
	}
	u.s.snapshots.jobs.Go(func() {
		if err := install(); err != nil {
			u.s.log.Error("recovery of an uploaded snapshot failed", "collection", u.p.Collection, "error", err)
		}
	})
	u.answer(conn, body, nil, nil)
}

// patient ends a connection on which nothing comes for a while.
type patient struct {
	conn     net.Conn
	ctx      context.Context
	patience time.Duration
}

// glance is how long a silent client may hide that the server stops.
const glance = time.Second

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	end := time.Now().Add(p.patience)
	for {
		if err := p.ctx.Err(); err != nil {
			return 0, err
		}
		if err := p.conn.SetReadDeadline(time.Now().Add(min(glance, p.patience))); err != nil {
			return 0, err
		}
		n, err := p.conn.Read(b)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(end) {
			continue
		}
		return n, err
	}
}

// bodyError is a body that did not come as HTTP or its form has it.
type bodyError struct{ err error }

func (e *bodyError) Error() string {
	return "snapshot: the upload was not received whole: " + e.err.Error()
}
func (e *bodyError) Unwrap() error { return e.err }

// receive writes the snapshot into a draft and checks it against its checksum.
func (u *upload) receive(ctx context.Context, body io.Reader) (*vault.Draft, string, error) {
	content, name, err := u.content(body)
	if err != nil {
		return nil, "", err
	}
	d, err := u.s.snapshots.vault.Draft(ctx, u.p)
	if err != nil {
		return nil, "", err
	}
	most := u.s.o.MaxSnapshot
	n, err := io.Copy(d, &faulty{io.LimitReader(content, most+1)})
	switch {
	case err != nil:
		return d, "", err
	case n > most:
		return d, "", &api.Error{Status: fasthttp.StatusRequestEntityTooLarge, Field: "snapshot", Message: fmt.Sprintf("snapshot: larger than the limit of %d bytes; raise max_snapshot_mib", most)}
	case u.boundary == "" && u.length != chunked && n != int64(u.length):
		return d, "", &bodyError{io.ErrUnexpectedEOF}
	}
	return d, name, d.CheckSum(u.checksum)
}

// faulty marks what goes wrong with reading, which is the client's part.
type faulty struct{ r io.Reader }

// Read implements io.Reader.
func (f *faulty) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &bodyError{err}
	}
	return n, err
}

// content finds the snapshot in the body.
func (u *upload) content(body io.Reader) (io.Reader, string, error) {
	if u.boundary == "" {
		return body, "", nil
	}
	const mostParts = 16
	form := multipart.NewReader(body, u.boundary)
	for range mostParts {
		part, err := form.NextPart()
		if err != nil {
			return nil, "", &api.Error{Status: fasthttp.StatusBadRequest, Field: "snapshot", Message: fmt.Sprintf("Format error in form: snapshot: no field of that name (%v)", err)}
		}
		if part.FormName() == "snapshot" {
			return part, path.Base(part.FileName()), nil
		}
	}
	return nil, "", &api.Error{Status: fasthttp.StatusBadRequest, Field: "snapshot", Message: fmt.Sprintf("Format error in form: snapshot: not among the first %d fields", mostParts)}
}

// install recovers from the draft, and then keeps it as one of the place's
// snapshots: under the name it came with, where that is one and is free.
func (u *upload) install(ctx context.Context, d *vault.Draft, name string) error {
	source, err := d.Reader()
	if err != nil {
		return err
	}
	if err := u.s.node.Recover(ctx, u.p.Collection, u.p.Shard, source); err != nil {
		return err
	}
	if vault.CheckName(name) == nil {
		if _, err := d.Keep(name); err == nil {
			return nil
		}
	}
	_, err = d.Keep(u.p.Name(time.Now()))
	return err
}

func (u *upload) discard(d *vault.Draft) {
	if d == nil {
		return
	}
	if err := d.Discard(); err != nil {
		u.s.log.Warn("remove an uploaded file", "error", err)
	}
}

// answer writes the response and reads on for what the client is still sending,
// so that it sees the answer. A nil result is an operation that goes on.
func (u *upload) answer(conn net.Conn, rest io.Reader, result []byte, err error) {
	status, took := fasthttp.StatusOK, time.Since(u.start).Seconds()
	text := fmt.Appendf(nil, `{"result":%s,"status":"ok","time":%.9f}`, result, took)
	switch {
	case err != nil:
		var message string
		status, message = explain(err)
		if status == fasthttp.StatusInternalServerError {
			u.s.log.Error("an upload failed", "collection", u.p.Collection, "error", err)
		}
		text, _ = json.Marshal(api.ErrorResponse{Status: api.ErrorStatus{Error: message}, Time: took})
	case result == nil:
		status = fasthttp.StatusAccepted
		text, _ = json.Marshal(api.Accepted{Status: "accepted", Time: took})
	}
	u.done(status)
	if err := conn.SetDeadline(time.Now().Add(u.s.o.ReadTimeout)); err != nil {
		return
	}
	_, werr := fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nServer: kith\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, fasthttp.StatusMessage(status), len(text), text)
	if werr == nil && err != nil {
		_, _ = io.CopyN(io.Discard, rest, mostDrained)
	}
}
