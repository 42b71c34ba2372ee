package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/tools/kith/bucket"
)

// atMostArgs is cobra.MaximumNArgs with an error that counts as a wrong command
// line.
func atMostArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.MaximumNArgs(n)(c, args); err != nil {
			return &usageError{fmt.Errorf("%w: usage: %s", err, c.UseLine())}
		}
		return nil
	}
}

// open connects to the storage that flags and environment name.
func (f *snapshotFlags) open() (*bucket.Storage, error) {
	o := f.storage
	o.Endpoint = cmp.Or(o.Endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	o.Region = cmp.Or(o.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	s, err := bucket.Open(o)
	if err != nil {
		return nil, &usageError{err}
	}
	return s, nil
}

// read opens a snapshot in a file or in storage.
func (f *snapshotFlags) read(ctx context.Context, from string) (io.ReadCloser, error) {
	if !bucket.Is(from) {
		return os.Open(from)
	}
	at, err := bucket.Parse(from)
	if err != nil {
		return nil, &usageError{err}
	}
	s, err := f.open()
	if err != nil {
		return nil, err
	}
	return s.Read(ctx, at)
}

// write makes a file, or an object in storage, whole or not at all.
func (f *snapshotFlags) write(ctx context.Context, to string, fill func(io.Writer) error) error {
	if !bucket.Is(to) {
		return writeWhole(to, fill)
	}
	at, err := bucket.Parse(to)
	if err != nil {
		return &usageError{err}
	}
	s, err := f.open()
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(fill(w)) }()
	err = s.Write(ctx, at, r)
	return errors.Join(err, r.CloseWithError(err))
}

func writeWhole(path string, fill func(io.Writer) error) (err error) {
	w, err := os.CreateTemp(filepath.Dir(path), ".kith-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(w.Name()))
		}
	}()
	if err = errors.Join(fill(w), w.Sync(), w.Close()); err != nil {
		return err
	}
	return os.Rename(w.Name(), path)
}

// checkEmpty refuses a folder with something in it.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: give a folder of its own, or one that does not exist", dir)
	}
	return nil
}
