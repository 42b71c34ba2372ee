// Command kith is the vector database: the server, and the tools that talk to
// one.
//
// Who calls: people and their scripts. It calls server and cluster to serve,
// client for everything else, and index/hnsw for the benchmark of the index
// alone. Settings are read here, once, and passed down as options: no other
// package reads the environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	runtime.MemProfileRate = 0 // nobody reads the profile, and its table is a megabyte and a half
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run is the whole program but its process: it returns the exit status, 2 for a
// wrong command line.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(s.err, "kith:", err)
	var usage *usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// usageError is a command line or configuration that cannot be meant.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kith",
		Short: "A vector database that keeps what it acknowledged",
		Long: `Kith stores vectors with JSON payloads durably, indexes them, and answers
filtered nearest-neighbour queries over HTTP. It speaks the REST contract of
Qdrant 1.19, so existing clients work against it as they are.

Start here:
  kith demo                     load 20,000 word vectors and look around
  kith serve                    serve ./kith-data on 127.0.0.1:6333`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       buildVersion().String(),
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
	})
	root.AddCommand(newServe(), newVersion(), newCollection(), newImport(), newMigrate(), newQuery(), newSnapshot(), newBench(), newDemo())
	return root
}
