package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// UploadOptions shapes an Uploader.
type UploadOptions struct {
	Collection string
	Batch      int        // points per request; 0 takes 256
	MaxBytes   int        // a heavier batch goes in several requests; 0 takes 16 MiB, half of a server's default
	Workers    int        // requests under way at once; 0 takes 4
	Durability Durability // what each batch waits for; the zero value is Committed
	// Progress is told after every batch, one call at a time. It must be quick:
	// it holds up the upload.
	Progress func(UploadProgress)
}

// UploadProgress counts acknowledged points.
type UploadProgress struct {
	Stored int
	// Prefix is how many points, counted from the first, are stored without a
	// gap: an upload that was cut off goes on from there.
	Prefix int
}

// Uploader stores many points in parallel batches. Add holds the caller up while
// all workers are busy, so that memory stays at Workers+1 batches.
//
// Concurrency: Add and Close from one goroutine. Lifetime: Close it always.
type Uploader struct {
	client  *Client
	o       UploadOptions
	ctx     context.Context
	cancel  context.CancelCauseFunc
	jobs    chan job
	workers sync.WaitGroup
	pending []Point
	sent    int // batches handed out

	mu struct {
		sync.Mutex
		progress UploadProgress
		done     map[int]int // points of stored batches behind a gap, by number
		next     int         // first batch that is not stored
	}
}

type job struct {
	number int
	points []Point
}

// NewUploader starts the workers. The upload ends early when ctx does.
func (c *Client) NewUploader(ctx context.Context, o UploadOptions) *Uploader {
	if o.Batch <= 0 {
		o.Batch = 256
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 16 << 20
	}
	u := &Uploader{client: c, o: o, jobs: make(chan job)}
	u.ctx, u.cancel = context.WithCancelCause(ctx)
	u.mu.done = make(map[int]int)
	for range o.Workers {
		u.workers.Go(u.work)
	}
	return u
}

// Add takes a point over: the caller leaves its slices and payload alone until
// Close. It returns the upload's first failure, after which nothing is sent.
func (u *Uploader) Add(p Point) error {
	u.pending = append(u.pending, p)
	if len(u.pending) < u.o.Batch {
		return context.Cause(u.ctx)
	}
	return u.flush()
}

func (u *Uploader) flush() error {
	batch := job{number: u.sent, points: u.pending}
	u.pending = nil
	select {
	case u.jobs <- batch:
		u.sent++
		return nil
	case <-u.ctx.Done():
		return context.Cause(u.ctx)
	}
}

// Close sends what is left, waits for the answers and reports what is stored.
// The error is the upload's first failure; Progress holds even then.
func (u *Uploader) Close() (UploadProgress, error) {
	err := context.Cause(u.ctx)
	if err == nil && len(u.pending) > 0 {
		err = u.flush()
	}
	close(u.jobs)
	u.workers.Wait()
	if err == nil {
		err = context.Cause(u.ctx)
	}
	u.cancel(nil)
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.mu.progress, err
}

func (u *Uploader) work() {
	for j := range u.jobs {
		if u.ctx.Err() != nil {
			continue // the upload failed: let Add and Close see it
		}
		if err := u.send(j.points); err != nil {
			u.cancel(fmt.Errorf("upload to %q: %w", u.o.Collection, err))
			continue
		}
		u.stored(j)
	}
}

// send stores points, in halves where they weigh too much for one request: by
// our own bound, or by the server's.
func (u *Uploader) send(points []Point) error {
	body, err := encodePoints(nil, points)
	if err != nil {
		return err
	}
	if len(points) > 1 && len(body) > u.o.MaxBytes {
		return u.halves(points)
	}
	_, err = u.client.upsert(u.ctx, u.o.Collection, body, u.o.Durability)
	var refused *Error
	if len(points) > 1 && errors.As(err, &refused) && refused.Status == http.StatusRequestEntityTooLarge {
		return u.halves(points)
	}
	return err
}

func (u *Uploader) halves(points []Point) error {
	half := len(points) / 2
	if err := u.send(points[:half]); err != nil {
		return err
	}
	return u.send(points[half:])
}

func (u *Uploader) stored(j job) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.progress.Stored += len(j.points)
	u.mu.done[j.number] = len(j.points)
	for n, ok := u.mu.done[u.mu.next]; ok; n, ok = u.mu.done[u.mu.next] {
		delete(u.mu.done, u.mu.next)
		u.mu.next++
		u.mu.progress.Prefix += n
	}
	if u.o.Progress != nil {
		u.o.Progress(u.mu.progress)
	}
}
