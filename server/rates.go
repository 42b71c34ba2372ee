package server

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// tide is the direction that a rate limit counts.
type tide uint8

const (
	reading tide = iota + 1
	writing
)

// rates are the collections' limits of operations a minute, each a bucket that
// fills evenly and holds one minute's worth.
type rates struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[rateKey]*bucket
}

type rateKey struct {
	collection string
	tide       tide
}

type bucket struct {
	limit int
	level float64
	at    time.Time
}

func newRates(now func() time.Time) *rates {
	return &rates{now: now, buckets: map[rateKey]*bucket{}}
}

// limitedError refuses a request for a while.
type limitedError struct {
	message string
	after   time.Duration
}

func (e *limitedError) Error() string { return e.message }

// take takes so many operations out of a collection's bucket; a nil limit is
// none.
func (r *rates) take(collection string, t tide, limit *int, n int) error {
	if limit == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now, key := r.now(), rateKey{collection, t}
	b := r.buckets[key]
	if b == nil || b.limit != *limit {
		b = &bucket{limit: *limit, level: float64(*limit), at: now}
		r.buckets[key] = b
	}
	perSecond := float64(b.limit) / 60
	b.level = min(float64(b.limit), b.level+perSecond*max(0, now.Sub(b.at).Seconds()))
	b.at = now
	if b.level >= float64(n) {
		b.level -= float64(n)
		return nil
	}
	name := "read_rate_limit"
	if t == writing {
		name = "write_rate_limit"
	}
	if n > b.limit {
		return &limitedError{fmt.Sprintf("Rate limiting exceeded: %s: the request has %d operations and %d a minute are allowed. Help: Send smaller batches, or raise the limit in the collection's strict mode.", name, n, b.limit), time.Minute}
	}
	after := time.Duration(math.Ceil((float64(n)-b.level)/perSecond)) * time.Second
	return &limitedError{fmt.Sprintf("Rate limiting exceeded: %s: %d operations a minute are allowed. Retry after %ds.", name, b.limit, int(after.Seconds())), after}
}

// forget drops a collection's buckets.
func (r *rates) forget(collection string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.buckets, rateKey{collection, reading})
	delete(r.buckets, rateKey{collection, writing})
}
