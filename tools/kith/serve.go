package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/cluster"
	"github.com/kithdb/kith/server"
	"github.com/kithdb/kith/storage/shard"
)

func newServe() *cobra.Command {
	var config string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve a data directory over HTTP",
		Long: `Serve a data directory over HTTP. Nothing needs to be configured.

Every setting can be given three ways; a later one wins:
  1. a YAML file, --config FILE        http_addr: 0.0.0.0:6333
  2. the environment                   KITH_HTTP_ADDR=0.0.0.0:6333
  3. a flag                            --http-addr 0.0.0.0:6333

The file's keys are the flags' names with underscores; an unknown key is an
error. Secrets belong in the environment or the file.

SIGTERM or Ctrl-C: stop taking requests, finish those under way, checkpoint,
exit 0. A second signal ends the process at once, and so does twice
--stop-timeout, such as on a disk that is full; nothing acknowledged is lost.`,
		Example: `  kith serve
  kith serve --data-dir /var/lib/kith
  KITH_API_KEY=secret kith serve --http-addr 0.0.0.0:6333 --tls-cert c.pem --tls-key k.pem`,
		Args: cobra.NoArgs,
	}
	flags := settingFlags()
	c.Flags().AddFlagSet(flags)
	c.Flags().StringVar(&config, "config", "", "YAML `FILE` with settings (also KITH_CONFIG)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if config == "" {
			config = os.Getenv(envPrefix + "CONFIG")
		}
		s, ignored, err := loadSettings(config, os.Environ(), flags)
		if err != nil {
			return &usageError{err}
		}
		log := s.newLogger(os.Stderr)
		for _, name := range ignored {
			if name != envPrefix+"CONFIG" {
				log.Warn("environment variable is no setting, ignored", "name", name)
			}
		}
		return ending(c.Context(), 2*s.StopTimeout, func(ctx context.Context) error { return serve(ctx, s, log) })
	}
	return c
}

// ending runs until work returns, or so long after ctx has ended: what waits for a
// disk, such as a start that has a log to replay and no room, cannot be asked to
// stop. It is left behind then, for the process to end.
func ending(ctx context.Context, limit time.Duration, work func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("not stopped within %v of being asked to (see the log for what it waits for): left as it is; nothing acknowledged is lost, and the next start takes longer", limit)
	}
}

// ballastBytes counts as live to the collector, which so begins no sooner than
// after 30 % of it.
const ballastBytes = 8 << 20

// serve runs until ctx ends, then stops in order.
func serve(ctx context.Context, s settings, log *slog.Logger) error {
	if s.exposed() {
		log.Warn("ANYONE WHO REACHES THIS ADDRESS CAN READ, CHANGE AND DELETE ALL DATA: set KITH_API_KEY or bind to 127.0.0.1",
			"http_addr", s.HTTPAddr)
	}
	if os.Getenv("GOGC") == "" {
		// Vectors, graphs and caches lie outside the Go heap; what is left is
		// small, and collecting it more often costs less than it saves.
		debug.SetGCPercent(30)
		// Of a heap of 3 MiB that is a collection every 50 queries, which the hundredth
		// of them waits for. Nobody writes to these pages, so they take no memory.
		ballast := make([]byte, ballastBytes)
		defer runtime.KeepAlive(ballast)
	}
	if s.IndexWorkers == 0 {
		s.IndexWorkers = runtime.GOMAXPROCS(0)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		// A build keeps as many threads of Go's busy as there are cores, and the
		// collector one for each four. One more takes up a request at once; the
		// system shares out the cores.
		n := runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(n + 1 + (n+3)/4)
	}
	svc, err := start(ctx, s, log)
	if err != nil {
		return err
	}
	governing, governed := context.WithCancel(ctx)
	defer governed()
	go govern(governing, svc.node)
	scheme := "http"
	if s.TLSCert != "" {
		scheme = "https"
	}
	log.Info("listening", "url", scheme+"://"+svc.addr, "data_dir", s.DataDir, "version", buildVersion().String())
	select {
	case <-ctx.Done():
		log.Info("stopping")
		return svc.stop(s.StopTimeout)
	case err := <-svc.failed:
		return errors.Join(fmt.Errorf("serve: %w", err), svc.stop(s.StopTimeout))
	}
}

// restoreAtStart restores a node that has no collections from a snapshot.
func restoreAtStart(ctx context.Context, node *cluster.Node, file string, log *slog.Logger) (err error) {
	if file == "" {
		return nil
	}
	if n := len(node.Names()); n > 0 {
		log.Info("storage_snapshot is not restored: there are collections already", "collections", n)
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("storage_snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := node.RecoverNode(ctx, f); err != nil {
		return fmt.Errorf("storage_snapshot %s: %w", file, err)
	}
	log.Info("storage_snapshot restored", "file", file, "collections", len(node.Names()))
	return nil
}

// service is a running server.
type service struct {
	addr   string // host and port that it listens on
	node   *cluster.Node
	server *server.Server
	failed chan error // what Serve returned, when nobody asked it to stop
}

// start opens what is needed. The port is taken first: when it is not free, no
// data directory is touched. While the directory opens, which takes as long as
// there is to replay, the server is alive and not ready.
func start(ctx context.Context, s settings, log *slog.Logger) (*service, error) {
	listener, err := listen(ctx, s)
	if err != nil {
		return nil, err
	}
	srv, err := server.New(nil, serverOptions(s, log))
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	svc := &service{addr: listener.Addr().String(), server: srv, failed: make(chan error, 1)}
	go func() {
		if err := srv.Serve(listener); err != nil {
			svc.failed <- err
		}
	}()
	if svc.node, err = cluster.Open(ctx, clusterOptions(s, log)); err != nil {
		err = fmt.Errorf("open %s: %w", s.DataDir, err)
		return nil, errors.Join(err, srv.Shutdown(context.WithoutCancel(ctx)), closeListener(listener))
	}
	if err := restoreAtStart(ctx, svc.node, s.StorageSnapshot, log); err != nil {
		return nil, errors.Join(err, svc.stop(s.StopTimeout))
	}
	if err := srv.Ready(svc.node); err != nil {
		return nil, errors.Join(err, svc.stop(s.StopTimeout))
	}
	return svc, nil
}

// closeListener closes a listener that the server may have closed before.
func closeListener(l net.Listener) error {
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// stop ends the service from the top down: requests first, for they use the
// node; then the node, which checkpoints so that the next start is quick.
// Requests get two thirds of the limit at most, so that a slow client cannot
// eat the time for the checkpoints.
func (s *service) stop(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	drain, drained := context.WithTimeout(ctx, limit*2/3)
	defer drained()
	err := s.server.Shutdown(drain)
	return errors.Join(err, s.node.Close(ctx))
}

func listen(ctx context.Context, s settings) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.HTTPAddr)
	if err != nil {
		return nil, err
	}
	if s.TLSCert == "" {
		return l, nil
	}
	pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tls_cert, tls_key: %w", err), l.Close())
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), nil
}

func clusterOptions(s settings, log *slog.Logger) cluster.Options {
	reserve := s.DiskReserveMiB * mib
	limit, err := parseMemory(s.MemoryLimit)
	if err != nil {
		limit = 0 // validate has refused it
	}
	return cluster.Options{
		Dir: s.DataDir, Groups: s.Groups, IndexWorkers: s.IndexWorkers,
		CacheBytes: s.CacheMiB * mib, MemTableBytes: s.MemTableMiB * mib,
		LogBytes: s.LogMiB * mib, DiskReserve: reserve, MemoryLimit: limit, Logger: log,
		Upkeep: shard.Upkeep{Image: s.ImageMiB * mib},
	}
}

func serverOptions(s settings, log *slog.Logger) server.Options {
	b := buildVersion()
	return server.Options{
		APIKey: s.APIKey, ReadOnlyAPIKey: s.ReadOnlyAPIKey, JWT: s.JWTRBAC,
		MaxBody: s.MaxBodyMiB * mib, MaxConnections: s.MaxConnections, MaxInFlight: s.MaxInFlight,
		RequestTimeout: s.RequestTimeout, ReadTimeout: s.ReadTimeout,
		SnapshotsDir: s.SnapshotsDir, SnapshotURLs: s.SnapshotURLs, SnapshotPrivateURLs: s.SnapshotPrivateURLs,
		SnapshotTimeout: s.SnapshotTimeout, MaxSnapshot: s.MaxSnapshotMiB * mib,
		Version: b.Version, Commit: b.Commit, Logger: log,
	}
}
