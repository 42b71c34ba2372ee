// Package corpus loads what a similarity benchmark is measured on: vectors to
// search, queries held out of them, and the true neighbours of each query. They
// come from a folder, an HDF5 file of ann-benchmarks, a file of vectors, or a
// generator; truth that is missing is computed exactly and kept.
//
// Who calls: kith bench. It calls index/flat and index/simd for the truth, source
// and hdf5 for the files. It writes only below its cache folder.
package corpus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/tools/kith/source"
)

// Neighbours is how many true neighbours of a query are computed and kept.
const Neighbours = 100

// heldOut is how many rows become queries where a file brings none.
const heldOut = 1000

// Options says where the data lie. Path or Generate is needed, not both.
type Options struct {
	Path     string       // a folder, or a file: .hdf5, .h5, .fbin, .fvecs
	Generate string       // rows x dimensions, as in 1000000x128
	Queries  string       // file of queries, beside a Path that is a file of vectors
	Truth    string       // file of their true neighbours, likewise
	Metric   index.Metric // 0: as the data say
	Limit    int          // rows of the base, the first ones; 0 takes all
	Depth    int          // true neighbours that are needed of each query
	Cache    string       // folder of what is computed or generated
	Note     func(string) // told what takes time; nil tells nobody
	// Room gives the base its place, where that is a file of vectors; nil: the heap.
	// Those that it holds from an earlier time are taken to be the base's, as the
	// metric wants them.
	Room source.Room[float32]
}

// Set is a loaded data set. Vectors are normalised where the metric is Cosine.
//
// Concurrency: it never changes; any number of goroutines.
type Set struct {
	Name   string
	Folder string // where it lies, as it was asked for
	Metric index.Metric
	Base   *source.Matrix[float32]
	Query  *source.Matrix[float32]
	Truth  *source.Matrix[int32] // row numbers of the base, nearest first

	files []string // what it was read from: the cache's key
	held  bool     // the base was where it was to be, as the metric wants it
}

// Metrics are the metrics by their names in data sets.
func Metrics() map[string]index.Metric {
	return map[string]index.Metric{"cosine": index.Cosine, "angular": index.Cosine, "dot": index.Dot, "ip": index.Dot,
		"euclidean": index.Euclid, "l2": index.Euclid, "manhattan": index.Manhattan}
}

func metric(name string) (index.Metric, error) {
	if m := Metrics()[strings.ToLower(name)]; m != 0 {
		return m, nil
	}
	return 0, fmt.Errorf("unknown metric %q: use cosine, dot, euclidean or manhattan", name)
}

// Load reads a data set and completes its truth. ctx ends what is computed.
func Load(ctx context.Context, o Options) (*Set, error) {
	if o.Note == nil {
		o.Note = func(string) {}
	}
	s, err := o.read(ctx)
	if err != nil {
		return nil, err
	}
	if o.Metric != 0 && o.Metric != s.Metric {
		if s.Metric != 0 {
			s.Truth = nil // it is of the data's own metric
		}
		s.Metric = o.Metric
	}
	if s.Metric == 0 {
		return nil, fmt.Errorf("%s does not tell its metric: give --metric cosine, dot, euclidean or manhattan", s.Folder)
	}
	if err := s.check(o.Depth); err != nil {
		return nil, err
	}
	if s.Metric == index.Cosine {
		if !s.held {
			normalise(s.Base)
		}
		normalise(s.Query)
	}
	if s.Truth == nil {
		return s, s.complete(ctx, &o)
	}
	return s, nil
}

// read reads whatever kind of data it is.
func (o *Options) read(ctx context.Context) (*Set, error) {
	path := o.Path
	if o.Generate != "" {
		var err error
		if path, err = generated(ctx, o); err != nil {
			return nil, err
		}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: no such file or folder: --data names one", path)
	case err != nil:
		return nil, err
	case info.IsDir():
		return o.folder(path)
	}
	s, err := o.file(path)
	if err != nil {
		return nil, err
	}
	s.Name, s.Folder = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), path
	return s, nil
}

func (o *Options) file(path string) (*Set, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".hdf5", ".h5":
		return o.hdf5(path)
	case ".fbin", ".fvecs":
		return o.vectors(path)
	default:
		return nil, fmt.Errorf("%s: the name does not tell the format: use a folder, .hdf5, .fbin or .fvecs", path)
	}
}

// folder reads base, queries, truth and metric from files of a folder, by the
// names of Kith's own data sets or by those of the TEXMEX ones.
func (o *Options) folder(path string) (*Set, error) {
	s := &Set{Name: filepath.Base(filepath.Clean(path)), Folder: path}
	if err := s.readMeta(filepath.Join(path, "meta.json")); err != nil {
		return nil, err
	}
	base, errBase := one(path, "base.fbin", "*base.fvecs")
	query, errQuery := one(path, "query.fbin", "*query.fvecs")
	if err := errors.Join(errBase, errQuery); err != nil {
		return nil, err
	}
	if err := s.load(o, base, query); err != nil {
		return nil, err
	}
	truth, err := one(path, "gt.ibin", "*groundtruth.ivecs")
	if err != nil {
		return s, nil // it is computed
	}
	return s, s.loadTruth(o, truth)
}

// one is the only file of a folder with one of these names.
func one(folder string, patterns ...string) (string, error) {
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(escaped(folder), p))
		if err != nil {
			return "", err
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("%s holds no %s", folder, strings.Join(patterns, " or "))
}

// escaped is a folder's name that Glob takes as it is.
func escaped(folder string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(folder)
}

func (s *Set) readMeta(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var meta struct{ Metric string }
	if err := json.Unmarshal(text, &meta); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if s.Metric, err = metric(meta.Metric); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (s *Set) load(o *Options, base, query string) error {
	var err error
	if s.Base, err = s.rows(o, base); err != nil {
		return err
	}
	s.files = append(s.files, base, query)
	s.Query, err = source.LoadMatrix[float32](query)
	return err
}

// rows reads the base.
func (s *Set) rows(o *Options, path string) (*source.Matrix[float32], error) {
	if o.Room == nil {
		return source.LoadRows[float32](path, o.Limit)
	}
	return source.LoadInto(path, o.Limit, func(shape source.Shape) (cells []float32, held bool, err error) {
		cells, s.held, err = o.Room(shape)
		return cells, s.held, err
	})
}

// loadTruth reads the truth, if it is of all rows.
func (s *Set) loadTruth(o *Options, path string) (err error) {
	if o.Limit > 0 {
		return nil
	}
	s.Truth, err = source.LoadMatrix[int32](path)
	return err
}

// vectors reads a file of vectors. Without a file of queries, rows at its end
// are taken out of it for that.
func (o *Options) vectors(path string) (*Set, error) {
	s := &Set{}
	if o.Queries != "" {
		if err := s.load(o, path, o.Queries); err != nil {
			return nil, err
		}
		if o.Truth == "" {
			return s, nil
		}
		return s, s.loadTruth(o, o.Truth)
	}
	all, err := s.rows(o, path)
	if err != nil {
		return nil, err
	}
	n := min(heldOut, all.Rows/10)
	if n == 0 {
		return nil, fmt.Errorf("%s: %d rows are too few to hold queries out: give them with --queries FILE", path, all.Rows)
	}
	o.Note(fmt.Sprintf("the last %d rows of %s are its queries", n, path))
	s.files = append(s.files, path)
	s.Base, s.Query = all.Slice(0, all.Rows-n), all.Slice(all.Rows-n, all.Rows)
	if o.Room != nil { // whose memory comes and goes
		s.Query.Cells = slices.Clone(s.Query.Cells)
	}
	return s, nil
}

// check holds the parts against each other.
func (s *Set) check(depth int) error {
	switch {
	case s.Base.Rows == 0 || s.Query.Rows == 0:
		return fmt.Errorf("%s: %d vectors and %d queries: both are needed", s.Folder, s.Base.Rows, s.Query.Rows)
	case s.Query.Columns != s.Base.Columns:
		return fmt.Errorf("%s: the vectors have %d dimensions, the queries %d: they must be equal", s.Folder, s.Base.Columns, s.Query.Columns)
	case s.Base.Rows < depth:
		return fmt.Errorf("%s: %d vectors: recall at %d needs as many", s.Folder, s.Base.Rows, depth)
	}
	if s.Truth == nil {
		return nil
	}
	if s.Truth.Rows != s.Query.Rows {
		return fmt.Errorf("%s: true neighbours of %d queries, there are %d queries: take the file of neighbours away and they are computed", s.Folder, s.Truth.Rows, s.Query.Rows)
	}
	if s.Truth.Columns < depth {
		return fmt.Errorf("%s: %d true neighbours a query, recall needs %d: take the file of neighbours away and they are computed", s.Folder, s.Truth.Columns, depth)
	}
	if i := slices.IndexFunc(s.Truth.Cells, func(id int32) bool { return id < 0 || int(id) >= s.Base.Rows }); i >= 0 {
		return fmt.Errorf("%s: query %d has the true neighbour %d, there are %d vectors: take the file of neighbours away and they are computed", s.Folder, i/s.Truth.Columns, s.Truth.Cells[i], s.Base.Rows)
	}
	return nil
}

// normalise gives rows length 1; those of length 0 stay.
func normalise(m *source.Matrix[float32]) {
	const off = 1e-4 // what rounding leaves of a row that was normalised before
	for i := range m.Rows {
		row, sum := m.Row(i), 0.0
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		if sum == 0 || math.Abs(sum-1) < off {
			continue
		}
		scale := float32(1 / math.Sqrt(sum))
		for j := range row {
			row[j] *= scale
		}
	}
}
