package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kithdb/kith/index/simd"
	"github.com/kithdb/kith/tools/kith/curve"
	"github.com/kithdb/kith/tools/kith/page"
)

const recallAt = 10

// indexBench measures an index alone, in this process.
type indexBench struct {
	dataFlags
	kind           string
	m, efConstruct int
	threads        int
	code           int
	pca            int
	rotate         bool
	inline         bool
	sweep          []int // breadths to measure; none is the usual ones
	server         serverFlags
	disk           diskFlags
	json           string
	html           string
	output         string
}

func newBench() *cobra.Command {
	var b indexBench
	c := &cobra.Command{
		Use:   "bench --data FOLDER",
		Short: "Measure recall, speed, build and memory of an index, or of a server (--url)",
		Long: `Measure an index alone, in this process: build time and memory, then for each ef
the recall at 10, queries per second and latency of one thread (each query timed
alone, median of three passes), and what a query costs: distances, hops, the bytes
it reads, and how far it is from the time that memory needs for these.

With --url, measure a server over HTTP instead, Kith or Qdrant: make a collection
(--collection, removed at the end unless --keep), upload in batches, wait until it
is indexed, then sweep hnsw_ef with each number of --clients. --reuse measures one
that is there.

With --on-disk, map the vectors from a file, as a server's on_disk does: tell the
memory without pages of files, save the index, and tell how long it takes to open
it and answer, with its files in memory and without; then sweep what was opened.
--cached 0.5 has half of the vectors in memory whenever queries begin. --keep leaves
the files, --reuse measures them again.

--data is a folder (base, query, gt and meta.json; or the fvecs of TEXMEX), an HDF5
file of ann-benchmarks, or a file of vectors whose last rows become the queries;
--gen makes vectors. True neighbours that are missing are computed exactly, on all
cores, and kept in --cache.

--index is a kind or several: each is built and measured in turn. For ivf_pq and
lsh, ef is what the server makes of hnsw_ef for them. --json writes a report for
kith bench compare, --html a page with the curves that needs no network.`,
		Example: `  kith bench --data glove-100 --m 16 --ef-construct 200 --threads 1
  kith bench --data glove-100-angular.hdf5 --index hnsw,ivf_pq --html page.html
  kith bench --gen 1000000x128 --code 4 --sweep 20,40,80,160
  kith bench --gen 1000000x768 --code 4 --threads 8 --on-disk /var/tmp/bench --cached 0.5
  kith bench --data glove-100 --url http://127.0.0.1:6333 --clients 1,4 --json now.json
  kith bench compare before.json now.json --html both.html`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	b.declare(c.Flags())
	b.server.declare(c.Flags())
	b.disk.declare(c.Flags())
	c.Flags().StringVar(&b.json, "json", "", "`FILE` for the report")
	c.Flags().StringVar(&b.html, "html", "", "`FILE` for a page with the curves, which needs no network")
	declareOutput(c.Flags(), &b.output)
	c.AddCommand(newBenchHTTP(), newBenchCollections(), newBenchPayload(), newBenchChurn(), newBenchFilters(), newBenchWorker(), newBenchCompare(), newBenchCodes())
	return c
}

func (b *indexBench) declare(f *pflag.FlagSet) {
	b.dataFlags.declare(f)
	f.StringVar(&b.kind, "index", "hnsw", "`KINDS` of index: hnsw, ivf_pq, lsh, flat")
	f.IntVar(&b.m, "m", 16, "links per node of hnsw")
	f.IntVar(&b.efConstruct, "ef-construct", 200, "breadth of the search that places a node of hnsw")
	f.IntVar(&b.threads, "threads", 1, "goroutines that build")
	f.IntSliceVar(&b.sweep, "sweep", nil, "breadths `EF,…` to measure, smallest first; default the usual ones, until recall is 0.997")
	f.IntVar(&b.code, "code", 0, "`BITS` of the codes that guide a search where the index takes them: 4 or 8; 0 none")
	f.IntVar(&b.pca, "pca", 0, "`DIMENSIONS`, those of the largest variance, in which a search looks first; 0 all")
	f.BoolVar(&b.rotate, "rotate", false, "turn the vectors of ivf_pq before they are coded")
	f.BoolVar(&b.inline, "inline", false, "lay codes beside the links of hnsw, too (inline_storage); with --code")
}

func (b *indexBench) check() error {
	if err := b.dataFlags.check(); err != nil {
		return err
	}
	if b.threads < 1 {
		return &usageError{fmt.Errorf("--threads %d: use 1 or more", b.threads)}
	}
	if slices.ContainsFunc(b.sweep, func(ef int) bool { return ef < 1 || ef > maxEf }) {
		return &usageError{fmt.Errorf("--sweep %v: a breadth is 1 to %d", b.sweep, maxEf)}
	}
	if b.code != 0 && b.code != 4 && b.code != 8 {
		return &usageError{fmt.Errorf("--code %d: codes have 4 or 8 bits, 0 is none", b.code)}
	}
	if b.inline && b.code == 0 {
		return &usageError{errors.New("--inline needs codes: give --code 4 with it")}
	}
	if b.pca < 0 || b.pca > 0 && b.code > 0 {
		return &usageError{fmt.Errorf("--pca %d: 1 or more dimensions, and without --code: both are what a search looks at first", b.pca)}
	}
	if b.rotate && !strings.Contains(b.kind, "ivf_pq") {
		return &usageError{errors.New("--rotate is of ivf_pq: give --index ivf_pq with it")}
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
	IndexMiB    int64   `json:"index_mib"` // by which the process grew
	RawMiB      float64 `json:"raw_mib"`
	VectorsMiB  float64 `json:"vectors_mib"`
	BesideMiB   float64 `json:"beside_mib"`
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
	if err := errors.Join(b.check(), b.checkDisk(), checkOutput(b.output)); err != nil {
		return err
	}
	if b.server.url != "" {
		return b.runURL(c)
	}
	if b.disk.folder != "" {
		return b.runDisk(c)
	}
	d, err := b.load(c)
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
	return b.write(report)
}

// write writes the report as the flags ask.
func (b *indexBench) write(report *curve.Report) error {
	var errs [2]error
	if b.json != "" {
		errs[0] = report.Save(b.json)
	}
	if b.html != "" {
		errs[1] = page.Save(b.html, page.Named{Report: report})
	}
	return errors.Join(errs[:]...)
}

// machine says what the figures depend on.
func machine() string { return fmt.Sprintf("kernels %s, %d cores", simd.Level(), runtime.NumCPU()) }

// measured builds one kind of index and sweeps it.
func (b *indexBench) measured(c *cobra.Command, d *dataset) (*curve.Run, error) {
	before := settledBytes()
	built, run, err := b.build(c.Context(), d)
	if err != nil {
		return nil, err
	}
	defer built.Close()
	run.IndexMiB = float64(settledBytes()-before) / mib
	line := buildLine{Lib: run.Lib, Folder: d.folder, M: b.m, EfConstruct: b.efConstruct, Threads: b.threads, BuildS: run.BuildS, IndexMiB: int64(run.IndexMiB),
		RawMiB: run.RawMiB, VectorsMiB: run.VectorsMiB, BesideMiB: run.BesideMiB}
	if err := b.print(c, line, fmt.Sprintf("%s: build %.2f s (%.2f s of processor), %s", run.Lib, line.BuildS, run.BuildCPUS, memoryText(run))); err != nil {
		return nil, err
	}
	return run, b.sweepOver(c, run, &trial{x: built.index, d: d, floor: newFloor(b, built, d)})
}

// sweepOver measures each breadth.
func (b *indexBench) sweepOver(c *cobra.Command, run *curve.Run, a *trial) error {
	for _, ef := range b.breadths() {
		p := measure(a, ef)
		a.floor.add(&p, ef)
		run.Points = append(run.Points, p)
		text := fmt.Sprintf("ef %4d  recall %.4f  %7.0f/s  p50 %.1f µs  p99 %.1f µs  %.0f distances  %.0f hops%s", ef, p.Recall, p.QPS, p.P50us, p.P99us, p.Distances, p.Hops, a.floor.text(&p))
		s := searchLine{Lib: run.Lib, Ef: ef, Recall: p.Recall, QPS: p.QPS, P50us: p.P50us, P99us: p.P99us}
		if err := errors.Join(b.print(c, s, text), c.Context().Err()); err != nil {
			return err
		}
		if b.kind == "flat" && b.pca == 0 || len(b.sweep) == 0 && p.Recall > 0.997 {
			break
		}
	}
	return nil
}

// breadths are those to measure.
func (b *indexBench) breadths() []int {
	if len(b.sweep) > 0 {
		return b.sweep
	}
	return sweep
}

func (b *indexBench) print(c *cobra.Command, line any, text string) error {
	if b.output == "json" {
		return printJSON(c.OutOrStdout(), line)
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), text)
	return err
}
