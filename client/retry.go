package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// Retry says how calls are repeated. Repeated are: any call answered 429, which
// the server refused before it did anything; and calls that leave the same state
// when done twice, when they were answered 502, 503 or 504 or the connection
// failed. Creations, alias changes and the like are never sent twice after a
// failure that leaves their fate open.
type Retry struct {
	// Attempts is how often a call is sent at most; 0 takes 5, 1 never repeats.
	Attempts int
	// First is the longest pause before the first repetition, 0 takes 50 ms. It
	// doubles from then on, to Most (0 takes 5 s). Pauses are drawn at random
	// from the upper half, so that clients do not return in step. A longer
	// Retry-After of the server goes before them.
	First, Most time.Duration
}

const maxRetryAfter = time.Minute

func (r Retry) withDefaults() Retry {
	if r.Attempts <= 0 {
		r.Attempts = 5
	}
	if r.First <= 0 {
		r.First = 50 * time.Millisecond
	}
	if r.Most <= 0 {
		r.Most = 5 * time.Second
	}
	return r
}

// delay is the pause after the given attempt, counted from 0.
func (r Retry) delay(attempt int, err error) time.Duration {
	d := r.Most
	if attempt < 30 {
		d = min(r.First<<attempt, r.Most)
	}
	d = d/2 + rand.N(d/2+1)
	var e *Error
	if errors.As(err, &e) {
		d = max(d, min(e.RetryAfter, maxRetryAfter))
	}
	return d
}

// retryable reports whether a call may be sent again after err.
func retryable(k call, err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return k.idempotent && isTransport(err)
	}
	switch e.Status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return k.idempotent
	}
	return false
}

// wait sleeps, or ends early with the context's error.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
