package storage

import (
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guardedFS stands between Pebble and the disk, and changes what Pebble does
// about two faults.
//
// Pebble repeats a failed flush or compaction at once, which on a full disk
// would burn a core: creating a file waits first when background work has just
// failed. And Pebble panics with the bare error when it cannot sync the store's
// directory: that goes through health.Fatalf, which says what happened.
type guardedFS struct {
	vfs.FS
	dir    string
	health *health
}

// Unwrap is the file system below.
func (f *guardedFS) Unwrap() vfs.FS { return f.FS }

// Create waits first when background work has just failed.
func (f *guardedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	time.Sleep(f.health.pause())
	return f.FS.Create(name, c)
}

// OpenDir makes a failed sync of the store's directory fatal.
func (f *guardedFS) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil || name != f.dir {
		return d, err
	}
	return &guardedDir{File: d, fs: f}, nil
}

type guardedDir struct {
	vfs.File
	fs *guardedFS
}

// Sync does not return when it fails: what the directory holds is then unknown.
func (d *guardedDir) Sync() error {
	err := d.File.Sync()
	if err != nil {
		d.fs.health.Fatalf("sync of the directory %s: %v", d.fs.dir, err)
	}
	return err
}

// pause doubles from 1 ms to 1 s with the faults in a row.
func (h *health) pause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.tries == 0 {
		return 0
	}
	return min(time.Second, time.Millisecond<<min(h.mu.tries-1, 10))
}
