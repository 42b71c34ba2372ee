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
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
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
	SlowQuery      time.Duration // from which a filtered read is looked into (GET /issues); 0: 300 ms
	// SnapshotsDir keeps snapshots; "" is snapshots/ in the node's directory.
	SnapshotsDir        string
	SnapshotURLs        bool          // recoveries may fetch snapshots from URLs
	SnapshotPrivateURLs bool          // also from private networks and this machine
	SnapshotTimeout     time.Duration // of making, sending or recovering one; 0: an hour
	MaxSnapshot         int64         // bytes of a snapshot that is uploaded or fetched; 0: 1 TiB
	Version             string        // of kith
	Commit              string
	Logger              *slog.Logger // nil: slog.Default
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxBody, 32<<20)
	setDefault(&o.MaxConnections, 16_384)
	setDefault(&o.MaxInFlight, 1024)
	setDefault(&o.RequestTimeout, time.Minute)
	setDefault(&o.ReadTimeout, 30*time.Second)
	setDefault(&o.SlowQuery, 300*time.Millisecond)
	setDefault(&o.SnapshotTimeout, time.Hour)
	setDefault(&o.MaxSnapshot, 1<<40)
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
	ready    atomic.Bool   // node is there
	node     *cluster.Node // set once, before ready
	log      *slog.Logger
	audit    *slog.Logger // administrative calls
	http     *fasthttp.Server
	routes   *routes
	keys     keys
	metrics  *metrics
	rates    *rates
	issues   issues
	stats    stats
	started  time.Time
	id       string            // of this process, in telemetry
	salt     [sha256.Size]byte // what an anonymous telemetry hides names with
	zstd     *zstd.Encoder
	inFlight chan struct{}

	snapshots *snapshots
}

// New makes a server of a node; the node stays the caller's. A nil node comes
// later, with Ready: until then the server is alive and answers 503.
func New(node *cluster.Node, o Options) (*Server, error) {
	o = o.withDefaults()
	s := &Server{
		o: o, log: o.Logger, audit: o.Logger.WithGroup("audit"), keys: newKeys(o),
		inFlight: make(chan struct{}, o.MaxInFlight), rates: newRates(time.Now), started: time.Now(),
	}
	s.name()
	var err error
	if s.zstd, err = newZstd(); err != nil {
		return nil, err
	}
	s.snapshots = newSnapshots(o)
	s.routes = s.newRoutes()
	s.metrics = newMetrics(s.inFlight)
	if node != nil {
		if err := s.Ready(node); err != nil {
			return nil, err
		}
	}
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

// Ready gives the server its node. It is called once.
func (s *Server) Ready(node *cluster.Node) error {
	if err := s.snapshots.open(node, s.o.SnapshotsDir); err != nil {
		return err
	}
	s.node = node
	s.metrics.registry.MustRegister(nodeCollector{node})
	s.ready.Store(true)
	return nil
}

// name gives the process what tells it from others, and what nobody can guess.
func (s *Server) name() {
	rand.Read(s.salt[:])
	id := sha256.Sum256(s.salt[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8
	s.id = fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// Serve answers requests on a listener until Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Shutdown takes no new requests and waits for those in flight while ctx lasts.
func (s *Server) Shutdown(ctx context.Context) error {
	s.snapshots.stop() // they may take longer than anybody waits
	err := s.http.ShutdownWithContext(ctx)
	s.snapshots.jobs.Wait()
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
