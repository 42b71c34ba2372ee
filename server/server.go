// Package server speaks the HTTP/JSON contract: it authenticates, reads and
// checks requests, hands writes to cluster and reads to query, and writes
// answers.
//
// Who calls: tools/kith. What it calls: server/wire for bodies, cluster for
// collections and writes, query for reads. It is the only room that knows HTTP.
// It never touches a store or an index.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"

	"github.com/kithdb/kith/cluster"
)

// Options configures a server. The zero value serves everybody.
type Options struct {
	APIKey         string        // every request must carry it; "" asks for none
	ReadOnlyAPIKey string        // may read and not write
	JWT            bool          // take tokens that are signed with APIKey
	MaxBody        int           // bytes of a body, also after decompression; 0: 32 MiB
	MaxConnections int           // connections at once; 0: 16,384
	MaxInFlight    int           // requests at once, beyond which 503 is answered; 0: 1,024
	RequestTimeout time.Duration // of one request; 0: 60 s
	ReadTimeout    time.Duration // to receive one request whole; 0: 30 s
	Version        string        // of kith
	Commit         string
	Logger         *slog.Logger // nil: slog.Default
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxBody, 32<<20)
	setDefault(&o.MaxConnections, 16_384)
	setDefault(&o.MaxInFlight, 1024)
	setDefault(&o.RequestTimeout, time.Minute)
	setDefault(&o.ReadTimeout, 30*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// headerBytes bounds a request's header.
const headerBytes = 16 << 10

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Server serves one node.
type Server struct {
	o        Options
	node     *cluster.Node
	log      *slog.Logger
	audit    *slog.Logger // administrative calls
	http     *fasthttp.Server
	routes   *routes
	keys     keys
	metrics  *metrics
	rates    *rates
	zstd     *zstd.Encoder
	inFlight chan struct{}
}

// New makes a server of a node; the node stays the caller's.
func New(node *cluster.Node, o Options) (*Server, error) {
	o = o.withDefaults()
	s := &Server{o: o, node: node, log: o.Logger, audit: o.Logger.WithGroup("audit"), keys: newKeys(o), inFlight: make(chan struct{}, o.MaxInFlight), rates: newRates(time.Now)}
	var err error
	if s.zstd, err = newZstd(); err != nil {
		return nil, err
	}
	s.routes = s.newRoutes()
	s.metrics = newMetrics(node, s.inFlight)
	s.http = &fasthttp.Server{
		Name:               "kith",
		Handler:            s.handle,
		ErrorHandler:       s.refuse,
		HeaderReceived:     s.limits,
		MaxRequestBodySize: o.MaxBody,
		Concurrency:        o.MaxConnections,
		ReadTimeout:        o.ReadTimeout,
		WriteTimeout:       o.RequestTimeout,
		IdleTimeout:        2 * time.Minute,
		TCPKeepalive:       true,
		CloseOnShutdown:    true,
		ReadBufferSize:     headerBytes,
		Logger:             quietLog{o.Logger},
		// No endpoint takes forms.
		DisablePreParseMultipartForm: true,
	}
	return s, nil
}

// Serve answers requests on a listener until Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Shutdown takes no new requests and waits for those in flight while ctx lasts.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.ShutdownWithContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests were still in flight at the end of the time to stop")
		return nil
	}
	return err
}

// quietLog keeps what clients do wrong out of the operator's log.
type quietLog struct{ *slog.Logger }

func (l quietLog) Printf(format string, args ...any) {
	l.Debug("http", "message", format, "args", args)
}
