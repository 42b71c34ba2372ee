package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// FormatVersion is the version of the keys and values that this build writes.
// Every change on disk takes the next number; a number is never reused.
//
//	1  the first
//	2  vectors in the datatype of their schema; without one, as in 1: float32
//	3  images of vectors lie beside the store, which a sweep must take away: an
//	   older build would leave them as they were
const FormatVersion = 3

// oldestFormat is the oldest version that this build reads, and takes over by
// marking it with the present one: what an older build could misread may be
// written from then on.
const oldestFormat = 1

const (
	formatFile  = "format"
	formatMagic = "kith store "
	lockFile    = "LOCK"
)

// prepareDir checks that dir is a store of this format, or marks an empty
// directory as one. The mark is durable before Pebble writes its first file, so
// files without a mark are not ours.
func prepareDir(f FS, dir string) error {
	names, err := f.List(dir)
	if err != nil {
		return fmt.Errorf("list the store's directory: %w", err)
	}
	found, err := readFormat(f, dir)
	if errors.Is(err, fs.ErrNotExist) {
		if other := foreign(names); other != "" {
			return fmt.Errorf("%w: %s holds %q but no file %q: give an empty directory or one that kith made", ErrFormat, dir, other, formatFile)
		}
		return writeFormat(f, dir)
	}
	if err != nil {
		return err
	}
	if found < oldestFormat || found > FormatVersion {
		return fmt.Errorf("%w: %s has version %d, this build reads versions %d to %d: use the build that wrote it", ErrFormat, dir, found, oldestFormat, FormatVersion)
	}
	if err := checkManifest(f, dir, names); err != nil || found == FormatVersion {
		return err
	}
	return writeFormat(f, dir)
}

// foreign is the name of a file that an interrupted creation does not leave.
func foreign(names []string) string {
	for _, n := range names {
		if n != lockFile && n != formatFile+".tmp" {
			return n
		}
	}
	return ""
}

// checkManifest refuses a directory that has tables but has lost the mark of
// its MANIFEST: Pebble would take it for a new store and delete them.
func checkManifest(f FS, dir string, names []string) error {
	desc, err := pebble.Peek(dir, f)
	if err != nil {
		return classifyOpen(dir, err)
	}
	if desc.Exists {
		return nil
	}
	for _, n := range names {
		if strings.HasSuffix(n, ".sst") || strings.HasSuffix(n, ".blob") {
			return fmt.Errorf("%w: %s holds %s but no marker.manifest file", ErrCorrupt, dir, n)
		}
	}
	return nil
}

func readFormat(f FS, dir string) (int, error) {
	path := f.PathJoin(dir, formatFile)
	file, err := f.Open(path)
	if err != nil {
		return 0, fmt.Errorf("open the format file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 64))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	var version int
	if n, err := fmt.Sscanf(string(text), formatMagic+"%d\n", &version); n != 1 || err != nil {
		return 0, fmt.Errorf("%w: %s reads %q, expected %q", ErrFormat, path, text, fmt.Sprintf(formatMagic+"%d\n", FormatVersion))
	}
	return version, nil
}

// writeFormat marks dir, durably and at one stroke.
func writeFormat(f FS, dir string) error {
	path := f.PathJoin(dir, formatFile)
	if err := writeSynced(f, path+".tmp", fmt.Sprintf(formatMagic+"%d\n", FormatVersion)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(f, dir)
}

func writeSynced(f FS, path, text string) error {
	file, err := f.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, text)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncDir(f FS, dir string) error {
	d, err := f.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
