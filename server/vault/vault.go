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
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
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

// Draft is a file under way: nobody sees it before Keep.
//
// Concurrency: one goroutine. Lifetime: end it with Discard, after Keep as well.
type Draft struct {
	v     *Vault
	ctx   context.Context
	p     Place
	f     *os.File
	sum   hash.Hash
	size  int64
	since int64
}

// Draft begins a file in a place.
func (v *Vault) Draft(ctx context.Context, p Place) (*Draft, error) {
	if err := v.room(0); err != nil {
		return nil, err
	}
	dir := filepath.Join(v.dir, p.folder())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return nil, err
	}
	return &Draft{v: v, ctx: ctx, p: p, f: f, sum: sha256.New()}, nil
}

// Write implements io.Writer.
func (d *Draft) Write(b []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	if d.since += int64(len(b)); d.since >= lookEvery {
		d.since = 0
		if err := d.v.room(lookEvery); err != nil {
			return 0, err
		}
	}
	n, err := d.f.Write(b)
	d.sum.Write(b[:n])
	d.size += int64(n)
	return n, err
}

// Checksum is the SHA-256, in hex, of what was written.
func (d *Draft) Checksum() string { return hex.EncodeToString(d.sum.Sum(nil)) }

// CheckSum compares with a checksum that a user gave, in any case; "" fits all.
func (d *Draft) CheckSum(want string) error {
	if want == "" || strings.EqualFold(want, d.Checksum()) {
		return nil
	}
	return fmt.Errorf("%w: expected %s, the snapshot has %s", ErrChecksum, want, d.Checksum())
}

// Reader reads what was written, from its beginning.
func (d *Draft) Reader() (io.Reader, error) {
	_, err := d.f.Seek(0, io.SeekStart)
	return d.f, err
}

// Keep makes the file a snapshot, durably. A name that is taken is an error.
func (d *Draft) Keep(name string) (File, error) {
	if err := CheckName(name); err != nil {
		return File{}, err
	}
	dir := filepath.Join(d.v.dir, d.p.folder())
	if err := d.f.Sync(); err != nil {
		return File{}, err
	}
	// The checksum goes first: without its file it is never looked at.
	if err := os.WriteFile(d.f.Name()+sumSuffix, []byte(d.Checksum()), 0o644); err != nil {
		return File{}, err
	}
	path := filepath.Join(dir, name)
	if err := os.Link(d.f.Name(), path); err != nil { // unlike a rename it replaces nothing
		return File{}, err
	}
	if err := os.Rename(d.f.Name()+sumSuffix, path+sumSuffix); err != nil {
		return File{}, err
	}
	if err := syncDir(dir); err != nil {
		return File{}, err
	}

	return File{Name: name, Size: d.size, Created: time.Now().UTC(), Checksum: d.Checksum()}, nil
}

// Discard ends the draft; what was kept stays.
func (d *Draft) Discard() error {
	fault := errors.Join(d.f.Close(), os.Remove(d.f.Name()))
	if err := os.Remove(d.f.Name() + sumSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		fault = errors.Join(fault, err)
	}
	return fault
}
