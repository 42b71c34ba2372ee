package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/storage/bulk"
	"github.com/kithdb/kith/tools/kith/curve"
	"github.com/kithdb/kith/tools/kith/source"
)

// diskFlags say that vectors lie in a file, as a server's on_disk has them.
type diskFlags struct {
	folder string  // "": in memory
	cached float64 // of the file's pages; 1 leaves them to the system
}

func (d *diskFlags) declare(f *pflag.FlagSet) {
	f.StringVar(&d.folder, "on-disk", "", "map the vectors from a file in `FOLDER`, as on_disk does, and measure a restart, too")
	f.Float64Var(&d.cached, "cached", 1, "with --on-disk: the `SHARE` of the file that is in memory when queries begin; 1 leaves it to the system")
}

// The files of --on-disk.
const (
	diskRows  = "bench.*.rows"
	diskIndex = "bench.index"
)

func (b *indexBench) checkDisk() error {
	wrong := func(text string) error { return &usageError{errors.New(text)} }
	switch d := &b.disk; {
	case d.folder == "" && d.cached != 1:
		return wrong("--cached is a share of the file of --on-disk: give that, too")
	case d.folder == "":
		return nil
	case !(d.cached >= 0 && d.cached <= 1):
		return wrong(fmt.Sprintf("--cached %v: a share is 0 to 1", d.cached))
	case b.server.url != "":
		return wrong("--on-disk is of an index in this process: a server's collection has its own settings")
	case b.kind == "flat" || strings.Contains(b.kind, ","):
		return wrong("--on-disk measures one --index: hnsw, ivf_pq or lsh")
	case b.inline:
		return wrong("--inline is laid anew at each start: measure it without --on-disk")
	}
	return nil
}

// diskBench is an index whose vectors lie in a file. It is built, saved, closed
// and opened again, and the opened one is asked.
type diskBench struct {
	*indexBench
	d       *dataset
	vectors *arena.Arena // nil between Close and open
	dense   index.Dense  // likewise
	rows    int
	path    string // of the file of rows
	saved   bool   // the files are worth keeping
}

type diskLine struct {
	Lib     string  `json:"lib"`
	Stage   string  `json:"stage"` // save; warm, cold: a start with its files in memory, without; queries
	Seconds float64 `json:"seconds,omitempty"`
	DiskMiB float64 `json:"disk_mib,omitempty"`
	AnonMiB float64 `json:"anonymous_mib,omitempty"` // resident, without pages of files
	RSSMiB  float64 `json:"resident_mib,omitempty"`
	// Cached is the share of the vectors' file that is in memory when queries begin.
	Cached *float64 `json:"cached,omitempty"`
}

// runDisk measures an index over vectors in a file.
func (b *indexBench) runDisk(c *cobra.Command) (err error) {
	x := &diskBench{indexBench: b}
	defer func() { err = errors.Join(err, x.leave()) }()
	b.room = x.room
	if x.d, err = b.load(c); err != nil {
		return err
	}
	if x.vectors == nil {
		return &usageError{errors.New("--on-disk: give a folder or a file of vectors, fbin or fvecs")}
	}
	if !b.server.reuse {
		x.d.centre = quant.Mean(x.d.samples(), x.d.base.Columns)
	}
	x.d.base.Cells = nil // the arena's, which is opened anew
	run := b.newRun(x.d)
	if !b.server.reuse {
		if err := x.build(c, run); err != nil {
			return err
		}
	}
	if err := x.restart(c, run); err != nil {
		return err
	}
	kept, err := keptPages(x.vectors.Rows(), b.disk.cached)
	if err != nil {
		return err
	}
	defer kept.close()
	if err := x.say(c, kept); err != nil {
		return err
	}
	if err := b.sweepOver(c, run, &trial{x: x.dense, d: x.d, ready: kept.drop}); err != nil {
		return err
	}
	if kept.fault != nil {
		return kept.fault
	}
	return b.write(&curve.Report{Machine: machine(), When: time.Now().UTC().Format(time.RFC3339), Runs: []curve.Run{*run},
		Note: fmt.Sprintf("in process, vectors in a file of which %.2f is in memory at first, one thread, each query timed alone, median of three passes", kept.share)})
}

// say tells how much of the vectors is in memory when queries begin.
func (x *diskBench) say(c *cobra.Command, kept *pages) error {
	kept.drop()
	held, err := kept.held()
	if err != nil {
		return err
	}
	line := diskLine{Lib: x.label(), Stage: "queries", Cached: &held}
	return x.print(c, line, fmt.Sprintf("%.2f of the vectors' file in memory", held))
}

// room is where the vectors lie: a new file, or with --reuse the one that is
// there.
func (x *diskBench) room(s source.Shape) (cells []float32, held bool, err error) {
	pattern := filepath.Join(x.disk.folder, diskRows)
	there, err := filepath.Glob(pattern)
	if err != nil {
		return nil, false, err
	}
	x.vectors, x.rows = arena.New(arena.Options{RowBytes: 4 * s.Columns, File: pattern}), s.Rows
	switch held = x.server.reuse; {
	case held && len(there) == 1:
		err = x.vectors.Adopt(there[0], s.Rows)
	case held:
		err = fmt.Errorf("--reuse: %s has %d files %s, not one that --keep has left", x.disk.folder, len(there), diskRows)
	case len(there) > 0:
		err = fmt.Errorf("%s is there already: measure it with --reuse, or remove it", there[0])
	default:
		err = errors.Join(x.vectors.Pin(), x.vectors.Grow(s.Rows))
	}
	if err != nil {
		err = errors.Join(err, x.vectors.Close())
		x.vectors = nil
		return nil, false, err
	}
	rows := x.vectors.Rows()
	if x.path = rows.File(); x.path == "" {
		return nil, false, errors.New("--on-disk: vectors are mapped from files on Linux only")
	}
	return unsafe.Slice((*float32)(rows.Base()), s.Rows*s.Columns), held, nil
}

// build makes the index, as a server does, and saves it.
func (x *diskBench) build(c *cobra.Command, run *curve.Run) (err error) {
	if x.dense, err = x.empty(x.vectors, x.d); err != nil {
		return err
	}
	start, cpu := time.Now(), processorTime()
	live := new(index.Set).Edit()
	for i := range x.d.base.Rows {
		live.Add(index.Slot(i))
	}
	if err := x.fill(c.Context(), x.dense, x.d, live.Done()); err != nil {
		return err
	}
	if g, ok := x.dense.(*hnsw.Graph); ok {
		if _, err := g.SketchSome(x.d.base.Rows, index.Pace{Workers: x.threads}); err != nil { // a server makes them behind a build
			return err
		}
	}
	run.BuildS, run.BuildCPUS = time.Since(start).Seconds(), (processorTime() - cpu).Seconds()
	run.BesideMiB = float64(x.dense.Bytes()) / mib
	var now diskLine
	said := x.memory(&now)
	line := buildLine{Lib: run.Lib, Folder: x.d.folder, M: x.m, EfConstruct: x.efConstruct, Threads: x.threads, BuildS: run.BuildS,
		IndexMiB: int64(now.AnonMiB), RawMiB: run.RawMiB, BesideMiB: run.BesideMiB}
	if err := x.print(c, line, fmt.Sprintf("%s: build %.2f s (%.2f s of processor), %s", run.Lib, run.BuildS, run.BuildCPUS, said)); err != nil {
		return err
	}
	start = time.Now()
	if err := errors.Join(x.vectors.Rows().Sync(), x.save()); err != nil {
		return err
	}
	x.saved = true
	s := diskLine{Lib: run.Lib, Stage: "save", Seconds: time.Since(start).Seconds()}
	for _, path := range []string{x.path, x.indexPath()} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		s.DiskMiB += float64(info.Size()) / mib
	}
	return x.print(c, s, fmt.Sprintf("saved in %.1f s, %.0f MiB on disk, %.0f of them vectors", s.Seconds, s.DiskMiB, run.RawMiB))
}

func (x *diskBench) indexPath() string { return filepath.Join(x.disk.folder, diskIndex) }

// save writes the checkpoint.
func (x *diskBench) save() error {
	f, err := os.Create(x.indexPath())
	if err != nil {
		return err
	}
	err = x.dense.Save(f, index.Meta{High: index.Slot(x.d.base.Rows)})
	return errors.Join(err, f.Sync(), f.Close())
}

// restart opens the index twice, with its files in memory as they are and without.
func (x *diskBench) restart(c *cobra.Command, run *curve.Run) error {
	for _, stage := range []string{"warm", "cold"} {
		if err := x.Close(); err != nil {
			return err
		}
		if stage == "cold" {
			if err := errors.Join(forget(x.path), forget(x.indexPath())); err != nil {
				return err
			}
		}
		took, err := x.open()
		if err != nil {
			return err
		}
		line := diskLine{Lib: run.Lib, Stage: stage, Seconds: took.Seconds()}
		said := x.memory(&line)
		run.BesideMiB, run.IndexMiB = float64(x.dense.Bytes())/mib, line.AnonMiB
		if err := errors.Join(x.print(c, line, fmt.Sprintf("%s start to the first answer %.2f s, %s", stage, took.Seconds(), said)), c.Context().Err()); err != nil {
			return err
		}
	}
	return nil
}

// open opens what save has left, and asks a first query.
func (x *diskBench) open() (time.Duration, error) {
	start := time.Now()
	x.vectors = arena.New(arena.Options{RowBytes: 4 * x.d.base.Columns, File: filepath.Join(x.disk.folder, diskRows)})
	if err := x.vectors.Adopt(x.path, x.rows); err != nil {
		return 0, err
	}
	f, err := bulk.OpenStream(x.indexPath())
	if err != nil {
		return 0, err
	}
	x.dense, err = x.reopen(f, x.vectors, x.d)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, fmt.Errorf("%s: %w", x.indexPath(), err)
	}
	if n := x.dense.Len(); n != x.d.base.Rows {
		return 0, fmt.Errorf("%s has %d vectors, the data %d: it is of other data", x.indexPath(), n, x.d.base.Rows)
	}
	x.dense.Search(index.Query{Vector: x.d.query.Row(0), K: recallAt, Ef: 64}, nil)
	return time.Since(start), nil
}

// memory is the process's, which it puts into the line.
func (x *diskBench) memory(line *diskLine) string {
	resident := settledBytes()
	anon, _ := anonymousBytes(os.Getpid()) // 0 where the system does not tell
	line.RSSMiB, line.AnonMiB = float64(resident)/mib, float64(anon)/mib
	return fmt.Sprintf("resident %.0f MiB without pages of files, %.0f MiB with", line.AnonMiB, line.RSSMiB)
}

// Close closes what is open; the files stay.
func (x *diskBench) Close() (err error) {
	if x.dense != nil {
		err = x.dense.Close()
	}
	if x.vectors != nil {
		err = errors.Join(err, x.vectors.Leave())
	}
	x.dense, x.vectors = nil, nil
	return err
}

// leave closes what is open, and removes the files unless they are to stay.
func (x *diskBench) leave() error {
	err := x.Close()
	if x.path == "" || x.server.reuse || x.server.keep && x.saved {
		return err
	}
	gone := os.Remove(x.indexPath())
	if errors.Is(gone, os.ErrNotExist) {
		gone = nil
	}
	return errors.Join(err, gone, os.Remove(x.path))
}
