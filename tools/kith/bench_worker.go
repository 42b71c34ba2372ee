package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/tools/kith/curve"
)

// sweep are the breadths that are measured.
var sweep = []int{10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1000, 1300, 1600}

func newBenchWorker() *cobra.Command {
	var b indexBench
	c := &cobra.Command{
		Use:   "worker --data FOLDER",
		Short: "Build an index, then measure what each line of standard input asks",
		Long: `Build an index in this process, print a JSON line that says what it cost, then
answer commands, a JSON object a line, until the input ends:

  {"op": "pass", "setting": 64}   every query once at ef 64, each timed alone
  {"op": "batch", "setting": 64}  all of them one after the other, timed as one
  {"op": "memory"}                resident memory beside the data set's own arrays

tools/bench/race drives it in turns with tools/bench/peers/peer.py, which speaks
the same.`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.work(c) },
	}
	b.declare(c.Flags())
	return c
}

type greeting struct {
	curve.Run
	Settings []int `json:"settings"`
	Rows     int   `json:"rows"`
}

func (b *indexBench) work(c *cobra.Command) error {
	if err := b.check(); err != nil {
		return err
	}
	d, err := b.load(c)
	if err != nil {
		return err
	}
	before := settledBytes()
	built, run, err := b.build(c.Context(), d)
	if err != nil {
		return err
	}
	defer built.Close()
	out := json.NewEncoder(c.OutOrStdout())
	if err := out.Encode(greeting{Run: *run, Settings: b.breadths(), Rows: d.base.Rows}); err != nil {
		return err
	}
	lines := bufio.NewScanner(c.InOrStdin())
	for lines.Scan() {
		if err := out.Encode(answered(&trial{x: built.index, d: d}, lines.Bytes(), before)); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), c.Context().Err())
}

// answered does what one line asks.
func answered(a *trial, line []byte, before int64) any {
	type refusal struct {
		Error string `json:"error"`
	}
	var command struct {
		Op      string
		Setting int
	}
	if err := json.Unmarshal(line, &command); err != nil {
		return refusal{fmt.Sprintf("%q: %v", line, err)}
	}
	asks := command.Op == "pass" || command.Op == "batch"
	if asks && command.Setting < 1 {
		return refusal{fmt.Sprintf("a %s needs a setting of 1 or more", command.Op)}
	}
	switch command.Op {
	case "pass":
		return onePass(a, command.Setting)
	case "batch":
		return struct {
			QPS float64 `json:"batch_qps"`
		}{oneBatch(a, command.Setting)}
	case "memory":
		return struct {
			MiB float64 `json:"index_mib"`
		}{float64(settledBytes()-before) / mib}
	}
	return refusal{fmt.Sprintf("unknown op %q: pass, batch and memory are known", command.Op)}
}

// passed is one pass over the queries.
type passed struct {
	Setting   int       `json:"setting"`
	Recall    float64   `json:"recall"`
	CPUus     float64   `json:"cpu_us"`
	Distances float64   `json:"distances"`
	Hops      float64   `json:"hops"`
	Latency   []float64 `json:"latency_us"`
}

// oneBatch is the queries per second of a loop that does nothing but ask.
func oneBatch(a *trial, ef int) float64 {
	found, queries := make([]index.Hit, 0, recallAt), a.d.query
	start := time.Now()
	for q := range queries.Rows {
		found, _ = a.x.Search(index.Query{Vector: queries.Row(q), K: recallAt, Ef: ef}, found[:0])
	}
	return float64(queries.Rows) / time.Since(start).Seconds()
}

// onePass asks every query once, each timed alone.
func onePass(a *trial, ef int) *passed {
	x, d := a.x, a.d
	found, ids := make([]index.Hit, 0, recallAt), make([]int, 0, recallAt)
	for q := range min(20, d.query.Rows) { // warm
		found, _ = x.Search(index.Query{Vector: d.query.Row(q), K: recallAt, Ef: ef}, found[:0])
	}
	if a.ready != nil {
		a.ready()
	}
	p, hits, work := &passed{Setting: ef, Latency: make([]float64, d.query.Rows)}, 0, index.Work{}
	cpu := processorTime()
	for q := range d.query.Rows {
		start := time.Now()
		var w index.Work
		found, w = x.Search(index.Query{Vector: d.query.Row(q), K: recallAt, Ef: ef}, found[:0])
		p.Latency[q] = float64(time.Since(start).Nanoseconds()) / 1e3
		work, ids = work.Add(w), ids[:0]
		for _, h := range found {
			ids = append(ids, int(h.Slot))
		}
		hits += d.hits(q, ids)
	}
	n := float64(d.query.Rows)
	p.CPUus = float64((processorTime() - cpu).Microseconds()) / n
	p.Recall, p.Distances, p.Hops = float64(hits)/(recallAt*n), float64(work.Distances)/n, float64(work.Hops)/n
	return p
}
