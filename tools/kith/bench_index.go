package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/ivfpq"
	"github.com/kithdb/kith/index/lsh"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/tools/kith/curve"
)

// indexKinds are the kinds that can be measured.
var indexKinds = []string{"hnsw", "ivf_pq", "lsh", "flat"}

// built is an index over the vectors of a data set.
type built struct {
	index   index.Searcher
	dense   index.Dense // nil for flat
	vectors *arena.Arena
}

// Close frees the index, then the vectors that it reads.
func (b *built) Close() error {
	if b.dense == nil {
		return b.vectors.Close()
	}
	return errors.Join(b.dense.Close(), b.vectors.Close())
}

// exact is the scan of all rows as an index.
type exact struct {
	space index.Space
	rows  arena.Rows
	live  *index.Set
}

// Search compares every row.
func (x exact) Search(q index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	q.Accept = x.live
	return flat.Range(q, x.space, x.rows, 0, index.Slot(x.rows.Len()), dst)
}

// Cost is what the scan compares.
func (x exact) Cost(int, float64) float64 { return float64(x.rows.Len()) }

// Len is the number of rows.
func (x exact) Len() int { return x.rows.Len() }

// build fills an arena and indexes its rows. The data set's own rows are in memory
// before, so resident memory grows by the index, vectors included, as the peers'
// does. The time is that of the vectors and the index, training included.
func (b *indexBench) build(ctx context.Context, d *dataset) (_ *built, _ *curve.Run, err error) {
	out := &built{vectors: arena.New(arena.Options{RowBytes: 4 * d.base.Columns})}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Close())
		}
	}()
	if err := errors.Join(out.vectors.Pin(), out.vectors.Grow(d.base.Rows)); err != nil {
		return nil, nil, err
	}
	if out.dense, err = b.empty(out.vectors, d); err != nil {
		return nil, nil, err
	}
	start, cpu := time.Now(), processorTime()
	rows := out.vectors.Rows()
	edit := new(index.Set).Edit()
	for i := range d.base.Rows {
		copy(rows.Floats(uint32(i)), d.base.Row(i))
		edit.Add(index.Slot(i))
	}
	live := edit.Done()
	if out.index = out.dense; out.dense == nil {
		out.index = exact{index.Space{Metric: d.metric}, rows, live}
	} else if err := b.fill(ctx, out.dense, d, live); err != nil {
		return nil, nil, err
	}
	beside := int64(0)
	if out.dense != nil {
		beside = out.dense.Bytes()
	}
	run := b.newRun(d)
	run.VectorsMiB, run.BesideMiB = float64(out.vectors.Resident())/mib, float64(beside)/mib
	run.BuildS, run.BuildCPUS = time.Since(start).Seconds(), (processorTime() - cpu).Seconds()
	return out, run, nil
}

// newRun is a run of which only the settings are known.
func (b *indexBench) newRun(d *dataset) *curve.Run {
	return &curve.Run{RawMiB: 4 * float64(d.base.Rows) * float64(d.base.Columns) / mib,
		Lib: b.label(), Version: version, Group: "ours", Folder: d.folder, M: b.m, EfConstruct: b.efConstruct, Threads: b.threads}
}

// label is the name of a run: hnsw, the default, is kith alone.
func (b *indexBench) label() string {
	name := "kith"
	if b.kind != "hnsw" {
		name += "-" + b.kind
	}
	if b.code > 0 {
		name += fmt.Sprintf("-code%d", b.code)
	}
	if b.pca > 0 {
		name += fmt.Sprintf("-pca%d", b.pca)
	}
	if b.rotate && b.kind == "ivf_pq" {
		name += "-rotated"
	}
	if b.inline {
		name += "-inline"
	}
	if b.disk.folder != "" {
		name += "-on-disk"
	}
	return name
}

// empty makes the index without its vectors; nil for flat, where nothing but vectors
// is compared.
func (b *indexBench) empty(vectors *arena.Arena, d *dataset) (index.Dense, error) {
	switch b.kind {
	case "flat":
		if b.pca > 0 {
			return asDense(hnsw.New(vectors, b.graphOptions(d)))
		}
	case "hnsw":
		return asDense(hnsw.New(vectors, b.graphOptions(d)))
	case "ivf_pq":
		return asDense(ivfpq.New(vectors, b.listOptions(d)))
	case "lsh":
		return asDense(lsh.New(vectors, b.hashOptions(d)))
	}
	return nil, nil
}

// reopen reads an index that was saved.
func (b *indexBench) reopen(r io.Reader, vectors *arena.Arena, d *dataset) (x index.Dense, err error) {
	switch b.kind {
	case "hnsw":
		x, _, err = loaded(hnsw.Load(r, vectors, b.graphOptions(d)))
	case "ivf_pq":
		x, _, err = loaded(ivfpq.Load(r, vectors, b.listOptions(d)))
	case "lsh":
		x, _, err = loaded(lsh.Load(r, vectors, b.hashOptions(d)))
	}
	return x, err
}

const indexSeed = 42

func (b *indexBench) graphOptions(d *dataset) hnsw.Options {
	if b.kind == "flat" {
		return hnsw.Options{Dim: d.base.Columns, Metric: d.metric, M: 2, EfConstruct: 1, Loose: true, Scanned: true, Seed: indexSeed}
	}
	return hnsw.Options{Dim: d.base.Columns, Metric: d.metric, M: b.m, EfConstruct: b.efConstruct, Seed: indexSeed}
}

func (b *indexBench) listOptions(d *dataset) ivfpq.Options {
	return ivfpq.Options{Dim: d.base.Columns, Metric: d.metric, Axes: b.pca, Rotate: b.rotate, Seed: indexSeed, Workers: b.threads}
}

func (b *indexBench) hashOptions(d *dataset) lsh.Options {
	return lsh.Options{Dim: d.base.Columns, Metric: d.metric, Seed: indexSeed}
}

// loaded is asDense of what was read.
func loaded[T index.Dense](x T, m index.Meta, err error) (index.Dense, index.Meta, error) {
	dense, err := asDense(x, err)
	return dense, m, err
}

// asDense keeps a nil pointer from becoming an index that is not nil.
func asDense[T index.Dense](x T, err error) (index.Dense, error) {
	if err != nil {
		return nil, err
	}
	return x, nil
}

// noteEvery is after how many vectors a build says how far it is.
const noteEvery = 500_000

// fill trains, guides where codes are asked for, and inserts.
func (b *indexBench) fill(ctx context.Context, x index.Dense, d *dataset, live *index.Set) error {
	if t, ok := x.(index.Trained); ok {
		if err := t.Train(live, index.Pace{Workers: b.threads}); err != nil {
			return err
		}
	}
	if err := b.guide(x, d); err != nil {
		return err
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	start, errs := time.Now(), make([]error, b.threads)
	for t := range b.threads {
		workers.Go(func() {
			for errs[t] == nil && ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= d.base.Rows {
					return
				}
				errs[t] = x.Insert(index.Slot(i))
				if (i+1)%noteEvery == 0 {
					b.note(fmt.Sprintf("%s of %s vectors are in after %.0f s", thousands(i+1), thousands(d.base.Rows), time.Since(start).Seconds()))
				}
			}
		})
	}
	workers.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return err
	}
	return b.settle(x)
}

// guide has inserts and searches go by codes where they are asked for, as a server
// does from its first thousand vectors on.
func (b *indexBench) guide(x index.Dense, d *dataset) error {
	if b.code == 0 && b.pca == 0 {
		return nil
	}
	guided, ok := x.(quant.Guided)
	switch {
	case !ok && b.code > 0:
		return &usageError{fmt.Errorf("--code: %s does not take codes", b.kind)}
	case !ok:
		return nil // its own training looks along the axes
	}
	pace := index.Pace{Workers: b.threads}
	if b.pca > 0 {
		code, err := quant.Train(quant.Options{Kind: quant.Along, Space: index.Space{Metric: d.metric, Datatype: index.Float32}, Dim: d.base.Columns, Axes: b.pca, Seed: indexSeed, Pace: pace}, d.samples())
		if err != nil {
			return fmt.Errorf("--pca: %w", err)
		}
		return guided.Guide(code, pace)
	}
	return guided.Guide(quant.NewAffine(quant.AffineOptions{Metric: d.metric, Dim: d.base.Columns, Bits: b.code, Seed: indexSeed}, d.mean()), pace)
}

// settle does what a server does once it has built what was loaded: it lays codes
// beside the links where that is asked for, and puts lists in order.
func (b *indexBench) settle(x index.Dense) error {
	switch x := x.(type) {
	case *hnsw.Graph:
		if b.inline {
			return x.Inline(true, b.threads)
		}
	case *ivfpq.Index:
		return x.Tidy()
	}
	return nil
}

// samples is some vectors from all over, one after the other: what a server makes its
// codes of.
func (d *dataset) samples() []float32 {
	n := min(d.base.Rows, quant.MaxReducedSamples)
	samples := make([]float32, 0, n*d.base.Columns)
	for i := range n {
		samples = append(samples, d.base.Row(i*d.base.Rows/n)...)
	}
	return samples
}

// mean is the centre of the vectors.
func (d *dataset) mean() []float32 {
	if d.centre != nil {
		return d.centre
	}
	sums := make([]float64, d.base.Columns)
	for i := range d.base.Rows {
		for j, v := range d.base.Row(i) {
			sums[j] += float64(v)
		}
	}
	mean := make([]float32, len(sums))
	for j, s := range sums {
		mean[j] = float32(s / float64(d.base.Rows))
	}
	return mean
}

// processorTime is what this process has used of all processors; 0 where the
// system does not tell.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
