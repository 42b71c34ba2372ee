package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/tools/kith/source"
)

// namedCodes are the kinds of quantization that the contract knows, each as
// kind:form:query_encoding.
var namedCodes = []string{
	"turbo:bits4", "scalar",
	"product:x4", "product:x8", "product:x16", "product:x32", "product:x64",
	"binary:two_bits", "binary:one_and_half_bits", "binary:one_bit", "binary:one_bit:scalar8bits", "binary:one_bit:binary",
	"turbo:bits2", "turbo:bits1_5", "turbo:bits1",
}

// isNamedCode reports whether the contract has a kind of that name: those of
// namedCodes, and binary with each of its query encodings.
func isNamedCode(name string) bool {
	part := strings.Split(name, ":")
	if len(part) == 3 && part[0] == "binary" && slices.Contains([]string{"default", "binary", "scalar4bits", "scalar8bits"}, part[2]) {
		name = part[0] + ":" + part[1]
	}
	return slices.Contains(namedCodes, name)
}

// codesBench measures every kind of code over one graph.
type codesBench struct {
	indexBench
	only    []string
	samples int
	queries int
}

func newBenchCodes() *cobra.Command {
	var b codesBench
	c := &cobra.Command{
		Use:   "codes --data FOLDER",
		Short: "Measure every kind of quantization over one graph: recall and processor time",
		Long: `Build one graph in this process, then have its searches go by each kind of
quantization in turn. A line tells the bytes of a code, the breadth that a server
would choose by itself (recall 0.96, 100 at least), and for each way to search at
that breadth the recall at 10 and the processor time over that of the vectors
alone at theirs: as is, without rescoring, and with oversampling 1, 2 and 4.

Times are of the processor, the least of three passes, so that other work on the
machine counts little.`,
		Example: `  kith bench codes --data glove-100 --limit 100000
  kith bench codes --data fashion-mnist-784 --only product:x16,binary:one_bit`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	b.dataFlags.declare(c.Flags())
	c.Flags().IntVar(&b.m, "m", 16, "links per node")
	c.Flags().IntVar(&b.efConstruct, "ef-construct", 100, "breadth of the search that places a node")
	c.Flags().IntVar(&b.threads, "threads", 2, "goroutines that build and train")
	c.Flags().StringSliceVar(&b.only, "only", namedCodes, "`KINDS` to measure, as kind:form:query_encoding")
	c.Flags().IntVar(&b.samples, "samples", 8192, "vectors to train on")
	c.Flags().IntVar(&b.queries, "ask", 500, "queries of the data set to ask")
	return c
}

func (b *codesBench) check() error {
	b.kind, b.code = "hnsw", 0
	switch {
	case b.samples < 256 || b.queries < 1:
		return &usageError{errors.New("--samples must be 256 or more, --ask 1 or more")}
	case slices.ContainsFunc(b.only, func(name string) bool { return !isNamedCode(name) }):
		return &usageError{fmt.Errorf("--only %v: use %s, and any :query_encoding of binary", b.only, strings.Join(namedCodes, ", "))}
	}
	return b.indexBench.check()
}

func (b *codesBench) run(c *cobra.Command) error {
	if err := b.check(); err != nil {
		return err
	}
	d, err := b.load(c)
	if err != nil {
		return err
	}
	if d.query.Rows > b.queries {
		d.query = &source.Matrix[float32]{Rows: b.queries, Columns: d.query.Columns, Cells: d.query.Cells[:b.queries*d.query.Columns]}
	}
	b.code = 4 // inserts walk by Kith's own code, as a server's do
	built, _, err := b.build(c.Context(), d)
	if err != nil {
		return err
	}
	defer built.Close()
	return b.all(c, built.dense.(*hnsw.Graph), d)
}

// all measures the vectors alone, then each code.
func (b *codesBench) all(c *cobra.Command, g *hnsw.Graph, d *dataset) error {
	if err := g.Guide(nil, index.Pace{Workers: b.threads}); err != nil {
		return err
	}
	plain := &codeAsk{g: g, d: d, ctx: c.Context()}
	ef := plain.promised()
	base := plain.best(index.Query{Ef: ef})
	if _, err := fmt.Fprintf(c.OutOrStdout(), "%-28s %5d bytes  ef %4d  recall %.3f  %.0f µs\n", "vectors", 4*d.base.Columns, ef, base.recall, base.us); err != nil {
		return err
	}
	for _, name := range b.only {
		if err := c.Context().Err(); err != nil {
			return err
		}
		if err := b.one(c, plain, name, base.us); err != nil {
			return err
		}
	}
	return nil
}

// one trains a code and measures searches by it.
func (b *codesBench) one(c *cobra.Command, a *codeAsk, name string, plainUS float64) error {
	code, err := b.train(name, a.d)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := a.g.Guide(code, index.Pace{Workers: b.threads}); err != nil {
		return err
	}
	ef := a.promised()
	var text strings.Builder
	fmt.Fprintf(&text, "%-28s %5d bytes  ef %4d", name, code.RowBytes(), ef)
	for _, way := range []struct {
		name    string
		rescore int
	}{{"", 0}, {"no rescore", -1}, {"x1", recallAt}, {"x2", 2 * recallAt}, {"x4", 4 * recallAt}} {
		got := a.best(index.Query{Ef: ef, Rescore: way.rescore})
		fmt.Fprintf(&text, "  %s %.3f %.2f", way.name, got.recall, got.us/plainUS)
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), text.String())
	return err
}

// train makes a code of an even sample, as a server does.
func (b *codesBench) train(name string, d *dataset) (quant.Code, error) {
	part := append(strings.Split(name, ":"), "", "")
	o := quant.Named(part[0], part[1], part[2])
	o.Space, o.Dim, o.Seed, o.Pace = index.Space{Metric: d.metric}, d.base.Columns, 1, index.Pace{Workers: b.threads}
	n := min(b.samples, d.base.Rows)
	samples := make([]float32, 0, n*d.base.Columns)
	for i := range n {
		samples = append(samples, d.base.Row(int(int64(i)*int64(d.base.Rows)/int64(n)))...)
	}
	return quant.Train(o, samples)
}

// codeAsk asks a graph the queries of a data set.
type codeAsk struct {
	g   *hnsw.Graph
	d   *dataset
	ctx context.Context
}

// codeAnswer is the recall of a pass, and the processor time of a query.
type codeAnswer struct{ recall, us float64 }

// promised is the breadth that a server chooses for the recall that it promises:
// the first that is tried with a little less of misses, and ef_construct's default
// at least.
func (a *codeAsk) promised() int {
	for _, ef := range []int{100, 128, 160, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 1536} {
		if a.ctx.Err() != nil || a.pass(index.Query{Ef: ef}).recall >= 0.96 {
			return ef
		}
	}
	return 2048
}

// best is the fastest of three passes.
func (a *codeAsk) best(q index.Query) codeAnswer {
	out := codeAnswer{us: math.Inf(1)}
	for range 3 {
		got := a.pass(q)
		out.recall, out.us = got.recall, min(out.us, got.us)
	}
	return out
}

// pass asks every query once.
func (a *codeAsk) pass(q index.Query) codeAnswer {
	q.K = recallAt
	found, ids, hits := make([]index.Hit, 0, recallAt), make([]int, 0, recallAt), 0
	cpu := processorTime()
	for i := range a.d.query.Rows {
		q.Vector = a.d.query.Row(i)
		found, _ = a.g.Search(q, found[:0])
		ids = ids[:0]
		for _, h := range found {
			ids = append(ids, int(h.Slot))
		}
		hits += a.d.hits(i, ids)
	}
	n := float64(a.d.query.Rows)
	return codeAnswer{recall: float64(hits) / (recallAt * n), us: float64((processorTime() - cpu).Nanoseconds()) / 1e3 / n}
}
