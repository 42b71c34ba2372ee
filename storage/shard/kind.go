package shard

import (
	"io"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
)

// recipe is what an index was made by: another recipe is another index.
type recipe struct {
	m, efConstruct int
}

// recipe is the one that the settings ask for.
func (f *fieldState) recipe() recipe {
	return recipe{m: f.settings.M, efConstruct: f.settings.EfConstruct}
}

// open makes an empty index over the field's rows, which are pinned.
func (f *fieldState) open() (index.Dense, error) {
	return hnsw.New(f.rows, f.graphOptions())
}

// load reads an index from its checkpoint.
func (f *fieldState) load(r io.Reader) (index.Dense, index.Meta, error) {
	g, meta, err := hnsw.Load(r, f.rows, f.graphOptions())
	if err != nil { // no typed nil
		return nil, meta, err
	}
	return g, meta, nil
}

func (f *fieldState) graphOptions() hnsw.Options {
	return hnsw.Options{Dim: f.conf.Size, Metric: f.conf.Metric, Datatype: f.conf.Datatype, M: f.settings.M, EfConstruct: f.settings.EfConstruct, Seed: uint64(f.number) + 1}
}
