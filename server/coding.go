package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
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
	if len(out) > s.o.MaxBody || errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return nil, &api.Error{Status: fasthttp.StatusRequestEntityTooLarge, Field: "body", Message: tooLarge(s.o.MaxBody)}
	}
	if err != nil {
		return nil, badBody(coding, err)
	}
	return out, nil
}

// usualWindow is the largest window that HTTP bodies in zstd may ask for
// (RFC 9659), in bytes.
const usualWindow = 8 << 20

func decoder(coding string, body []byte, limit int) (io.ReadCloser, error) {
	var r io.ReadCloser
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(body))
	case "zstd":
		// A window counts against the memory, so that a low limit on bodies must
		// leave room for the window that encoders take without being asked.
		most := uint64(max(limit, usualWindow) + 1)
		var d *zstd.Decoder
		d, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(most), zstd.WithDecoderMaxMemory(most))
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

// newZstd makes the encoder that all answers share. Answers are short-lived and
// of some kilobytes, so a small window does.
func newZstd() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
}

// deflate sends the answer, compressed when the client can read it and it pays.
func (c *call) deflate() {
	if len(c.out) < smallAnswer {
		c.SetBody(c.out)
		return
	}
	c.Response.Header.Set("Vary", "Accept-Encoding")
	coding := accepted(string(c.Request.Header.Peek("Accept-Encoding")))
	switch coding {
	case "zstd":
		c.Response.SetBodyRaw(c.s.zstd.EncodeAll(c.out, nil))
	case "gzip":
		packed, err := pack(c.out)
		if err != nil {
			c.SetBody(c.out)
			return
		}
		c.Response.SetBodyRaw(packed)
	default:
		c.SetBody(c.out)
		return
	}
	c.Response.Header.Set("Content-Encoding", coding)
}

func pack(text []byte) ([]byte, error) {
	w := gzips.Get().(*gzip.Writer)
	defer gzips.Put(w)
	var packed bytes.Buffer
	w.Reset(&packed)
	_, err := w.Write(text)
	err = errors.Join(err, w.Close())
	return packed.Bytes(), err
}

// accepted is the coding that a client's Accept-Encoding likes best, of those
// that we write; "" is none. Of equals, zstd is the cheaper one.
func accepted(header string) (best string) {
	var most float64
	for offer := range strings.SplitSeq(header, ",") {
		coding, rest, _ := strings.Cut(offer, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "zstd" {
			continue
		}
		weight := 1.0
		if name, value, ok := strings.Cut(rest, "="); ok && strings.EqualFold(strings.TrimSpace(name), "q") {
			var err error
			if weight, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
				continue
			}
		}
		if weight > most || weight == most && weight > 0 && coding == "zstd" {
			best, most = coding, weight
		}
	}
	return best
}
