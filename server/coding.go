package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/server/api"
)

// inflate is the request's body without its Content-Encoding. A body that grows
// beyond the limit is refused as soon as it does.
func (s *Server) inflate(ctx *fasthttp.RequestCtx) ([]byte, error) {
	body := ctx.Request.Body()
	coding := strings.ToLower(strings.TrimSpace(string(ctx.Request.Header.ContentEncoding())))
	if coding == "" || coding == "identity" || len(body) == 0 {
		return body, nil
	}
	r, err := decoder(coding, body, s.o.MaxBody)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, int64(s.o.MaxBody)+1))
	if len(out) > s.o.MaxBody || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return nil, &api.Error{Status: fasthttp.StatusRequestEntityTooLarge, Field: "body", Message: tooLarge(s.o.MaxBody)}
	}
	if err != nil {
		return nil, badBody(coding, err)
	}
	return out, nil
}

func decoder(coding string, body []byte, limit int) (io.ReadCloser, error) {
	var r io.ReadCloser
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(body))
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(uint64(limit)+1))
		if err == nil {
			r = d.IOReadCloser()
		}
	default:
		return nil, &api.Error{Status: fasthttp.StatusUnsupportedMediaType, Field: "Content-Encoding", Message: fmt.Sprintf("Content-Encoding: %q is not supported; use gzip, deflate or zstd", coding)}
	}
	if err != nil {
		return nil, badBody(coding, err)
	}
	return r, nil
}

func badBody(coding string, err error) error {
	return &api.Error{Status: fasthttp.StatusBadRequest, Field: "body", Message: fmt.Sprintf("body: not valid %s: %v", coding, err)}
}

// smallAnswer is not worth compressing.
const smallAnswer = 1400

var gzips = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

// deflate sends the answer, compressed when the client takes gzip and it pays.
func (c *call) deflate() {
	if len(c.out) < smallAnswer || !c.Request.Header.HasAcceptEncoding("gzip") {
		c.SetBody(c.out)
		return
	}
	w := gzips.Get().(*gzip.Writer)
	defer gzips.Put(w)
	var packed bytes.Buffer
	w.Reset(&packed)
	_, err := w.Write(c.out)
	if err = errors.Join(err, w.Close()); err != nil {
		c.SetBody(c.out)
		return
	}
	c.Response.Header.Set("Content-Encoding", "gzip")
	c.Response.Header.Set("Vary", "Accept-Encoding")
	c.SetBody(packed.Bytes())
}
