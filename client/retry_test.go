package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kithdb/kith/server/api"
)

// answers is a transport that fails or answers each request by a script; the
// last entry repeats. It stands for a network, which no test can hold still.
type answers struct {
	script []string
	sent   atomic.Int32
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	n := min(int(a.sent.Add(1)), len(a.script)) - 1
	rec := httptest.NewRecorder()
	switch step := a.script[n]; step {
	case "cut":
		return nil, errors.New("connection reset")
	case "busy":
		rec.Header().Set("Retry-After", "3")
		rec.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(rec, `{"status":{"error":"too many"},"time":0}`)
	case "starting":
		rec.WriteHeader(http.StatusServiceUnavailable)
	case "wrong":
		rec.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(rec, `{"status":{"error":"limit: must be at least 1"},"time":0}`)
	default:
		fmt.Fprintf(rec, `{"result":%s,"status":"ok","time":0}`, step)
	}
	return rec.Result(), nil
}

func scripted(t *testing.T, script ...string) (*Client, *answers) {
	t.Helper()
	a := &answers{script: script}
	c, err := New("http://kith", Options{HTTP: &http.Client{Transport: a}})
	if err != nil {
		t.Fatal(err)
	}
	return c, a
}

func TestWhatIsSentAgain(t *testing.T) {
	list := func(ctx context.Context, c *Client) error { _, err := c.Collections(ctx); return err }
	create := func(ctx context.Context, c *Client) error {
		return c.CreateCollection(ctx, "c", Single(2, api.Dot))
	}
	const names, done = `{"collections":[]}`, `true`
	tests := []struct {
		name   string
		call   func(context.Context, *Client) error
		script []string
		sent   int32
		ok     bool
		class  error
	}{
		{"a read survives cuts", list, []string{"cut", "cut", names}, 3, true, nil},
		{"a read gives up", list, []string{"cut"}, 5, false, nil},
		{"a read survives a start", list, []string{"starting", names}, 2, true, nil},
		{"a wrong call is told once", list, []string{"wrong"}, 1, false, ErrBadRequest},
		{"a creation waits its turn", create, []string{"busy", done}, 2, true, nil},
		{"a creation is not repeated blindly", create, []string{"cut", done}, 1, false, nil},
		{"nor after an open answer", create, []string{"starting", done}, 1, false, ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, a := scripted(t, tt.script...)
				err := tt.call(t.Context(), c)
				if (err == nil) != tt.ok || tt.class != nil && !errors.Is(err, tt.class) {
					t.Errorf("error %v", err)
				}
				if got := a.sent.Load(); got != tt.sent {
					t.Errorf("sent %d times, want %d", got, tt.sent)
				}
			})
		})
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := scripted(t, "busy", `{"collections":[]}`)
		start := time.Now()
		if _, err := c.Collections(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("waited %v, the server asked for 3 s", waited)
		}
	})
}

func TestCancelledCallsEndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c, _ := scripted(t, "busy")
		start := time.Now()
		if _, err := c.Collections(ctx); !errors.Is(err, ErrOverloaded) {
			t.Errorf("error %v", err)
		}
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("ended after %v", waited)
		}
	})
}

// gate answers upserts, failing the batch that holds a given text.
type gate struct {
	poison string
	room   int // bytes of a request that are taken; 0: any
	mu     sync.Mutex
	under  int
	most   int
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	g.under++
	g.most = max(g.most, g.under)
	g.mu.Unlock()
	time.Sleep(time.Second) // fake time
	g.mu.Lock()
	g.under--
	g.mu.Unlock()
	rec := httptest.NewRecorder()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if g.room > 0 && len(body) > g.room {
		rec.WriteHeader(http.StatusRequestEntityTooLarge)
		return rec.Result(), nil
	}
	if g.poison != "" && bytes.Contains(body, []byte(g.poison)) {
		rec.WriteHeader(http.StatusBadRequest)
		return rec.Result(), nil
	}
	fmt.Fprint(rec, `{"result":{"operation_id":1,"status":"acknowledged"},"status":"ok","time":0}`)
	return rec.Result(), nil
}

func upload(t *testing.T, g *gate, points int) (UploadProgress, []UploadProgress, error) {
	t.Helper()
	c, err := New("http://kith", Options{HTTP: &http.Client{Transport: g}})
	if err != nil {
		t.Fatal(err)
	}
	var told []UploadProgress
	u := c.NewUploader(t.Context(), UploadOptions{Collection: "c", Batch: 10, Workers: 3,
		Progress: func(p UploadProgress) { told = append(told, p) }})
	for i := range points {
		if u.Add(Point{ID: Number(uint64(i)), Vectors: Unnamed([]float32{1})}) != nil {
			break
		}
	}
	p, err := u.Close()
	return p, told, err
}

func TestUploaderStoresAllWithinItsWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		p, told, err := upload(t, g, 105)
		if err != nil || p.Stored != 105 || p.Prefix != 105 {
			t.Errorf("progress %+v, error %v", p, err)
		}
		if g.most != 3 {
			t.Errorf("%d requests at once, want the 3 workers", g.most)
		}
		if len(told) != 11 || told[10] != p {
			t.Errorf("told %v", told)
		}
	})
}

func TestUploaderStopsAtTheFirstFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, err := upload(t, &gate{poison: `"id":42,`}, 1000)
		if !errors.Is(err, ErrBadRequest) {
			t.Errorf("error %v", err)
		}
		// batch 4 fails; 5 to 7 may be under way when it does
		if p.Prefix != 40 || p.Stored < p.Prefix || p.Stored > 70 {
			t.Errorf("progress %+v: points before 40 are stored, 42 is not", p)
		}
	})
}

func TestUploaderHalvesWhatIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, told, err := upload(t, &gate{room: 60}, 105) // one point fits, two do not
		if err != nil || p.Stored != 105 || p.Prefix != 105 || len(told) != 11 {
			t.Errorf("progress %+v, told %d times, error %v", p, len(told), err)
		}
	})
}
