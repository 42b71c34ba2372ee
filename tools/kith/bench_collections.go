package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/process"
)

// crowdBench measures many tiny collections on one server, which is how many
// people keep tenants apart.
type crowdBench struct {
	n       int
	workers int
	output  string
}

func newBenchCollections() *cobra.Command {
	var b crowdBench
	c := &cobra.Command{
		Use:   "collections",
		Short: "Measure many tiny collections: create, fill, query, memory, restart, delete half",
		Args:  exactArgs(0),
		RunE:  func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	c.Flags().IntVar(&b.n, "n", 2000, "collections, three points each")
	c.Flags().IntVar(&b.workers, "workers", 4, "requests at once")
	declareOutput(c.Flags(), &b.output)
	return c
}

func (b *crowdBench) run(c *cobra.Command) (err error) {
	if err := checkOutput(b.output); err != nil {
		return err
	}
	if b.n < 2 || b.workers < 1 {
		return &usageError{errors.New("--n: use 2 or more; --workers: use 1 or more")}
	}
	dir, remove, err := scratch("")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	server, kith, err := child(c.Context(), dir)
	if err != nil {
		return err
	}
	err = b.stage(c, server, "create and fill", b.n, func(ctx context.Context, i int) error { return fillTiny(ctx, kith, i) })
	if err == nil {
		err = b.stage(c, server, "query each", b.n, func(ctx context.Context, i int) error { return queryTiny(ctx, kith, i) })
	}
	if err = errors.Join(err, server.Stop(stopLimit)); err != nil {
		return err
	}
	return b.again(c, dir)
}

// again restarts, checks that all answer, and deletes every second collection.
func (b *crowdBench) again(c *cobra.Command, dir string) error {
	start := time.Now()
	server, kith, err := child(c.Context(), dir)
	if err != nil {
		return err
	}
	ready := time.Since(start).Seconds()
	err = emit(c, b.output, &report{Stage: "restart to ready", Seconds: ready})
	if err == nil {
		err = b.stage(c, server, "query each again", b.n, func(ctx context.Context, i int) error { return queryTiny(ctx, kith, i) })
	}
	if err == nil {
		err = b.disk(c, dir, "disk before the deletion")
	}
	if err == nil {
		err = b.stage(c, server, "delete half", b.n/2, func(ctx context.Context, i int) error {
			_, err := kith.DeleteCollection(ctx, tinyName(2*i))
			return err
		})
	}
	if err = errors.Join(err, server.Stop(stopLimit)); err != nil {
		return err
	}
	return b.disk(c, dir, "disk after the deletion")
}

func (b *crowdBench) disk(c *cobra.Command, dir, stage string) error {
	bytes, err := diskBytes(dir)
	if err != nil {
		return err
	}
	if b.output == "json" {
		return printJSON(c.OutOrStdout(), map[string]any{"stage": stage, "mib": float64(bytes) / mib})
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %.1f MiB\n", stage, float64(bytes)/mib)
	return err
}

// diskBytes is what a folder takes on disk; holes in files count nothing. Files
// that go away meanwhile count nothing either.
func diskBytes(dir string) (int64, error) {
	var bytes int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		if info, err := e.Info(); err == nil {
			bytes += allocated(info)
		}
		return nil
	})
	return bytes, err
}

// allocated is what a file takes on disk, where the system tells.
func allocated(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}

// stage runs f for every number below n and reports the time and the memory.
func (b *crowdBench) stage(c *cobra.Command, server *process.Server, name string, n int, f func(context.Context, int) error) error {
	var next atomic.Int64
	errs := make([]error, b.workers)
	start := time.Now()
	var workers sync.WaitGroup
	for k := range b.workers {
		workers.Go(func() {
			for errs[k] == nil {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				errs[k] = f(c.Context(), i)
			}
		})
	}
	workers.Wait()
	took := time.Since(start).Seconds()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	resident, err := server.Resident()
	if err != nil {
		return err
	}
	return emit(c, b.output, &report{Stage: name, Points: n, Seconds: took, MiB: float64(resident) / mib})
}

func tinyName(i int) string { return fmt.Sprintf("tenant-%d", i) }

func fillTiny(ctx context.Context, kith *client.Client, i int) error {
	if err := kith.CreateCollection(ctx, tinyName(i), client.Single(4, api.Cosine)); err != nil {
		return err
	}
	_, err := kith.Upsert(ctx, tinyName(i), []client.Point{
		{ID: client.Number(1), Vectors: client.Unnamed([]float32{1, 0, 0, 0})},
		{ID: client.Number(2), Vectors: client.Unnamed([]float32{0, 1, 0, 0})},
		{ID: client.Number(3), Vectors: client.Unnamed([]float32{0, 0, 1, float32(i)})},
	}, client.Visible)
	return err
}

func queryTiny(ctx context.Context, kith *client.Client, i int) error {
	found, err := kith.Query(ctx, tinyName(i), client.Query{Vector: []float32{0.1, 1, 0, 0}, Limit: 1})
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0].ID != client.Number(2) {
		return fmt.Errorf("collection %s answers %v, want point 2", tinyName(i), found)
	}
	return nil
}
