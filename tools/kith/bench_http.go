package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/process"
)

const benchCollection = "bench"

// httpBench measures a whole server: a process of its own on a throw-away
// folder.
type httpBench struct {
	data    string
	dir     string
	clients []int
	batch   int
	workers int
	ef      int
	seconds time.Duration
	rebuild bool
	output  string
}

func newBenchHTTP() *cobra.Command {
	var b httpBench
	c := &cobra.Command{
		Use:   "http --data FOLDER",
		Short: "Measure a server over HTTP: load, time to green, recall, queries, memory, restart",
		Args:  exactArgs(0),
		RunE:  func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	f := c.Flags()
	f.StringVar(&b.data, "data", "", "`FOLDER` of the data set (required)")
	f.StringVar(&b.dir, "data-dir", "", "empty `FOLDER` for the server's data; default a temporary one, removed afterwards")
	f.IntSliceVar(&b.clients, "clients", []int{1, 4}, "clients that query at once, one run for each number")
	f.IntVar(&b.batch, "batch", 256, "points per request, each acknowledged as visible and durable")
	f.IntVar(&b.workers, "workers", 4, "requests at once while loading")
	f.IntVar(&b.ef, "ef", 0, "breadth of the graph search; 0 takes the server's default")
	f.DurationVar(&b.seconds, "duration", 10*time.Second, "least time for each query run")
	f.BoolVar(&b.rebuild, "rebuild", false, "also query while the index is built anew, with ef_construct one higher")
	declareOutput(f, &b.output)
	return c
}

// report is one measurement; fields that it does not measure are left out.
type report struct {
	Stage     string  `json:"stage"`
	Clients   int     `json:"clients,omitempty"`
	Points    int     `json:"points,omitempty"`
	Seconds   float64 `json:"seconds,omitempty"`
	PerSecond float64 `json:"per_second,omitempty"`
	OverCalm  float64 `json:"p99_over_calm,omitempty"` // p99 over that of the stage before
	Recall    float64 `json:"recall,omitempty"`
	P50us     float64 `json:"p50_us,omitempty"`
	P99us     float64 `json:"p99_us,omitempty"`
	MiB       float64 `json:"mib,omitempty"`
	Ratio     float64 `json:"ratio_to_raw_vectors,omitempty"`
	AnonMiB   float64 `json:"anonymous_mib,omitempty"` // without pages of files, such as the program
	AnonRatio float64 `json:"anonymous_ratio_to_raw_vectors,omitempty"`
}

func (r *report) text() string {
	switch r.Stage {
	case "load":
		return fmt.Sprintf("load: %s points in %.1f s, %s/s durable and visible", thousands(r.Points), r.Seconds, thousands(int(r.PerSecond)))
	case "query":
		return fmt.Sprintf("query, %d clients: recall@10 %.4f, %s/s, p50 %.0f µs, p99 %.0f µs", r.Clients, r.Recall, thousands(int(r.PerSecond)), r.P50us, r.P99us)
	case "before a rebuild":
		return fmt.Sprintf("before a rebuild, 1 client: %s/s, p50 %.0f µs, p99 %.0f µs", thousands(int(r.PerSecond)), r.P50us, r.P99us)
	case "beside a rebuild":
		return fmt.Sprintf("beside a rebuild of %.1f s, 1 client: recall@10 %.4f, %s/s, p50 %.0f µs, p99 %.0f µs, %.2f times that before",
			r.Seconds, r.Recall, thousands(int(r.PerSecond)), r.P50us, r.P99us, r.OverCalm)
	case "memory":
		return fmt.Sprintf("memory: %.0f MiB resident, %.2f times the raw vectors; without pages of files, such as the program: %.0f MiB, %.2f",
			r.MiB, r.Ratio, r.AnonMiB, r.AnonRatio)
	}
	if r.MiB > 0 {
		return fmt.Sprintf("%s: %.2f s, %.0f MiB resident", r.Stage, r.Seconds, r.MiB)
	}
	return fmt.Sprintf("%s: %.2f s", r.Stage, r.Seconds)
}

func emit(c *cobra.Command, output string, r *report) error {
	if output == "json" {
		return printJSON(c.OutOrStdout(), r)
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), r.text())
	return err
}

// child starts this very program as a server.
func child(ctx context.Context, dir string) (*process.Server, *client.Client, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	server, err := process.Start(ctx, process.Options{Binary: binary, DataDir: dir})
	if err != nil {
		return nil, nil, err
	}
	kith, err := client.New(server.URL(), client.Options{})
	if err == nil {
		err = kith.WaitReady(ctx, 2*time.Millisecond)
	}
	if err != nil {
		return nil, nil, errors.Join(err, server.Stop(stopLimit))
	}
	return server, kith, nil
}

const stopLimit = 15 * time.Second

// scratch is the folder for the server's data, and how to be rid of it.
func scratch(dir string) (string, func() error, error) {
	if dir != "" {
		return dir, func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "kith-bench-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

func (b *httpBench) run(c *cobra.Command) (err error) {
	if err := checkOutput(b.output); err != nil {
		return err
	}
	if b.data == "" || b.batch < 1 || b.workers < 1 || slices.ContainsFunc(b.clients, func(n int) bool { return n < 1 }) {
		return &usageError{errors.New("kith bench http needs --data FOLDER; --batch, --workers and --clients are 1 or more")}
	}
	d, err := loadDataset(b.data)
	if err != nil {
		return err
	}
	dir, remove, err := scratch(b.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	server, kith, err := child(c.Context(), dir)
	if err != nil {
		return err
	}
	if err := b.measure(c, server, kith, d); err != nil {
		return errors.Join(err, server.Stop(stopLimit))
	}
	if err := server.Stop(stopLimit); err != nil {
		return err
	}
	return b.restart(c, dir, d)
}

func (b *httpBench) measure(c *cobra.Command, server *process.Server, kith *client.Client, d *dataset) error {
	start, t := time.Now(), &target{kith, benchCollection, d}
	if err := kith.CreateCollection(c.Context(), benchCollection, client.Single(d.base.Columns, api.Distance(d.metric.String()))); err != nil {
		return err
	}
	if err := t.upload(c, client.UploadOptions{Collection: benchCollection, Batch: b.batch, Workers: b.workers, Durability: client.Visible}, nil); err != nil {
		return err
	}
	took := time.Since(start).Seconds()
	if err := emit(c, b.output, &report{Stage: "load", Points: d.base.Rows, Seconds: took, PerSecond: float64(d.base.Rows) / took}); err != nil {
		return err
	}
	if err := kith.WaitGreen(c.Context(), benchCollection, 100*time.Millisecond); err != nil {
		return err
	}
	if err := emit(c, b.output, &report{Stage: "green", Seconds: time.Since(start).Seconds()}); err != nil {
		return err
	}
	for _, n := range b.clients {
		r, err := t.query(c.Context(), demand{clients: n, ef: b.ef, seconds: b.seconds})
		if err != nil {
			return err
		}
		if err := emit(c, b.output, r); err != nil {
			return err
		}
	}
	resident, err := server.Resident()
	if err != nil {
		return err
	}
	anon, err := anonymousBytes(server.PID())
	if err != nil {
		return err
	}
	raw := 4 * float64(d.base.Rows) * float64(d.base.Columns)
	if err := emit(c, b.output, &report{Stage: "memory", MiB: float64(resident) / mib, Ratio: float64(resident) / raw,
		AnonMiB: float64(anon) / mib, AnonRatio: float64(anon) / raw}); err != nil || !b.rebuild {
		return err
	}
	return b.besideBuild(c, t)
}

// demand is how a server is asked.
type demand struct {
	clients int
	ef      int // 0: the server's default
	seconds time.Duration
	until   func() bool // in place of seconds; one client's
}

// met says whether enough was asked, for so long.
func (l *demand) met(took time.Duration) bool {
	if l.until != nil {
		return l.until()
	}
	return took > l.seconds
}

// query lets clients ask until every query was asked once and the demand is met.
func (t *target) query(ctx context.Context, l demand) (*report, error) {
	var next, hits atomic.Int64
	latency, errs := make([][]time.Duration, l.clients), make([]error, l.clients)
	start := time.Now()
	var clients sync.WaitGroup
	for k := range l.clients {
		clients.Go(func() {
			for errs[k] == nil {
				i := int(next.Add(1) - 1)
				if i >= t.data.query.Rows && l.met(time.Since(start)) {
					return
				}
				q := i % t.data.query.Rows
				asked := time.Now()
				ids, err := t.ask(ctx, t.data.query.Row(q), l.ef)
				latency[k], errs[k] = append(latency[k], time.Since(asked)), err
				if i < t.data.query.Rows {
					hits.Add(int64(t.data.hits(q, ids)))
				}
			}
		})
	}
	clients.Wait()
	took := time.Since(start).Seconds()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	all := slices.Concat(latency...)
	p50, p99 := quantiles(all)
	return &report{Stage: "query", Clients: l.clients, Seconds: took, PerSecond: float64(len(all)) / took, P50us: p50, P99us: p99,
		Recall: float64(hits.Load()) / float64(recallAt*t.data.query.Rows)}, nil
}

func (t *target) ask(ctx context.Context, vector []float32, ef int) ([]int, error) {
	q := client.Query{Vector: vector, Limit: recallAt}
	if ef > 0 {
		q.Params = &api.SearchParams{HNSWEf: ef}
	}
	found, err := t.kith.Query(ctx, t.collection, q)
	if err != nil {
		return nil, err
	}
	ids := make([]int, len(found))
	for i := range found {
		n, _ := found[i].ID.Uint64()
		ids[i] = int(n)
	}
	return ids, nil
}

// restart times a start on the full data until the first right answer.
func (b *httpBench) restart(c *cobra.Command, dir string, d *dataset) error {
	start := time.Now()
	server, kith, err := child(c.Context(), dir)
	if err != nil {
		return err
	}
	ids, err := (&target{kith, benchCollection, d}).ask(c.Context(), d.query.Row(0), b.ef)
	took := time.Since(start).Seconds()
	if err == nil && d.hits(0, ids) < recallAt*8/10 {
		err = fmt.Errorf("the first answer after a restart has %d of %d true neighbours", d.hits(0, ids), recallAt)
	}
	if err == nil {
		err = emit(c, b.output, &report{Stage: "restart to first answer", Seconds: took})
	}
	return errors.Join(err, server.Stop(stopLimit))
}
