package corpus

import (
	"errors"
	"fmt"

	"github.com/kithdb/kith/tools/kith/hdf5"
	"github.com/kithdb/kith/tools/kith/source"
)

// hdf5 reads a file in the layout of ann-benchmarks: train, test, neighbors, and
// the metric as the attribute distance.
func (o *Options) hdf5(path string) (_ *Set, err error) {
	f, err := hdf5.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s := &Set{files: []string{path}}
	if name, ok := f.Text("distance"); ok && o.Metric == 0 {
		if s.Metric, err = metric(name); err != nil {
			return nil, fmt.Errorf("%s: attribute distance: %w", path, err)
		}
	}
	if s.Base, err = floats(f, "train", o.Limit); err == nil {
		s.Query, err = floats(f, "test", 0)
	}
	if err == nil && o.Limit == 0 {
		s.Truth, err = neighbours(f)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if o.Metric != 0 { // the file's neighbours are those of its own metric
		if name, ok := f.Text("distance"); ok {
			s.Metric, _ = metric(name) // an unknown one is another one
		}
	}
	return s, nil
}

func floats(f *hdf5.File, name string, limit int) (*source.Matrix[float32], error) {
	d, shape, err := table(f, name)
	if err != nil {
		return nil, err
	}
	if limit > 0 {
		shape.Rows = min(shape.Rows, limit)
	}
	return source.ReadMatrix[float32](d.Floats(), shape)
}

// neighbours are the true ones; nil where the file has none.
func neighbours(f *hdf5.File) (*source.Matrix[int32], error) {
	if !has(f, "neighbors") {
		return nil, nil
	}
	d, shape, err := table(f, "neighbors")
	if err != nil {
		return nil, err
	}
	return source.ReadMatrix[int32](d.Ints(), shape)
}

func has(f *hdf5.File, name string) bool {
	for _, n := range f.Names() {
		if n == name {
			return true
		}
	}
	return false
}

// table is a data set of rows and columns.
func table(f *hdf5.File, name string) (*hdf5.Dataset, source.Shape, error) {
	d, err := f.Dataset(name)
	if err != nil {
		return nil, source.Shape{}, err
	}
	if len(d.Dims) != 2 || d.Dims[1] < 1 || d.Dims[1] > source.MaxDim {
		return nil, source.Shape{}, fmt.Errorf("data set %q has the extents %v: rows and 1 to %d columns are read", name, d.Dims, source.MaxDim)
	}
	return d, source.Shape{Rows: d.Dims[0], Columns: d.Dims[1]}, nil
}
