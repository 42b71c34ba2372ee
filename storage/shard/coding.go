package shard

import (
	"fmt"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/storage/schema"
)

// coding is which code a field's searches go by: another coding is another code.
// The zero value is none.
type coding struct {
	axes  int                 // of a reduced space; it goes before what else is asked for
	asked schema.Quantization // it goes before the default
	bits  int                 // of a rotated dimension: the default
}

// String is the coding in the file of its code.
func (c coding) String() string {
	switch {
	case c.axes > 0:
		return fmt.Sprintf("pca %d", c.axes)
	case c.asked.Kind != "":
		return fmt.Sprintf("%s %s %s %v", c.asked.Kind, c.asked.Form, c.asked.Query, c.asked.Quantile)
	}
	return fmt.Sprintf("rotated %d", c.bits)
}

const (
	// defaultBits is what a graph's walks go by when nobody asks for anything: on
	// GloVe and Fashion-MNIST 4 bits find as much as 8 at the same ef, in half of
	// the memory (index/hnsw/DESIGN.md).
	defaultBits = 4
	// leastCoded is the dimensions below which a vector is hardly longer than its
	// code.
	leastCoded = 48
)

// coding is the one that the settings ask for.
func (f *fieldState) coding() coding {
	switch {
	case f.kind.Type == schema.Listed: // its codes are its own
		return coding{}
	case f.kind.PCA > 0:
		return coding{axes: f.kind.PCA}
	case f.quantization.Kind == schema.Disabled:
		return coding{}
	case f.quantization.Kind != "":
		return coding{asked: f.quantization}
	case f.kind.Type != schema.Graph || f.conf.Size < leastCoded:
		return coding{}
	case f.conf.Metric == index.Manhattan || f.conf.Datatype == index.Uint8:
		return coding{}
	}
	return coding{bits: defaultBits}
}

// train makes a code of samples; index.ErrStopped when the pace says so.
func (f *fieldState) train(samples []float32, p index.Pace) (quant.Code, error) {
	c, seed := f.coding(), uint64(f.number)+1
	switch {
	case c.axes > 0:
		return quant.Train(quant.Options{Kind: quant.Along, Space: f.conf.Space(), Dim: f.conf.Size, Axes: c.axes, Seed: seed, Pace: p}, samples)
	case c.asked.Kind == "":
		return quant.NewAffine(quant.AffineOptions{Metric: f.conf.Metric, Dim: f.conf.Size, Bits: c.bits, Seed: seed}, quant.Mean(samples, f.conf.Size)), nil
	}
	o := quant.Named(c.asked.Kind, c.asked.Form, c.asked.Query)
	o.Quantile, o.Space, o.Dim, o.Seed, o.Pace = c.asked.Quantile, f.conf.Space(), f.conf.Size, seed, p
	return quant.Train(o, samples)
}

// suits says whether a code is of the field's vectors.
func (f *fieldState) suits(code quant.Code) bool {
	return quant.Suits(code, f.conf.Space(), f.conf.Size)
}
