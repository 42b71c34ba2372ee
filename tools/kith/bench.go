package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
	"github.com/kithdb/kith/tools/kith/curve"
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

// indexBench measures an index alone, in this process.
type indexBench struct {
	data           string
	kind           string
	m, efConstruct int
	threads        int
	code           int
	json           string
	output         string
}

func newBench() *cobra.Command {
	var b indexBench
	c := &cobra.Command{
		Use:   "bench --data FOLDER",
		Short: "Measure an index alone, or a server (kith bench http, kith bench collections)",
		Long: `Measure an index alone, in this process: build time and memory, then for each ef
the recall at 10, queries per second and latency of one thread (each query timed
alone, median of three passes), and what a query costs in distances and hops.
FOLDER holds base.fbin, query.fbin, gt.ibin and meta.json. --index is a kind or
several: each is built and measured in turn. For ivf_pq and lsh, ef is what the
server makes of hnsw_ef for them. --json writes a report for kith bench compare.`,
		Example: `  kith bench --data glove-100 --m 16 --ef-construct 200 --threads 1
  kith bench --data glove-100 --index hnsw,ivf_pq --json now.json
  kith bench compare before.json now.json
  kith bench http --data glove-100 --clients 1,4`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	b.declare(c.Flags())
	c.Flags().StringVar(&b.json, "json", "", "`FILE` for the report")
	declareOutput(c.Flags(), &b.output)
	c.AddCommand(newBenchHTTP(), newBenchCollections(), newBenchPayload(), newBenchChurn(), newBenchWorker(), newBenchCompare())
	return c
}

func (b *indexBench) declare(f *pflag.FlagSet) {
	f.StringVar(&b.data, "data", "", "`FOLDER` of the data set (required)")
	f.StringVar(&b.kind, "index", "hnsw", "`KINDS` of index: hnsw, ivf_pq, lsh, flat")
	f.IntVar(&b.m, "m", 16, "links per node of hnsw")
	f.IntVar(&b.efConstruct, "ef-construct", 200, "breadth of the search that places a node of hnsw")
	f.IntVar(&b.threads, "threads", 1, "goroutines that build")
	f.IntVar(&b.code, "code", 0, "`BITS` of the codes that guide a search where the index takes them: 4 or 8; 0 none")
}

func (b *indexBench) check() error {
	if b.data == "" || b.threads < 1 {
		return &usageError{errors.New("kith bench needs --data FOLDER and --threads of 1 or more")}
	}
	if b.code != 0 && b.code != 4 && b.code != 8 {
		return &usageError{fmt.Errorf("--code %d: codes have 4 or 8 bits, 0 is none", b.code)}
	}
	for _, kind := range strings.Split(b.kind, ",") {
		if !slices.Contains(indexKinds, kind) {
			return &usageError{fmt.Errorf("--index %q: use %s", kind, strings.Join(indexKinds, ", "))}
		}
	}
	return nil
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
	if err := errors.Join(b.check(), checkOutput(b.output)); err != nil {
		return err
	}
	d, err := loadDataset(b.data)
	if err != nil {
		return err
	}
	report := &curve.Report{Machine: machine(), When: time.Now().UTC().Format(time.RFC3339),
		Note: "in process, one thread, each query timed alone, median of three passes"}
	for _, kind := range strings.Split(b.kind, ",") {
		one := *b
		one.kind = kind
		run, err := one.measured(c, d)
		if err != nil {
			return err
		}
		report.Runs = append(report.Runs, *run)
	}
	if b.json == "" {
		return nil
	}
	return report.Save(b.json)
}

// machine says what the figures depend on.
func machine() string { return fmt.Sprintf("kernels %s, %d cores", simd.Level(), runtime.NumCPU()) }

// measured builds one kind of index and sweeps it.
func (b *indexBench) measured(c *cobra.Command, d *dataset) (*curve.Run, error) {
	before := residentBytes()
	built, run, err := b.build(c.Context(), d)
	if err != nil {
		return nil, err
	}
	defer built.Close()
	run.IndexMiB = float64(residentBytes()-before) / mib
	line := buildLine{Lib: run.Lib, Folder: d.folder, M: b.m, EfConstruct: b.efConstruct, Threads: b.threads, BuildS: run.BuildS, IndexMiB: int64(run.IndexMiB)}
	if err := b.print(c, line, fmt.Sprintf("%s: build %.2f s, %d MiB", run.Lib, line.BuildS, line.IndexMiB)); err != nil {
		return nil, err
	}
	for _, ef := range sweep {
		p := measure(built.index, d, ef)
		run.Points = append(run.Points, p)
		text := fmt.Sprintf("ef %4d  recall %.4f  %7.0f/s  p50 %.1f µs  p99 %.1f µs  %.0f distances  %.0f hops", ef, p.Recall, p.QPS, p.P50us, p.P99us, p.Distances, p.Hops)
		s := searchLine{Lib: run.Lib, Ef: ef, Recall: p.Recall, QPS: p.QPS, P50us: p.P50us, P99us: p.P99us}
		if err := errors.Join(b.print(c, s, text), c.Context().Err()); err != nil {
			return nil, err
		}
		if p.Recall > 0.997 || b.kind == "flat" {
			break
		}
	}
	return run, nil
}

func (b *indexBench) print(c *cobra.Command, line any, text string) error {
	if b.output == "json" {
		return printJSON(c.OutOrStdout(), line)
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), text)
	return err
}

// measure asks all queries three times, each timed alone.
func measure(x index.Searcher, d *dataset, ef int) curve.Point {
	const passes = 3
	var qps, cpu []float64
	var latency []time.Duration
	p := curve.Point{Setting: json.RawMessage(strconv.Itoa(ef))}
	for range passes {
		one := onePass(x, d, ef)
		busy := 0.0
		latency = latency[:0]
		for _, us := range one.Latency {
			busy += us
			latency = append(latency, time.Duration(us*1e3))
		}
		qps, cpu = append(qps, 1e6*float64(d.query.Rows)/busy), append(cpu, one.CPUus)
		p.Recall, p.Distances, p.Hops = one.Recall, one.Distances, one.Hops
	}
	p.QPS, p.CPUus = curve.Median(qps), curve.Median(cpu)
	p.P50us, p.P99us = quantiles(latency)
	return p
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
