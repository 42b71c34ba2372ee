package corpus

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index/simd"
	"github.com/kithdb/kith/tools/kith/source"
)

// The generator's world: a mixture of Gaussians in few latent dimensions, seen
// through a fixed random network of two layers, with a little noise. So the
// vectors are clustered and their intrinsic dimension is that of real embeddings.
const (
	seed     = 42
	latent   = 24
	hidden   = 256
	clusters = 1000
	spread   = 0.7
	noise    = 0.02
	// stretch is the rows that one seed makes, whatever the number of cores.
	stretch = 4096
)

// generated is the folder of a generated data set, made on the first call.
func generated(ctx context.Context, o *Options) (string, error) {
	s, err := shape(o.Generate)
	if err != nil {
		return "", err
	}
	if o.Cache == "" {
		return "", errors.New("--gen needs a folder to keep what it makes: give --cache FOLDER")
	}
	folder := filepath.Join(o.Cache, fmt.Sprintf("gen-%s-%d", rows(s.Rows), s.Columns))
	if _, err := os.Stat(filepath.Join(folder, "meta.json")); !errors.Is(err, fs.ErrNotExist) {
		return folder, err
	}
	o.Note(fmt.Sprintf("generating %d vectors of %d dimensions in %s", s.Rows, s.Columns, folder))
	return folder, Generate(ctx, folder, s)
}

// rows is a number of rows in a name.
func rows(n int) string {
	if n%1000 == 0 {
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

// shape reads 1000000x128.
func shape(text string) (source.Shape, error) {
	var s source.Shape
	var rest string
	n, _ := fmt.Sscanf(text+" .", "%dx%d %s", &s.Rows, &s.Columns, &rest)
	if n != 3 || rest != "." || s.Rows < Neighbours || s.Columns < 1 || s.Columns > source.MaxDim || int64(s.Rows) > math.MaxUint32 {
		return s, fmt.Errorf("--gen %q: use ROWSxDIMENSIONS such as 1000000x128, of %d rows and more and 1 to %d dimensions", text, Neighbours, source.MaxDim)
	}
	return s, nil
}

// Generate writes a folder of base.fbin, query.fbin and meta.json. The same shape
// gives the same vectors, up to the rounding of the kernels in use. Its files are
// there whole or not at all: meta.json comes last.
func Generate(ctx context.Context, folder string, s source.Shape) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	w := newWorld(s.Columns)
	queries := &source.Matrix[float32]{Rows: heldOut, Columns: s.Columns, Cells: make([]float32, heldOut*s.Columns)}
	w.fill(queries.Cells, math.MaxUint64) // a seed that no stretch of the base has
	if err := source.SaveMatrix(filepath.Join(folder, "query.fbin"), queries); err != nil {
		return err
	}
	if err := w.write(ctx, filepath.Join(folder, "base.fbin"), s); err != nil {
		return err
	}
	meta, err := json.Marshal(map[string]any{"name": filepath.Base(folder), "metric": "euclidean", "rows": s.Rows, "dim": s.Columns, "queries": heldOut})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "meta.json"), meta, 0o644)
}

// world is the fixed part of the generator.
type world struct {
	dim     int
	centres []float32 // clusters x latent
	first   []float32 // hidden x latent
	second  []float32 // dim x hidden
}

func newWorld(dim int) *world {
	rng := rand.New(rand.NewPCG(seed, uint64(dim)))
	normal := func(n int, scale float64) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(scale * rng.NormFloat64())
		}
		return v
	}
	return &world{dim: dim, centres: normal(clusters*latent, 1), first: normal(hidden*latent, 1/math.Sqrt(latent)), second: normal(dim*hidden, 1/math.Sqrt(hidden))}
}

// write makes the base, its stretches side by side on all cores.
func (w *world) write(ctx context.Context, path string, s source.Shape) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := source.WriteHeader(f, s); err != nil {
		return err
	}
	var next atomic.Int64
	var makers sync.WaitGroup
	faults := make([]error, runtime.GOMAXPROCS(0))
	for m := range faults {
		makers.Go(func() {
			cells, raw := make([]float32, stretch*s.Columns), []byte(nil)
			for faults[m] == nil {
				number := int(next.Add(1)) - 1
				from := number * stretch
				if from >= s.Rows {
					return
				}
				part := cells[:min(stretch, s.Rows-from)*s.Columns]
				w.fill(part, uint64(number))
				if raw, faults[m] = binary.Append(raw[:0], binary.LittleEndian, part); faults[m] == nil {
					_, err := f.WriteAt(raw, source.CellAt(from*s.Columns))
					faults[m] = errors.Join(ctx.Err(), err)
				}
			}
		})
	}
	makers.Wait()
	return errors.Join(faults...)
}

// fill makes rows of a seed of their own.
func (w *world) fill(cells []float32, number uint64) {
	rng := rand.New(rand.NewPCG(seed, number))
	z, h, negated := make([]float32, latent), make([]float32, hidden), make([]float32, max(hidden, w.dim))
	for len(cells) > 0 {
		row := cells[:w.dim]
		cells = cells[w.dim:]
		centre := w.centres[rng.IntN(clusters)*latent:][:latent]
		for i := range z {
			z[i] = centre[i] + float32(spread*rng.NormFloat64())
		}
		product(z, w.first, negated[:hidden])
		for i := range h {
			h[i] = float32(math.Tanh(float64(negated[i]))) // the second product turns the sign back
		}
		product(h, w.second, negated[:w.dim])
		for i := range row {
			row[i] = negated[i] + float32(noise*rng.NormFloat64())
		}
	}
}

// product is the negated products of a vector with the rows of a matrix.
func product(v, rows, out []float32) {
	var ids [256]uint32
	for at := 0; at < len(out); at += len(ids) {
		part := ids[:min(len(ids), len(out)-at)]
		for i := range part {
			part[i] = uint32(at + i)
		}
		simd.NegDotRows(v, unsafe.Pointer(unsafe.SliceData(rows)), 4*len(v), part, out[at:])
	}
}
