package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/kith/curve"
)

// serverFlags say which server is measured, and how.
type serverFlags struct {
	url, key   string
	collection string
	keep       bool
	reuse      bool
	clients    []int
	batch      int
	workers    int
	seconds    time.Duration
	settle     time.Duration
}

func (s *serverFlags) declare(f *pflag.FlagSet) {
	f.StringVar(&s.url, "url", "", "measure the server at `URL`, Kith or Qdrant, instead of an index in this process")
	f.StringVar(&s.key, "api-key", "", "`KEY` of the server; better given as KITH_API_KEY, since other users see flags")
	f.StringVar(&s.collection, "collection", "kith-bench", "`NAME` of the collection that is made on the server, and removed at the end, but for --keep and --reuse")
	f.BoolVar(&s.keep, "keep", false, "leave the collection on the server, or the files of --on-disk")
	f.BoolVar(&s.reuse, "reuse", false, "measure what --keep has left there, or the collection of kith import: ids are the rows of --data; it stays")
	f.IntSliceVar(&s.clients, "clients", []int{1, 4}, "clients that query the server at once, one curve for each number")
	f.IntVar(&s.batch, "batch", 256, "points per request while the server is loaded")
	f.IntVar(&s.workers, "workers", 4, "requests at once while the server is loaded")
	f.DurationVar(&s.seconds, "duration", 3*time.Second, "least time for each breadth and number of clients on the server")
	f.DurationVar(&s.settle, "settle", 3*time.Second, "how long a green server's indexed count must stand still, where it does not reach the number of points")
}

func (s *serverFlags) check() error {
	positive := func(n int) bool { return n < 1 }
	switch {
	case s.collection == "":
		return &usageError{errors.New("--collection: give a name")}
	case len(s.clients) == 0 || slices.ContainsFunc(s.clients, positive):
		return &usageError{fmt.Errorf("--clients %v: each is 1 or more", s.clients)}
	case s.batch < 1 || s.workers < 1:
		return &usageError{fmt.Errorf("--batch %d --workers %d: both are 1 or more", s.batch, s.workers)}
	}
	return nil
}

// target is a collection of a server with the data that it is measured by.
type target struct {
	kith       *client.Client
	collection string
	data       *dataset
}

// serverRun is what a server cost before it was asked.
type serverRun struct {
	name             string
	uploadS, indexS  float64
	points, embedded int
}

// runURL measures a server over HTTP.
func (b *indexBench) runURL(c *cobra.Command) (err error) {
	if err := b.server.check(); err != nil {
		return err
	}
	kith, err := client.New(b.server.url, client.Options{APIKey: cmp.Or(b.server.key, os.Getenv(envPrefix+"API_KEY")), UserAgent: "kith-bench/" + version})
	if err != nil {
		return &usageError{fmt.Errorf("--url: %w", err)}
	}
	said, err := kith.Version(c.Context())
	if err != nil {
		return fmt.Errorf("--url %s: no server of the contract answers there: %w", b.server.url, err)
	}
	d, err := b.load(c)
	if err != nil {
		return err
	}
	t := &target{kith, b.server.collection, d}
	if err := b.provide(c.Context(), t); err != nil {
		return err
	}
	defer func() {
		if !b.server.keep && !b.server.reuse {
			err = errors.Join(err, t.remove(c.Context()))
		}
	}()
	run, err := b.filled(c, t, &said)
	if err != nil {
		return err
	}
	report := &curve.Report{Machine: machine() + " (the client's)", When: time.Now().UTC().Format(time.RFC3339),
		Note: fmt.Sprintf("over HTTP, %s at %s; each client has one request under way", run.name, kith.Base())}
	for _, n := range b.server.clients {
		one, err := b.curveOf(c, t, run, n)
		if err != nil {
			return err
		}
		report.Runs = append(report.Runs, *one)
	}
	return b.write(report)
}

// provide makes the collection, or looks whether the one to be measured is there
// and has the data's points.
func (b *indexBench) provide(ctx context.Context, t *target) error {
	if !b.server.reuse {
		return b.create(ctx, t)
	}
	info, err := t.kith.Collection(ctx, t.collection)
	if err != nil {
		return fmt.Errorf("--reuse: collection %q: %w", t.collection, err)
	}
	if info.PointsCount != t.data.base.Rows {
		return fmt.Errorf("--reuse: collection %q has %d points, the data %d: go on with kith import --skip", t.collection, info.PointsCount, t.data.base.Rows)
	}
	return nil
}

// create makes the collection; one that is there already is somebody's.
func (b *indexBench) create(ctx context.Context, t *target) error {
	spec := client.Single(t.data.base.Columns, api.Distance(t.data.metric.String()))
	spec.Other.HNSWConfig = json.RawMessage(fmt.Sprintf(`{"m":%d,"ef_construct":%d}`, b.m, b.efConstruct))
	there, err := t.kith.CollectionExists(ctx, t.collection)
	if err == nil && !there {
		err = t.kith.CreateCollection(ctx, t.collection, spec)
	}
	switch {
	case there || errors.Is(err, client.ErrExists):
		return fmt.Errorf("the server has a collection %q already: name another one with --collection", t.collection)
	case errors.Is(err, client.ErrUnauthorized):
		return fmt.Errorf("the server wants a key: set KITH_API_KEY or give --api-key: %w", err)
	}
	return err
}

// remove deletes the collection, even where the benchmark was cut off.
func (t *target) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_, err := t.kith.DeleteCollection(ctx, t.collection)
	return err
}

// filled uploads the vectors and waits until the server has indexed them.
func (b *indexBench) filled(c *cobra.Command, t *target, said *api.Version) (*serverRun, error) {
	run := &serverRun{name: serverName(said), points: t.data.base.Rows}
	start := time.Now()
	if b.server.reuse {
		stood, err := t.indexed(c.Context(), b.server.settle)
		run.embedded = stood.vectors
		return run, err
	}
	o := client.UploadOptions{Collection: t.collection, Batch: b.server.batch, Workers: b.server.workers, Durability: client.Visible}
	if err := t.upload(c, o, nil); err != nil {
		return nil, err
	}
	run.uploadS = time.Since(start).Seconds()
	stood, err := t.indexed(c.Context(), b.server.settle)
	if err != nil {
		return nil, err
	}
	run.indexS = max(time.Since(start).Seconds()-run.uploadS-stood.waited.Seconds(), 0)
	run.embedded = stood.vectors
	text := fmt.Sprintf("%s: upload %.1f s, %s points/s; indexed %.1f s later, %s of %s vectors", run.name, run.uploadS,
		thousands(int(float64(run.points)/run.uploadS)), run.indexS, thousands(run.embedded), thousands(run.points))
	line := map[string]any{"server": run.name, "points": run.points, "upload_s": run.uploadS, "index_s": run.indexS, "indexed_vectors": run.embedded}
	return run, b.print(c, line, text)
}

// serverName is what a server calls itself: Qdrant tells its own version, Kith
// the contract's beside its own.
func serverName(v *api.Version) string {
	if v.KithVersion != "" {
		return "kith " + v.KithVersion
	}
	return "qdrant " + v.Version
}

// upload stores the data, each point with a payload; nil: with none.
func (t *target) upload(c *cobra.Command, o client.UploadOptions, payload func(i int) any) error {
	rows := t.data.base.Rows
	bar := newProgress(c.ErrOrStderr(), "load")
	defer bar.done()
	o.Progress = func(p client.UploadProgress) { bar.set(float64(p.Stored)/float64(rows), p.Stored) }
	up := t.kith.NewUploader(c.Context(), o)
	for i := range rows {
		p := client.Point{ID: client.Number(uint64(i)), Vectors: client.Unnamed(t.data.base.Row(i))}
		if payload != nil {
			p.Payload = payload(i)
		}
		if up.Add(p) != nil {
			break // Close tells why
		}
	}
	_, err := up.Close()
	return err
}

// stood is an index that is done.
type stood struct {
	vectors int           // in it
	waited  time.Duration // that nothing changed before it was taken for done
}

// indexed waits until the server is green and has all vectors in its index, or
// has not put in any more for a while: segments that are small stay without one.
func (t *target) indexed(ctx context.Context, settle time.Duration) (stood, error) {
	const every = 50 * time.Millisecond
	last, since := -1, time.Now()
	for {
		info, err := t.kith.Collection(ctx, t.collection)
		if err != nil {
			return stood{}, err
		}
		if info.Status == "red" {
			return stood{}, fmt.Errorf("collection %q failed while it was indexed: %s", t.collection, info.OptimizerStatus)
		}
		if info.IndexedVectorsCount != last || info.Status != "green" {
			last, since = info.IndexedVectorsCount, time.Now()
		}
		switch still := time.Since(since); {
		case info.Status == "green" && last >= t.data.base.Rows:
			return stood{last, 0}, nil
		case still >= settle && info.Status == "green":
			return stood{last, still}, nil
		}
		select {
		case <-ctx.Done():
			return stood{}, ctx.Err()
		case <-time.After(every):
		}
	}
}

// curveOf sweeps hnsw_ef with so many clients.
func (b *indexBench) curveOf(c *cobra.Command, t *target, run *serverRun, clients int) (*curve.Run, error) {
	out := &curve.Run{Lib: fmt.Sprintf("%s http %d", run.name, clients), Version: run.name, Group: "server", Folder: t.data.folder, M: b.m, EfConstruct: b.efConstruct,
		BuildS: run.uploadS + run.indexS, UploadS: run.uploadS, IndexS: run.indexS}
	for _, ef := range b.breadths() {
		r, err := t.query(c.Context(), demand{clients: clients, ef: ef, seconds: b.server.seconds})
		if err != nil {
			return nil, err
		}
		p := curve.Point{Setting: json.RawMessage(strconv.Itoa(ef)), Recall: r.Recall, QPS: r.PerSecond, P50us: r.P50us, P99us: r.P99us, Clients: clients}
		out.Points = append(out.Points, p)
		text := fmt.Sprintf("%d clients  ef %4d  recall %.4f  %7.0f/s  p50 %.0f µs  p99 %.0f µs", clients, ef, p.Recall, p.QPS, p.P50us, p.P99us)
		line := map[string]any{"clients": clients, "ef": ef, "recall": p.Recall, "qps": p.QPS, "p50_us": p.P50us, "p99_us": p.P99us}
		if err := b.print(c, line, text); err != nil {
			return nil, err
		}
		if len(b.sweep) == 0 && p.Recall > 0.997 {
			break
		}
	}
	return out, nil
}
