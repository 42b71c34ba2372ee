package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/kith/source"
)

// importFlags say what to load and where.
type importFlags struct {
	remote
	source.Options
	format, collection, distance string
	batch, workers, skip, limit  int
	noWait, green                bool
}

func newImport() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Load points from fbin, fvecs, NDJSON or CSV",
		Long: `Load points from a file, or from standard input when FILE is "-".

  fbin    uint32 rows, uint32 columns, then float32 rows; ids are row numbers
  fvecs   rows of int32 columns, then float32; ids are row numbers
  ndjson  a point per line: {"id": 1, "vector": [0.1, …], "payload": {…}};
          other fields join the payload
  csv     a header; the vector is a column "vector" holding "[0.1, …]", or
          columns vector_0, vector_1, …; other columns become payload

A row without an id takes its number, so that loading a file again changes
nothing. A load that was cut off says how to go on. With --distance the
collection is made when it is missing.`,
		Example: `  kith import words.ndjson --collection words --distance Cosine
  zcat big.csv.gz | kith import - --format csv --collection items --text-column zip`,
		Args: exactArgs(1),
	}
	f.declare(c.Flags())
	fl := c.Flags()
	fl.StringVarP(&f.collection, "collection", "c", "", "`NAME` of the collection (required)")
	fl.StringVar(&f.distance, "distance", "", "make the collection when missing, with Cosine, Dot, Euclid or Manhattan")
	fl.StringVar(&f.format, "format", "", "fbin, fvecs, ndjson or csv; default by the file's name")
	fl.StringVar(&f.VectorName, "vector-name", "", "`NAME` of the collection's vector to fill; default the unnamed one")
	fl.StringVar(&f.VectorField, "vector-field", "vector", "field or column that holds the vector")
	fl.StringVar(&f.IDField, "id-field", "id", "field or column that holds the id")
	fl.Uint64Var(&f.FirstID, "first-id", 0, "id of the first row where ids are row numbers")
	fl.StringSliceVar(&f.TextColumns, "text-column", nil, "CSV `COLUMN` that stays text even where it looks like a number")
	fl.IntVar(&f.batch, "batch", 256, "points per request")
	fl.IntVar(&f.workers, "workers", 4, "requests at once")
	fl.IntVar(&f.skip, "skip", 0, "rows to leave out at the front: goes on with a load that was cut off")
	fl.IntVar(&f.limit, "limit", 0, "rows to load; 0 loads all")
	fl.BoolVar(&f.noWait, "no-wait", false, "answer batches when durable, before queries see them")
	fl.BoolVar(&f.green, "green", false, "wait at the end until everything is indexed")
	c.RunE = func(c *cobra.Command, args []string) error { return f.run(c, args[0]) }
	return c
}

func (f *importFlags) check(file string) error {
	switch {
	case f.collection == "":
		return &usageError{errors.New("say which collection: --collection NAME")}
	case f.batch < 1 || f.workers < 1:
		return &usageError{errors.New("--batch and --workers: use 1 or more")}
	case f.skip < 0 || f.limit < 0:
		return &usageError{errors.New("--skip and --limit: use 0 or more")}
	}
	if f.format == "" {
		guess, err := source.Guess(file)
		if err != nil {
			return &usageError{err}
		}
		f.Format = guess
		return nil
	}
	for _, known := range source.Formats() {
		if string(known) == f.format {
			f.Format = known
			return nil
		}
	}
	return &usageError{fmt.Errorf("--format %q: use fbin, fvecs, ndjson or csv", f.format)}
}

func (f *importFlags) run(c *cobra.Command, file string) error {
	if err := f.check(file); err != nil {
		return err
	}
	kith, err := f.dial()
	if err != nil {
		return err
	}
	in, err := openInput(c, file)
	if err != nil {
		return err
	}
	defer in.Close()
	start := time.Now()
	bar := newProgress(c.ErrOrStderr(), "import")
	done, err := f.load(c.Context(), kith, in, bar)
	bar.done()
	if err != nil {
		return fmt.Errorf("%w\nthe first %s rows are stored; go on with --skip %d", err, thousands(f.skip+done.Prefix), f.skip+done.Prefix)
	}
	took := time.Since(start)
	if f.green {
		if err := kith.WaitGreen(c.Context(), f.collection, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return f.report(c, done.Stored, took)
}

func (f *importFlags) report(c *cobra.Command, points int, took time.Duration) error {
	if f.output == "json" {
		return printJSON(c.OutOrStdout(), map[string]any{"collection": f.collection, "points": points,
			"seconds": took.Seconds(), "points_per_second": rate(points, took)})
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s points in %s, %s/s\n", thousands(points),
		took.Round(time.Millisecond), thousands(rate(points, took)))
	return err
}

// load sends the rows; the progress holds even when it fails.
func (f *importFlags) load(ctx context.Context, kith *client.Client, in *input, bar *progress) (client.UploadProgress, error) {
	up := kith.NewUploader(ctx, client.UploadOptions{Collection: f.collection, Batch: f.batch, Workers: f.workers,
		Durability: client.Durability(!f.noWait),
		Progress:   func(p client.UploadProgress) { bar.set(in.share(), p.Stored) }})
	err := f.feed(ctx, kith, in, up)
	done, uploadErr := up.Close()
	if err == nil {
		err = uploadErr
	}
	return done, err
}

func (f *importFlags) feed(ctx context.Context, kith *client.Client, in io.Reader, up *client.Uploader) error {
	row := 0
	for p, err := range source.Points(in, f.Options) {
		if err != nil {
			return err
		}
		if row == 0 {
			if err := f.ensure(ctx, kith, p.Vectors); err != nil {
				return err
			}
		}
		if row++; row <= f.skip {
			continue
		}
		if err := up.Add(p); err != nil {
			return err
		}
		if f.limit > 0 && row == f.skip+f.limit {
			return nil
		}
	}
	return nil
}

// ensure makes the collection in the shape of the first row, when it was asked to.
func (f *importFlags) ensure(ctx context.Context, kith *client.Client, like client.Vectors) error {
	exists, err := kith.CollectionExists(ctx, f.collection)
	if err != nil || exists {
		return err
	}
	if f.distance == "" {
		return fmt.Errorf("there is no collection %q: let it be made with --distance Cosine", f.collection)
	}
	shape := client.VectorConfig{}
	for name, v := range like {
		shape[name] = api.VectorParams{Size: len(v), Distance: api.Distance(f.distance)}
	}
	return kith.CreateCollection(ctx, f.collection, client.CollectionSpec{Vectors: shape})
}

// input counts what is read, for the progress bar.
type input struct {
	io.ReadCloser
	size int64 // bytes; 0 unknown
	read atomic.Int64
}

func openInput(c *cobra.Command, name string) (*input, error) {
	if name == "-" {
		return &input{ReadCloser: io.NopCloser(c.InOrStdin())}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s is a folder", strings.TrimRight(name, "/")), f.Close())
	}
	return &input{ReadCloser: f, size: info.Size()}, nil
}

// Read counts.
func (i *input) Read(b []byte) (int, error) {
	n, err := i.ReadCloser.Read(b)
	i.read.Add(int64(n))
	return n, err
}

// share is how much is read, in [0, 1]; −1 unknown.
func (i *input) share() float64 {
	if i.size == 0 {
		return -1
	}
	return float64(i.read.Load()) / float64(i.size)
}
