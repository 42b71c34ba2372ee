package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// place is where indexes are while questions are asked.
type place string

const (
	noIndexes place = "none"
	inMemory  place = "in memory"
	onDisk    place = "on disk"
)

// asked is where, and by how many clients at once.
type asked struct {
	place
	clients int
}

// answer is what was measured of one question.
type answer struct {
	name  string
	found int
	by    map[asked]figures
}

// figures are what was measured of one question in one place.
type figures struct{ qps, p50, p99 float64 } // a second; milliseconds

// ask runs every question for a while. Without indexes those are left out that
// need one.
func (b *payloadBench) ask(where place, clients int) error {
	for i, q := range newTruth(b.n).questions(b.kith) {
		if q.indexed && where == noIndexes {
			continue
		}
		found, err := q.run(b.c.Context())
		if err != nil {
			return fmt.Errorf("%s, indexes %s: %w", q.name, where, err)
		}
		latency, took, err := b.repeat(q, clients)
		if err != nil {
			return fmt.Errorf("%s, indexes %s: %w", q.name, where, err)
		}
		p50, p99 := quantiles(latency) // microseconds
		a := &b.answers[i]
		if a.by == nil {
			a.by = map[asked]figures{}
		}
		a.name, a.found = q.name, found
		a.by[asked{where, clients}] = figures{float64(len(latency)) / took.Seconds(), p50 / 1e3, p99 / 1e3}
		if err := b.line(a, asked{where, clients}); err != nil {
			return err
		}
	}
	return nil
}

func (b *payloadBench) line(a *answer, as asked) error {
	f := a.by[as]
	if b.output == "json" {
		return printJSON(b.c.OutOrStdout(), map[string]any{"question": a.name, "indexes": string(as.place), "clients": as.clients,
			"found": a.found, "qps": f.qps, "p50_ms": f.p50, "p99_ms": f.p99})
	}
	_, err := fmt.Fprintf(b.c.OutOrStdout(), "indexes %-9s  %d clients  %-40s found %9s  %8.0f /s  p50 %8.2f ms  p99 %8.2f ms\n",
		as.place, as.clients, a.name, thousands(a.found), f.qps, f.p50, f.p99)
	return err
}

// table puts the places side by side.
func (b *payloadBench) table() error {
	if b.output == "json" {
		return nil // each line said it
	}
	out := b.c.OutOrStdout()
	if _, err := fmt.Fprintf(out, "\n| %-40s | found | no index, 1 client, ms | in memory, 1 client, ms | 2 clients, ms | 2 clients, /s | on disk, 1 client, ms | 2 clients, ms | 2 clients, /s |\n|---|---|---|---|---|---|---|---|---|\n", "question, p50"); err != nil {
		return err
	}
	for _, a := range b.answers {
		none := "–"
		if f, ok := a.by[asked{noIndexes, 1}]; ok {
			none = fmt.Sprintf("%.1f", f.p50)
		}
		m1, m2, d1, d2 := a.by[asked{inMemory, 1}], a.by[asked{inMemory, 2}], a.by[asked{onDisk, 1}], a.by[asked{onDisk, 2}]
		_, err := fmt.Fprintf(out, "| %-40s | %s | %s | %.2f | %.2f | %.0f | %.2f | %.2f | %.0f |\n",
			a.name, thousands(a.found), none, m1.p50, m2.p50, m2.qps, d1.p50, d2.p50, d2.qps)
		if err != nil {
			return err
		}
	}
	return nil
}

// repeat asks one question again and again, at least once by each client.
func (b *payloadBench) repeat(q question, clients int) ([]time.Duration, time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var fault error
	start := time.Now()
	end := start.Add(time.Duration(b.seconds * float64(time.Second)))
	ctx, stop := context.WithCancel(b.c.Context())
	defer stop()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for first := true; first || time.Now().Before(end); first = false {
				at := time.Now()
				_, err := q.run(ctx)
				took := time.Since(at)
				mu.Lock()
				all, fault = append(all, took), errors.Join(fault, err)
				mu.Unlock()
				if err != nil {
					stop()
					return
				}
			}
		})
	}
	wg.Wait()
	return all, time.Since(start), fault
}
