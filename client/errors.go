package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kithdb/kith/server/api"
)

// The classes of failed answers, for errors.Is.
var (
	ErrBadRequest   = errors.New("bad request")         // 400, 413, 422
	ErrUnauthorized = errors.New("not authorized")      // 401, 403
	ErrNotFound     = errors.New("not found")           // 404
	ErrExists       = errors.New("already exists")      // 409
	ErrOverloaded   = errors.New("overloaded")          // 429
	ErrUnavailable  = errors.New("unavailable")         // 503
	ErrDiskFull     = errors.New("server out of disk")  // 507; or out of memory
	ErrServer       = errors.New("server at fault")     // 500, 502, 504
	errNoClass      = errors.New("unclassified answer") // the rest
)

// Error is an answer that says no. It is what every method returns when the
// server was reached and refused.
type Error struct {
	Status       int    // HTTP status, 300 to 599
	Message      string // the server's own words; it names the field at fault
	Method, Path string
	// RetryAfter is what the server asked to wait; 0 when it did not say.
	RetryAfter time.Duration
}

// Error names the call, the server's words and the status.
func (e *Error) Error() string {
	return fmt.Sprintf("%s %s: %s (HTTP %d)", e.Method, e.Path, e.Message, e.Status)
}

// Is reports the class of the answer.
func (e *Error) Is(target error) bool { return class(e.Status) == target }

func class(status int) error {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return ErrBadRequest
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrUnauthorized
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrExists
	case http.StatusTooManyRequests:
		return ErrOverloaded
	case http.StatusServiceUnavailable:
		return ErrUnavailable
	case http.StatusInsufficientStorage:
		return ErrDiskFull
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return ErrServer
	}
	return errNoClass
}

const maxMessage = 4 << 10

// failure reads the contract's error envelope; anything else is quoted.
func failure(k call, resp *http.Response, body []byte) error {
	var envelope api.ErrorResponse
	message := ""
	if json.Unmarshal(body, &envelope) == nil {
		message = envelope.Status.Error
	}
	if message == "" {
		message = strings.TrimSpace(string(body[:min(len(body), maxMessage)]))
	}
	if message == "" {
		message = http.StatusText(resp.StatusCode)
	}
	e := &Error{Status: resp.StatusCode, Message: message, Method: k.method, Path: k.path}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}
