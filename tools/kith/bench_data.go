package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/tools/kith/corpus"
	"github.com/kithdb/kith/tools/kith/source"
)

// dataset is what is searched, what is asked, and what is true.
type dataset struct {
	folder string
	metric index.Metric
	base   *source.Matrix[float32]
	query  *source.Matrix[float32]
	truth  *source.Matrix[int32]
	centre []float32 // of the vectors; nil: mean finds it
}

// loadDataset reads a folder with a truth of its own, or computes it each time.
func loadDataset(folder string) (*dataset, error) {
	return newDataset(corpus.Load(context.Background(), corpus.Options{Path: folder, Depth: recallAt}))
}

func newDataset(s *corpus.Set, err error) (*dataset, error) {
	if err != nil {
		return nil, err
	}
	return &dataset{folder: s.Folder, metric: s.Metric, base: s.Base, query: s.Query, truth: s.Truth}, nil
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

// dataFlags say which data are measured.
type dataFlags struct {
	data    string
	gen     string
	queries string
	truth   string
	metric  string
	limit   int
	cache   string
	room    source.Room[float32] // nil: the base lies on the heap
	note    func(string)         // says on the error stream what takes time; set by load
}

func (d *dataFlags) declare(f *pflag.FlagSet) {
	f.StringVar(&d.data, "data", "", "`FOLDER` or file (.hdf5, .fbin, .fvecs) of the data set; this or --gen")
	f.StringVar(&d.gen, "gen", "", "measure generated vectors, `ROWSxDIMENSIONS` as in 1000000x128; made once and kept in --cache")
	f.StringVar(&d.queries, "queries", "", "`FILE` of queries (.fbin, .fvecs) beside a --data that is a file of vectors; default its last rows")
	f.StringVar(&d.truth, "truth", "", "`FILE` of true neighbours (.ibin, .ivecs) of the --queries; default computed")
	f.StringVar(&d.metric, "metric", "", "`METRIC` where the data do not say, or another one: cosine, dot, euclidean, manhattan")
	f.IntVar(&d.limit, "limit", 0, "measure the first `N` vectors alone; 0 all")
	f.StringVar(&d.cache, "cache", "", "`FOLDER` for computed truth and generated vectors; default kith-bench in the user's cache")
}

func (d *dataFlags) check() error {
	_, known := corpus.Metrics()[d.metric]
	switch {
	case (d.data == "") == (d.gen == ""):
		return &usageError{errors.New("name what to measure: --data FOLDER or FILE, or --gen 1000000x128")}
	case d.metric != "" && !known:
		return &usageError{fmt.Errorf("--metric %q: use cosine, dot, euclidean or manhattan", d.metric)}
	case d.limit < 0:
		return &usageError{fmt.Errorf("--limit %d: use 0 or more", d.limit)}
	case d.truth != "" && d.queries == "":
		return &usageError{errors.New("--truth goes with --queries: it holds the neighbours of those")}
	}
	return nil
}

// load reads the data, and says on the error stream what takes time.
func (d *dataFlags) load(c *cobra.Command) (*dataset, error) {
	cache := d.cache
	if user, err := os.UserCacheDir(); err == nil {
		cache = cmp.Or(cache, filepath.Join(user, "kith-bench"))
	}
	d.note = func(text string) { fmt.Fprintln(c.ErrOrStderr(), "kith bench:", text) }
	o := corpus.Options{Path: d.data, Generate: d.gen, Queries: d.queries, Truth: d.truth, Metric: corpus.Metrics()[d.metric], Limit: d.limit,
		Depth: recallAt, Cache: cache, Room: d.room, Note: d.note}
	return newDataset(corpus.Load(c.Context(), o))
}
