package shard

import (
	"fmt"
	"io"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/ivfpq"
	"github.com/kithdb/kith/index/lsh"
	"github.com/kithdb/kith/storage/schema"
)

// recipe is what an index was made by: another recipe is another index.
type recipe struct {
	kind           schema.Index
	m, efConstruct int // of a graph
}

// recipe is the one that the settings ask for.
func (f *fieldState) recipe() recipe {
	r := recipe{kind: f.kind}
	r.kind.Probes = 0 // it may change on a living index
	if f.kind.Type != schema.Listed {
		r.kind.PCA = 0 // another code
	}
	if f.kind.Type == schema.Graph {
		r.m, r.efConstruct = f.settings.M, f.settings.EfConstruct
	}
	return r
}

// madeBy is what an index that was loaded was made by: a graph may be one of the
// settings before.
func (f *fieldState) madeBy(x index.Dense) recipe {
	r := f.recipe()
	if g, ok := x.(*hnsw.Graph); ok && f.kind.Type == schema.Graph && !g.Loose() {
		r.m, r.efConstruct = g.Shape()
	}
	return r
}

// open makes an empty index over the field's rows, which are pinned; it trains
// with so many workers.
func (f *fieldState) open(workers int) (index.Dense, error) {
	switch f.kind.Type {
	case schema.Graph, schema.Flat:
		return hnsw.New(f.rows, f.graphOptions())
	case schema.Hashed:
		return lsh.New(f.rows, f.hashOptions())
	case schema.Listed:
		return ivfpq.New(f.rows, f.listOptions(workers))
	}
	return nil, f.unknown()
}

func (f *fieldState) unknown() error {
	return fmt.Errorf("vector %q: this build has no index of type %q", f.conf.Name, f.kind.Type)
}

// load reads an index from its checkpoint.
func (f *fieldState) load(r io.Reader, asSaved bool) (index.Dense, index.Meta, error) {
	switch f.kind.Type {
	case schema.Graph, schema.Flat:
		o := f.graphOptions()
		o.AsSaved = asSaved
		return loaded(hnsw.Load(r, f.rows, o))
	case schema.Hashed:
		return loaded(lsh.Load(r, f.rows, f.hashOptions()))
	case schema.Listed:
		return loaded(ivfpq.Load(r, f.rows, f.listOptions(1)))
	}
	return nil, index.Meta{}, f.unknown()
}

// loaded keeps a nil of a type from becoming an index.
func loaded[T index.Dense](x T, m index.Meta, err error) (index.Dense, index.Meta, error) {
	if err != nil {
		return nil, m, err
	}
	return x, m, nil
}

func (f *fieldState) hashOptions() lsh.Options {
	return lsh.Options{Dim: f.conf.Size, Metric: f.conf.Metric, Datatype: f.conf.Datatype, Tables: f.kind.Tables, Bits: f.kind.Bits, Seed: uint64(f.number) + 1}
}

func (f *fieldState) listOptions(workers int) ivfpq.Options {
	return ivfpq.Options{
		Dim: f.conf.Size, Metric: f.conf.Metric, Datatype: f.conf.Datatype, Lists: f.kind.Lists, Probes: f.kind.Probes,
		CodeBytes: f.kind.Code, Axes: f.kind.PCA, Rotate: f.kind.Rotate, Seed: uint64(f.number) + 1, Workers: workers,
	}
}

// adjust passes on what may change without another index.
func (f *fieldState) adjust(x index.Dense) {
	if lists, ok := x.(*ivfpq.Index); ok {
		lists.Probe(f.kind.Probes)
	}
}

func (f *fieldState) graphOptions() hnsw.Options {
	o := hnsw.Options{Dim: f.conf.Size, Metric: f.conf.Metric, Datatype: f.conf.Datatype, M: f.settings.M, EfConstruct: f.settings.EfConstruct, Seed: uint64(f.number) + 1}
	switch {
	case f.kind.Type == schema.Flat: // nodes are places of codes
		o.M, o.EfConstruct, o.Loose, o.Scanned = 2, 1, true, true
	case o.M == 0:
		o.M, o.Loose = f.settings.TreeM(), true
	}
	return o
}
