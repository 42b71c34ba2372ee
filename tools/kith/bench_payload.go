package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/process"
)

// payloadBench measures payload indexes: how fast filters, pages and facets are
// over points with ten payload fields, and what memory an indexed field takes.
type payloadBench struct {
	n       int
	seconds float64
	output  string

	c       *cobra.Command
	dir     string
	server  *process.Server
	kith    *client.Client
	answers []answer // by question, as they were first asked
}

func newBenchPayload() *cobra.Command {
	var b payloadBench
	c := &cobra.Command{
		Use:   "payload",
		Short: "Measure filters, pages and facets over points with ten payload fields, in memory and on disk",
		Long: `Load points with ten payload fields and a vector of eight dimensions into a
throw-away server, ask without indexes, index every field in memory (time, and
settled memory for each), restart, ask again with one client and with two, move
all indexes to disk, restart, and ask again. Questions are counts of every kind
of condition, pages in id order and by value, facets, and nearest points with a
filter (scanned: there is no graph). Every answer is checked against what was
generated. Memory is settled when the process has not grown or shrunk for two
seconds.`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	c.Flags().IntVar(&b.n, "n", 1_000_000, "points, at least 100")
	c.Flags().Float64Var(&b.seconds, "seconds", 1, "least time for each kind of request and number of clients")
	declareOutput(c.Flags(), &b.output)
	return c
}

func (b *payloadBench) run(c *cobra.Command) (err error) {
	if err := checkOutput(b.output); err != nil {
		return err
	}
	if b.n < 100 || b.seconds <= 0 {
		return &usageError{errors.New("--n: use 100 or more; --seconds: more than 0")}
	}
	b.c = c
	dir, remove, err := scratch("")
	if err != nil {
		return err
	}
	b.dir = dir
	defer func() { err = errors.Join(err, remove()) }()
	if b.server, b.kith, err = child(c.Context(), dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.server.Stop(stopLimit)) }()
	if err := b.load(); err != nil {
		return err
	}
	questions := newTruth(b.n).questions(b.kith)
	b.answers = make([]answer, len(questions))
	if err := b.ask(noIndexes, 1); err != nil {
		return err
	}
	if err := b.indexAll(); err != nil {
		return err
	}
	if err := b.askAgain(inMemory); err != nil {
		return err
	}
	if err := b.toDisk(); err != nil {
		return err
	}
	if err := b.askAgain(onDisk); err != nil {
		return err
	}
	return b.table()
}

// load makes the collection and its points.
func (b *payloadBench) load() error {
	spec := client.Single(benchDims, api.Euclid)
	spec.Other.OptimizersConfig = json.RawMessage(`{"indexing_threshold":0}`)
	if err := b.kith.CreateCollection(b.c.Context(), payloadCollection, spec); err != nil {
		return err
	}
	start := time.Now()
	up := b.kith.NewUploader(b.c.Context(), client.UploadOptions{Collection: payloadCollection, Batch: 1000, Workers: 2, Durability: client.Visible})
	var err error
	for i := 0; i < b.n && err == nil; i++ {
		err = up.Add(benchPoint(i))
	}
	_, closeErr := up.Close()
	if err = errors.Join(err, closeErr); err != nil {
		return err
	}
	_, err = b.tell(stage{Stage: "load", Points: b.n, Seconds: time.Since(start).Seconds()})
	return err
}

// indexAll indexes one field after another.
func (b *payloadBench) indexAll() error {
	before, err := b.settled()
	if err != nil {
		return err
	}
	for _, f := range benchFields {
		start := time.Now()
		if err := b.index(f.field, fmt.Sprintf("%q", f.kind)); err != nil {
			return err
		}
		s := stage{Stage: "index " + f.field + " (" + f.kind + ")", Points: b.n, Seconds: time.Since(start).Seconds(), before: before}
		if before, err = b.tell(s); err != nil {
			return err
		}
	}
	return nil
}

// toDisk moves all indexes there.
func (b *payloadBench) toDisk() error {
	start := time.Now()
	for _, f := range benchFields {
		if err := b.index(f.field, fmt.Sprintf(`{"type":%q,"on_disk":true}`, f.kind)); err != nil {
			return err
		}
	}
	_, err := b.tell(stage{Stage: "all indexes moved to disk", Seconds: time.Since(start).Seconds()})
	return err
}

// index makes an index and waits until it is complete, however long that takes.
func (b *payloadBench) index(field, schema string) error {
	err := b.kith.CreateIndexWith(b.c.Context(), payloadCollection, field, json.RawMessage(schema))
	var answer *client.Error
	if errors.As(err, &answer) && answer.Status == 408 {
		err = nil // it is being built
	}
	if err != nil {
		return err
	}
	return b.kith.WaitGreen(b.c.Context(), payloadCollection, 20*time.Millisecond)
}

// askAgain restarts the server, which answers at once, and asks when it has
// loaded what it wants in memory.
func (b *payloadBench) askAgain(where place) (err error) {
	if err := b.server.Stop(stopLimit); err != nil {
		return err
	}
	start := time.Now()
	if b.server, b.kith, err = child(b.c.Context(), b.dir); err != nil {
		return err
	}
	s := stage{Stage: "restart to ready, indexes " + string(where), Seconds: time.Since(start).Seconds()}
	if _, err := b.tell(s); err != nil {
		return err
	}
	for _, clients := range []int{1, 2} {
		if err := b.ask(where, clients); err != nil {
			return err
		}
	}
	return nil
}

// stage is what was measured of one step.
type stage struct {
	Stage     string  `json:"stage"`
	Points    int     `json:"points,omitempty"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second,omitempty"`
	MiB       float64 `json:"mib"` // resident, settled
	// BytesPerPoint is by how much the process has grown, over the points.
	BytesPerPoint *float64 `json:"bytes_per_point,omitempty"`
	before        int64    // resident before the step; 0: not told
}

// tell settles, reports a step, and returns the resident bytes.
func (b *payloadBench) tell(s stage) (resident int64, err error) {
	if resident, err = b.settled(); err != nil {
		return 0, err
	}
	s.MiB = float64(resident) / mib
	text := fmt.Sprintf("%-40s %8.2f s  %6.0f MiB", s.Stage, s.Seconds, s.MiB)
	if s.Points > 0 {
		s.PerSecond = float64(s.Points) / max(s.Seconds, 1e-9)
		text += fmt.Sprintf("  %9s points/s", thousands(int(s.PerSecond)))
	}
	if s.before > 0 {
		s.BytesPerPoint = ptr(float64(resident-s.before) / float64(s.Points))
		text += fmt.Sprintf("  %6.1f bytes/point", *s.BytesPerPoint)
	}
	if b.output == "json" {
		return resident, printJSON(b.c.OutOrStdout(), s)
	}
	_, err = fmt.Fprintln(b.c.OutOrStdout(), text)
	return resident, err
}

const (
	// stillFor is how long resident memory must stand still to count as settled.
	stillFor = 2 * time.Second
	// settleLimit ends the wait of a server that never rests.
	settleLimit = 40 * time.Second
	// stillShare is by how much it may move meanwhile.
	stillShare = 0.005
)

// settled waits until the server's memory stands still: it gives back what it
// does not need once its background work is done. Few points are not worth it.
func (b *payloadBench) settled() (resident int64, err error) {
	still := min(stillFor, time.Duration(b.n)*20*time.Microsecond)
	since, end := time.Now(), time.Now().Add(settleLimit)
	for last := int64(0); time.Since(since) < still && time.Now().Before(end); {
		if resident, err = b.server.Resident(); err != nil {
			return 0, err
		}
		if d := resident - last; d > int64(stillShare*float64(last)) || -d > int64(stillShare*float64(last)) {
			last, since = resident, time.Now()
		}
		if err := pause(b.c.Context(), still/20); err != nil {
			return 0, err
		}
	}
	return resident, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func ptr[T any](v T) *T { return &v }
