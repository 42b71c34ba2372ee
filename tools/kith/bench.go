package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/tools/kith/source"
)

const recallAt = 10

// dataset is a folder of base.fbin, query.fbin, gt.ibin and meta.json.
type dataset struct {
	folder string
	metric index.Metric
	base   *source.Matrix[float32]
	query  *source.Matrix[float32]
	truth  *source.Matrix[int32]
}

func loadDataset(folder string) (*dataset, error) {
	text, err := os.ReadFile(filepath.Join(folder, "meta.json"))
	if err != nil {
		return nil, err
	}
	var meta struct{ Metric string }
	if err := json.Unmarshal(text, &meta); err != nil {
		return nil, fmt.Errorf("meta.json: %w", err)
	}
	metrics := map[string]index.Metric{"cosine": index.Cosine, "dot": index.Dot, "euclidean": index.Euclid, "manhattan": index.Manhattan}
	d := &dataset{folder: folder, metric: metrics[meta.Metric]}
	if d.metric == 0 {
		return nil, fmt.Errorf("meta.json: unknown metric %q", meta.Metric)
	}
	var errs [3]error
	d.base, errs[0] = source.LoadMatrix[float32](filepath.Join(folder, "base.fbin"))
	d.query, errs[1] = source.LoadMatrix[float32](filepath.Join(folder, "query.fbin"))
	d.truth, errs[2] = source.LoadMatrix[int32](filepath.Join(folder, "gt.ibin"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if d.query.Rows == 0 || d.query.Columns != d.base.Columns || d.truth.Rows != d.query.Rows || d.truth.Columns < recallAt {
		return nil, fmt.Errorf("%s: base, queries and ground truth do not fit together", folder)
	}
	return d, nil
}

// hits is how many of the ids are among the true neighbours of a query.
func (d *dataset) hits(query int, ids []int) int {
	want, n := d.truth.Row(query)[:recallAt], 0
	for _, id := range ids {
		if slices.Contains(want, int32(id)) {
			n++
		}
	}
	return n
}

// indexBench measures the HNSW index alone, in this process.
type indexBench struct {
	data           string
	m, efConstruct int
	threads        int
	output         string
}

func newBench() *cobra.Command {
	var b indexBench
	c := &cobra.Command{
		Use:   "bench --data FOLDER",
		Short: "Measure the index alone, or a server (kith bench http, kith bench collections)",
		Long: `Measure the HNSW index alone, in this process: build time and memory, then for
each ef the recall at 10, queries per second and latency of one thread (each
query timed alone, median of three passes). FOLDER holds base.fbin, query.fbin,
gt.ibin and meta.json. With -o json it prints a line per measurement, in the
form of the hnswlib peer.`,
		Example: `  kith bench --data glove-100 --m 16 --ef-construct 200 --threads 1 -o json
  kith bench http --data glove-100 --clients 1,4`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	f := c.Flags()
	f.StringVar(&b.data, "data", "", "`FOLDER` of the data set (required)")
	f.IntVar(&b.m, "m", 16, "links per node")
	f.IntVar(&b.efConstruct, "ef-construct", 200, "breadth of the search that places a node")
	f.IntVar(&b.threads, "threads", 1, "goroutines that build")
	declareOutput(f, &b.output)
	c.AddCommand(newBenchHTTP(), newBenchCollections(), newBenchPayload())
	return c
}

type buildLine struct {
	Lib         string  `json:"lib"`
	Folder      string  `json:"folder"`
	M           int     `json:"m"`
	EfConstruct int     `json:"ef_construction"`
	Threads     int     `json:"threads"`
	BuildS      float64 `json:"build_s"`
	IndexMiB    int64   `json:"index_mib"`
}

type searchLine struct {
	Lib    string  `json:"lib"`
	Ef     int     `json:"ef"`
	Recall float64 `json:"recall"`
	QPS    float64 `json:"qps"`
	P50us  float64 `json:"p50_us"`
	P99us  float64 `json:"p99_us"`
}

func (b *indexBench) run(c *cobra.Command) error {
	if err := checkOutput(b.output); err != nil {
		return err
	}
	if b.data == "" || b.threads < 1 {
		return &usageError{errors.New("kith bench needs --data FOLDER and --threads of 1 or more")}
	}
	d, err := loadDataset(b.data)
	if err != nil {
		return err
	}
	graph, vectors, line, err := b.build(c.Context(), d)
	if err != nil {
		return err
	}
	defer vectors.Close() // after the graph, whose defer runs first
	defer graph.Close()
	if err := b.print(c, line, fmt.Sprintf("build %.2f s, %d MiB", line.BuildS, line.IndexMiB)); err != nil {
		return err
	}
	for _, ef := range []int{10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1000, 1300, 1600} {
		s := measure(graph, d, ef)
		text := fmt.Sprintf("ef %4d  recall %.4f  %7.0f/s  p50 %.1f µs  p99 %.1f µs", s.Ef, s.Recall, s.QPS, s.P50us, s.P99us)
		if err := b.print(c, s, text); err != nil || s.Recall > 0.997 || c.Context().Err() != nil {
			return errors.Join(err, c.Context().Err())
		}
	}
	return nil
}

func (b *indexBench) print(c *cobra.Command, line any, text string) error {
	if b.output == "json" {
		return printJSON(c.OutOrStdout(), line)
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), text)
	return err
}

// build fills an arena and links its rows. The data set's own rows are in memory
// before, so resident memory grows by the index, vectors included, as the peer's
// does.
func (b *indexBench) build(ctx context.Context, d *dataset) (*hnsw.Graph, *arena.Arena, *buildLine, error) {
	before := residentBytes()
	vectors := arena.New(arena.Options{RowBytes: 4 * d.base.Columns})
	if err := errors.Join(vectors.Pin(), vectors.Grow(d.base.Rows)); err != nil {
		return nil, nil, nil, err
	}
	graph, err := hnsw.New(vectors, hnsw.Options{Dim: d.base.Columns, Metric: d.metric, M: b.m, EfConstruct: b.efConstruct, Seed: 42})
	if err != nil {
		return nil, nil, nil, errors.Join(err, vectors.Close())
	}
	start, rows := time.Now(), vectors.Rows()
	var next atomic.Int64
	var workers sync.WaitGroup
	errs := make([]error, b.threads)
	for t := range b.threads {
		workers.Go(func() {
			for errs[t] == nil && ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= d.base.Rows {
					return
				}
				copy(rows.Floats(uint32(i)), d.base.Row(i))
				errs[t] = graph.Insert(index.Slot(i))
			}
		})
	}
	workers.Wait()
	took := time.Since(start)
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return nil, nil, nil, errors.Join(err, graph.Close(), vectors.Close())
	}
	return graph, vectors, &buildLine{Lib: "kith", Folder: d.folder, M: b.m, EfConstruct: b.efConstruct, Threads: b.threads,
		BuildS: took.Seconds(), IndexMiB: (residentBytes() - before) / mib}, nil
}

// measure asks all queries three times, each timed alone.
func measure(graph *hnsw.Graph, d *dataset, ef int) *searchLine {
	const passes = 3
	var qps []float64
	var latency []time.Duration
	found, ids, hits := make([]index.Hit, 0, recallAt), make([]int, 0, recallAt), 0
	for range passes {
		latency, hits = latency[:0], 0
		var busy time.Duration
		for q := range d.query.Rows {
			start := time.Now()
			found, _ = graph.Search(index.Query{Vector: d.query.Row(q), K: recallAt, Ef: ef}, found[:0])
			took := time.Since(start)
			latency, busy = append(latency, took), busy+took
			ids = ids[:0]
			for _, h := range found {
				ids = append(ids, int(h.Slot))
			}
			hits += d.hits(q, ids)
		}
		qps = append(qps, float64(d.query.Rows)/busy.Seconds())
	}
	slices.Sort(qps)
	p50, p99 := quantiles(latency)
	return &searchLine{Lib: "kith", Ef: ef, Recall: float64(hits) / float64(recallAt*d.query.Rows),
		QPS: qps[passes/2], P50us: p50, P99us: p99}
}

// quantiles are the median and the 99th percentile in microseconds; it sorts.
func quantiles(latency []time.Duration) (p50, p99 float64) {
	slices.Sort(latency)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	return us(latency[len(latency)/2]), us(latency[len(latency)*99/100])
}

// residentBytes is this process's resident memory; 0 where /proc does not tell.
func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
