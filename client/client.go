// Package client is the Go SDK of Kith, and of any server of the same REST
// contract.
//
// Who calls: programs of users and Kith's own tools. It calls net/http and the
// wire types of server/api; it never touches a data directory and never logs.
//
// Every call takes a context and ends when it does. A failed answer is an
// *Error, to be tested with errors.Is against ErrNotFound and its siblings.
// Calls that may safely be sent twice are retried with backoff (see Retry).
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options sets a client up. The zero value talks to a server without a key.
type Options struct {
	// APIKey is sent as the api-key header; "" sends none.
	APIKey string
	// HTTP makes the requests; nil takes one that keeps up to 64 idle
	// connections to the server. A timeout set there bounds each attempt.
	HTTP *http.Client
	// Retry says how often and how patiently calls are repeated.
	Retry Retry
	// UserAgent is sent with every request; "" takes "kith-go".
	UserAgent string
	// MaxResponse bounds an answer's bytes; 0 takes 1 GiB.
	MaxResponse int64
}

const (
	defaultMaxResponse = 1 << 30
	idleConnections    = 64
	dialTimeout        = 10 * time.Second
)

// Client talks to one server.
//
// Concurrency: all methods from any goroutine. Lifetime: there is nothing to
// close but idle connections (CloseIdle).
type Client struct {
	base        string
	key         string
	agent       string
	http        *http.Client
	retry       Retry
	maxResponse int64
}

// New makes a client of the server at base, such as http://127.0.0.1:6333. It
// does not connect. A base without a scheme is taken as http.
func New(base string, o Options) (*Client, error) {
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("server URL: %w", err)
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("server URL %q: use http://HOST:PORT or https://HOST:PORT", base)
	}
	c := &Client{base: strings.TrimRight(u.String(), "/"), key: o.APIKey, agent: o.UserAgent,
		http: o.HTTP, retry: o.Retry.withDefaults(), maxResponse: o.MaxResponse}
	if c.agent == "" {
		c.agent = "kith-go"
	}
	if c.maxResponse <= 0 {
		c.maxResponse = defaultMaxResponse
	}
	if c.http == nil {
		c.http = &http.Client{Transport: newTransport()}
	}
	return c, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:        idleConnections,
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: dialTimeout,
	}
}

// Base is the server's URL, without a trailing slash.
func (c *Client) Base() string { return c.base }

// CloseIdle closes the connections that no call is using.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// call is one exchange: what to send, and whether it may be sent twice.
type call struct {
	method     string
	path       string // escaped, begins with a slash
	query      url.Values
	body       []byte // JSON; nil sends none
	idempotent bool
}

// path joins segments, each escaped.
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// encode is the JSON of a request body.
func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return body, nil
}

// do sends a call, retrying as its kind allows, and decodes the answer's result
// into out; a nil out drops it.
func (c *Client) do(ctx context.Context, k call, out any) error {
	for attempt := 0; ; attempt++ {
		err := c.once(ctx, k, out)
		if err == nil {
			return nil
		}
		if attempt >= c.retry.Attempts-1 || !retryable(k, err) || ctx.Err() != nil {
			return err
		}
		if wait(ctx, c.retry.delay(attempt, err)) != nil {
			return err
		}
	}
}

func (c *Client) once(ctx context.Context, k call, out any) error {
	body, err := c.exchange(ctx, k)
	if err != nil || out == nil {
		return err
	}
	envelope := struct {
		Result json.RawMessage `json:"result"`
	}{}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return fmt.Errorf("%s %s: not the contract's answer: %w", k.method, k.path, err)
	}
	if err := json.Unmarshal(envelope.Result, out); err != nil {
		return fmt.Errorf("%s %s: decode the result: %w", k.method, k.path, err)
	}
	return nil
}

// exchange sends a call once and returns the body of a 2xx answer.
func (c *Client) exchange(ctx context.Context, k call) ([]byte, error) {
	target := c.base + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	var body io.Reader
	if k.body != nil {
		body = bytes.NewReader(k.body)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, body)
	if err != nil {
		return nil, err
	}
	c.header(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &transportError{err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, c.maxResponse+1))
	if err != nil {
		return nil, &transportError{fmt.Errorf("%s %s: read the answer: %w", k.method, k.path, err)}
	}
	if int64(len(answer)) > c.maxResponse {
		return nil, fmt.Errorf("%s %s: the answer passes MaxResponse, %d bytes", k.method, k.path, c.maxResponse)
	}
	if resp.StatusCode/100 != 2 {
		return nil, failure(k, resp, answer)
	}
	return answer, nil
}

func (c *Client) header(req *http.Request) {
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", "application/json")
	if req.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("api-key", c.key)
	}
}

// transportError is a failure to reach the server or to hear it out.
type transportError struct{ err error }

func (e *transportError) Error() string { return e.err.Error() }
func (e *transportError) Unwrap() error { return e.err }

// isTransport reports whether an answer never came.
func isTransport(err error) bool {
	var t *transportError
	return errors.As(err, &t)
}
