// Package vault keeps snapshot files: it writes them whole or not at all, lists
// them, and finds them by names that are never paths.
//
// Who calls: server. What it calls: the file system, below one directory. It
// never looks into a snapshot.
//
// A node's snapshots lie in the directory itself, a collection's in a folder of
// its name, a shard's in shards/N below that. Beside NAME lies NAME.checksum
// with the file's SHA-256. A file under way begins with a dot and is removed at
// the next start.
package vault

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	suffix      = ".snapshot"
	sumSuffix   = ".checksum"
	tempPrefix  = ".tmp-"
	longestName = 255 - len(sumSuffix)
	// lookEvery is how many bytes may be written before free space is looked at.
	lookEvery = 16 << 20
)

var (
	// ErrNotFound: there is no snapshot of that name.
	ErrNotFound = errors.New("snapshot not found")
	// ErrName: a name that no snapshot can have.
	ErrName = errors.New("not the name of a snapshot")
	// ErrChecksum: the bytes are not those that the checksum was made of.
	ErrChecksum = errors.New("checksum mismatch")
)

// Vault is a directory of snapshots.
//
// Concurrency: any goroutine.
type Vault struct {
	dir string
	// room refuses to write so many bytes more.
	room func(bytes int) error
}

// Open opens a directory, which is made when the first snapshot is, and removes
// what a crash left half-written. room is asked before bytes are written.
func Open(dir string, room func(bytes int) error) (*Vault, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	v := &Vault{dir: dir, room: room}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), tempPrefix) {
			return err
		}
		return os.Remove(path)
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return v, err
}

// Place is whose snapshots a folder holds.
type Place struct {
	Collection string // "": the node's
	Shard      int    // -1: the whole collection's
}

// Node is the place of the node's own snapshots.
var Node = Place{Shard: -1}

func (p Place) folder() string {
	switch {
	case p.Collection == "":
		return "."
	case p.Shard < 0:
		return p.Collection
	}
	return filepath.Join(p.Collection, "shards", strconv.Itoa(p.Shard))
}

// Name makes up a name for a snapshot that is made now.
func (p Place) Name(now time.Time) string {
	at := now.UTC().Format("2006-01-02-15-04-05")
	switch {
	case p.Collection == "":
		return fmt.Sprintf("full-snapshot-%s-%08x%s", at, rand.Uint32(), suffix)
	case p.Shard < 0:
		return fmt.Sprintf("%s-%016d-%s%s", short(p.Collection), rand.Uint64N(1e16), at, suffix)
	}
	return fmt.Sprintf("%s-shard-%d-%s-%08x%s", short(p.Collection), p.Shard, at, rand.Uint32(), suffix)
}

// short cuts a collection's name so that the file's name stays within bounds.
func short(name string) string {
	const most = 160
	if len(name) <= most {
		return name
	}
	for cut := most; ; cut-- {
		if utf8.RuneStart(name[cut]) {
			return name[:cut]
		}
	}
}

// CheckName refuses what is no name of a snapshot: paths above all.
func CheckName(name string) error {
	switch {
	case len(name) <= len(suffix), len(name) > longestName, !strings.HasSuffix(name, suffix):
	case !utf8.ValidString(name), name[0] == '.', strings.ContainsAny(name, "/\\:"):
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f }):
	default:
		return nil
	}
	return fmt.Errorf("%w: %.100q; a name ends in %s and has no slash, colon or leading dot", ErrName, name, suffix)
}

// File is one snapshot.
type File struct {
	Name     string
	Size     int64
	Created  time.Time
	Checksum string // SHA-256 in hex; "" when it is not known
}

// folder opens a place's directory so that no name can lead out of it. Close it.
func (v *Vault) folder(p Place) (*os.Root, error) {
	root, err := os.OpenRoot(v.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenRoot(p.folder())
}

// List is a place's snapshots by name.
func (v *Vault) List(p Place) ([]File, error) {
	out := []File{}
	root, err := v.folder(p)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || CheckName(e.Name()) != nil {
			continue
		}
		f, err := describe(root, e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func describe(root *os.Root, name string) (File, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return File{}, err
	}
	if !info.Mode().IsRegular() {
		return File{}, fs.ErrNotExist
	}
	f := File{Name: name, Size: info.Size(), Created: info.ModTime().UTC()}
	if text, err := root.ReadFile(name + sumSuffix); err == nil && len(text) == 2*sha256.Size {
		f.Checksum = string(text)
	}
	return f, nil
}

// Open opens a snapshot to be read; ErrNotFound, ErrName. Close it.
func (v *Vault) Open(p Place, name string) (*os.File, File, error) {
	if err := CheckName(name); err != nil {
		return nil, File{}, err
	}
	root, err := v.folder(p)
	if err != nil {
		return nil, File{}, missing(name, err)
	}
	defer root.Close()
	about, err := describe(root, name)
	if err != nil {
		return nil, File{}, missing(name, err)
	}
	f, err := root.Open(name)
	return f, about, missing(name, err)
}

func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return err
}

// OpenPath opens a snapshot by a path that must lie in the vault.
func (v *Vault) OpenPath(path string) (*os.File, error) {
	rel, err := filepath.Rel(v.dir, filepath.Clean(path))
	if err != nil || !filepath.IsLocal(rel) || CheckName(filepath.Base(rel)) != nil {
		return nil, fmt.Errorf("%w: %.200q does not lie in the folder of snapshots", ErrName, path)
	}
	root, err := os.OpenRoot(v.dir)
	if err != nil {
		return nil, missing(rel, err)
	}
	defer root.Close()
	f, err := root.Open(rel)
	if err != nil {
		return nil, missing(rel, err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(missing(rel, fs.ErrNotExist), err, f.Close())
	}
	return f, nil
}

// Delete removes a snapshot.
func (v *Vault) Delete(p Place, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	root, err := v.folder(p)
	if err != nil {
		return missing(name, err)
	}
	defer root.Close()
	if err := root.Remove(name); err != nil {
		return missing(name, err)
	}
	if err := root.Remove(name + sumSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Join(v.dir, p.folder()))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
