package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/tools/process"
)

// payloadBench measures payload indexes: how fast filters, pages and facets are
// over points with ten payload fields, and what memory an indexed field takes.
type payloadBench struct {
	n       int
	seconds float64
	output  string
}

func newBenchPayload() *cobra.Command {
	var b payloadBench
	c := &cobra.Command{
		Use:   "payload",
		Short: "Measure filtered counts, pages and facets over points with ten payload fields",
		Long: `Load points with ten payload fields into a throw-away server, ask without
indexes, index every field (time and memory for each), and ask again: counts,
pages in id order and by value, facets. Sizes of answers are checked against
what was generated, but for geo and text. At the end the server restarts.`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	c.Flags().IntVar(&b.n, "n", 1_000_000, "points")
	c.Flags().Float64Var(&b.seconds, "seconds", 1, "for each kind of request")
	declareOutput(c.Flags(), &b.output)
	return c
}

const payloadCollection = "payload"

// benchFields are the fields of a point and their indexes.
var benchFields = []struct{ field, kind string }{
	{"few", "keyword"}, {"unique", "keyword"}, {"tags", "keyword"}, {"count", "integer"}, {"price", "float"},
	{"ok", "bool"}, {"at", "datetime"}, {"place", "geo"}, {"words", "text"}, {"ref", "uuid"},
}

var benchWords = [...]string{"red", "green", "blue", "cat", "dog", "tree", "house", "river", "stone", "cloud", "north", "south"}

// mix is a number that looks random and is the same every time.
func mix(i int) int { return int(uint32(i) * 2654435761 >> 4) }

func benchPoint(i int) client.Point {
	m := mix(i)
	words := ""
	for k := range 8 {
		words += benchWords[(m+i*k+k*k)%len(benchWords)] + " "
	}
	return client.Point{ID: client.Number(uint64(i)), Payload: map[string]any{
		"few": fmt.Sprintf("kind-%d", m%20), "unique": fmt.Sprintf("user-%d", i), "tags": []string{fmt.Sprint("t", m%50), fmt.Sprint("t", i%7)},
		"count": m % 100_000, "price": float64(m%1_000_000)/100 + 0.005, "ok": m%3 == 0,
		"at":    time.Unix(1_600_000_000+int64(m%100_000_000), 0).UTC().Format(time.RFC3339),
		"place": map[string]float64{"lon": float64(m%36000)/100 - 180, "lat": float64(i%17000)/100 - 85},
		"words": words, "ref": fmt.Sprintf("00000000-0000-4000-8000-%012x", m),
	}}
}

func (b *payloadBench) run(c *cobra.Command) (err error) {
	if err := checkOutput(b.output); err != nil {
		return err
	}
	if b.n < 100 || b.seconds <= 0 {
		return &usageError{errors.New("--n: use 100 or more; --seconds: more than 0")}
	}
	dir, remove, err := scratch("")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	server, kith, err := child(c.Context(), dir)
	if err != nil {
		return err
	}
	if err = errors.Join(b.measure(c, server, kith), server.Stop(stopLimit)); err != nil {
		return err
	}
	start := time.Now()
	if server, kith, err = child(c.Context(), dir); err != nil {
		return err
	}
	ready := time.Since(start).Seconds()
	err = b.tell(c, server, "restart to ready", 0, ready)
	if err == nil {
		err = b.ask(c, kith, "after the restart: ")
	}
	return errors.Join(err, server.Stop(stopLimit))
}

func (b *payloadBench) measure(c *cobra.Command, server *process.Server, kith *client.Client) error {
	if err := kith.CreateCollection(c.Context(), payloadCollection, client.CollectionSpec{}); err != nil {
		return err
	}
	start := time.Now()
	up := kith.NewUploader(c.Context(), client.UploadOptions{Collection: payloadCollection, Batch: 1000, Workers: 2, Durability: client.Visible})
	var err error
	for i := 0; i < b.n && err == nil; i++ {
		err = up.Add(benchPoint(i))
	}
	_, closeErr := up.Close()
	if err = errors.Join(err, closeErr); err != nil {
		return err
	}
	if err := b.tell(c, server, "load", b.n, time.Since(start).Seconds()); err != nil {
		return err
	}
	if err := b.ask(c, kith, "without indexes: "); err != nil {
		return err
	}
	for _, f := range benchFields {
		start := time.Now()
		if err := b.index(c.Context(), kith, f.field, f.kind); err != nil {
			return err
		}
		if err := b.tell(c, server, "index "+f.field+" ("+f.kind+")", b.n, time.Since(start).Seconds()); err != nil {
			return err
		}
	}
	return b.ask(c, kith, "")
}

// index makes an index and waits until it is complete, however long that takes.
func (b *payloadBench) index(ctx context.Context, kith *client.Client, field, kind string) error {
	err := kith.CreateIndex(ctx, payloadCollection, field, kind)
	var answer *client.Error
	if errors.As(err, &answer) && answer.Status == 408 {
		err = nil // it is being built
	}
	if err != nil {
		return err
	}
	return kith.WaitGreen(ctx, payloadCollection, 20*time.Millisecond)
}

func (b *payloadBench) tell(c *cobra.Command, server *process.Server, stage string, points int, seconds float64) error {
	resident, err := server.Resident()
	if err != nil {
		return err
	}
	return emit(c, b.output, &report{Stage: stage, Points: points, Seconds: seconds, PerSecond: float64(points) / max(seconds, 1e-9), MiB: float64(resident) / mib})
}

// question is one kind of request; run answers how much it found.
type question struct {
	name string
	want int // −1: not known
	run  func(context.Context) (int, error)
}

func raw(text string) client.Condition { return client.RawCondition(json.RawMessage(text)) }

func (b *payloadBench) questions(kith *client.Client) []question {
	truth := func(holds func(i, m int) bool) (n int) {
		for i := range b.n {
			if holds(i, mix(i)) {
				n++
			}
		}
		return n
	}
	count := func(name string, want int, f client.Filter) question {
		return question{"count " + name, want, func(ctx context.Context) (int, error) { return kith.Count(ctx, payloadCollection, &f) }}
	}
	must := func(c ...client.Condition) client.Filter { return client.Filter{Must: c} }
	few := client.Match("few", "kind-3")
	fewTruth := truth(func(_, m int) bool { return m%20 == 3 })
	return []question{
		count("keyword", fewTruth, must(few)),
		count("unique keyword", 1, must(client.Match("unique", "user-77"))),
		count("any of an array", truth(func(i, m int) bool { return m%50 == 1 || m%50 == 2 || i%7 == 1 || i%7 == 2 }), must(client.MatchAny("tags", "t1", "t2"))),
		count("narrow integer range", truth(func(_, m int) bool { return m%100_000 < 100 }), must(client.Range("count", client.Bounds{Lt: ptr(100.0)}))),
		count("wide float range", truth(func(_, m int) bool { return m%1_000_000 >= 500_000 }), must(client.Range("price", client.Bounds{Gt: ptr(5000.0)}))),
		count("datetime range", truth(func(_, m int) bool { return m%100_000_000 >= 90_000_000 }), must(raw(`{"key":"at","range":{"gte":"`+time.Unix(1_690_000_000, 0).UTC().Format(time.RFC3339)+`"}}`))),
		count("geo radius", -1, must(raw(`{"key":"place","geo_radius":{"center":{"lon":13,"lat":52},"radius":200000}}`))),
		count("two words", -1, must(raw(`{"key":"words","match":{"text":"river stone"}}`))),
		count("is_empty", 0, must(client.IsEmpty("price"))),
		count("values_count", b.n, must(raw(`{"key":"tags","values_count":{"gte":2}}`))),
		count("keyword and range, not bool", truth(func(_, m int) bool { return m%20 == 3 && m%100_000 < 50_000 && m%3 != 0 }),
			client.Filter{Must: []client.Condition{few, client.Range("count", client.Bounds{Lt: ptr(50_000.0)})}, MustNot: []client.Condition{client.Match("ok", true)}}),
		{"scroll 100 filtered", 100, func(ctx context.Context) (int, error) {
			page, _, err := kith.Scroll(ctx, payloadCollection, client.ScrollRequest{Filter: &client.Filter{Must: []client.Condition{few}}, Limit: 100, Select: client.Select{Payload: true}})
			return len(page), err
		}},
	}
}

// indexedQuestions need an index to be answered at all.
func (b *payloadBench) indexedQuestions(kith *client.Client) []question {
	few := &client.Filter{Must: []client.Condition{client.Match("few", "kind-3")}}
	facet := func(f *client.Filter) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			hits, err := kith.Facet(ctx, payloadCollection, client.Facet{Key: "few", Limit: 100, Filter: f})
			return len(hits), err
		}
	}
	return []question{
		{"scroll 100 by datetime, filtered", 100, func(ctx context.Context) (int, error) {
			page, err := kith.ScrollBy(ctx, payloadCollection, client.OrderBy{Key: "at"}, client.ScrollRequest{Filter: few, Limit: 100})
			return len(page), err
		}},
		{"facet of 20 values", 20, facet(nil)},
		{"facet of 20 values, filtered by a range", 20, facet(&client.Filter{Must: []client.Condition{client.Range("count", client.Bounds{Lt: ptr(50_000.0)})}})},
	}
}

func ptr[T any](v T) *T { return &v }

// ask runs every question for a while with two clients. Without indexes there is
// one client, and no question that needs one.
func (b *payloadBench) ask(c *cobra.Command, kith *client.Client, when string) error {
	list, clients := b.questions(kith), 2
	if when == "without indexes: " {
		clients = 1
	} else {
		list = append(list, b.indexedQuestions(kith)...)
	}
	for _, q := range list {
		found, err := q.run(c.Context())
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		if q.want >= 0 && found != min(q.want, b.n) {
			return fmt.Errorf("%s: found %d, want %d", q.name, found, q.want)
		}
		latency, took, err := b.repeat(c.Context(), q, clients)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		p50, p99 := quantiles(latency) // microseconds
		f := figures{when + q.name, found, float64(len(latency)) / took.Seconds(), p50 / 1e3, p99 / 1e3}
		if err := b.line(c, f); err != nil {
			return err
		}
	}
	return nil
}

// figures are what was measured of one question.
type figures struct {
	name          string
	found         int
	qps, p50, p99 float64
}

func (b *payloadBench) line(c *cobra.Command, f figures) error {
	if b.output == "json" {
		return printJSON(c.OutOrStdout(), map[string]any{"stage": f.name, "found": f.found, "qps": f.qps, "p50_ms": f.p50, "p99_ms": f.p99})
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%-52s found %9s  %9.0f /s  p50 %8.2f ms  p99 %8.2f ms\n", f.name, thousands(f.found), f.qps, f.p50, f.p99)
	return err
}

func (b *payloadBench) repeat(ctx context.Context, q question, clients int) ([]time.Duration, time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var fault error
	start := time.Now()
	end := start.Add(time.Duration(b.seconds * float64(time.Second)))
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for first := true; first || time.Now().Before(end); first = false {
				at := time.Now()
				_, err := q.run(ctx)
				mu.Lock()
				all, fault = append(all, time.Since(at)), errors.Join(fault, err)
				stop := fault != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wg.Wait()
	return all, time.Since(start), fault
}
