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
	"os"
	"path/filepath"
	"strings"
)

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

// CheckSum compares with a checksum that a user gave; "" fits all.
func (d *Draft) CheckSum(want string) error { return compare(want, d.Checksum()) }

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
	info, err := d.f.Stat() // its time is what a list says
	if err != nil {
		return File{}, err
	}
	return File{Name: name, Size: d.size, Created: info.ModTime().UTC(), Checksum: d.Checksum()}, nil
}

// Discard ends the draft; what was kept stays.
func (d *Draft) Discard() error {
	fault := errors.Join(d.f.Close(), os.Remove(d.f.Name()))
	if err := os.Remove(d.f.Name() + sumSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		fault = errors.Join(fault, err)
	}
	return fault
}

// compare holds a file's checksum against one that a user gave, in any case.
func compare(want, have string) error {
	if want == "" || strings.EqualFold(want, have) {
		return nil
	}
	return fmt.Errorf("%w: expected %s, the snapshot has %s", ErrChecksum, want, have)
}

// CheckFile compares an open file with a checksum that a user gave, and leaves it
// at its beginning; "" fits all.
func CheckFile(ctx context.Context, f *os.File, want string) error {
	if want == "" {
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &live{ctx, f}); err != nil {
		return err
	}
	if err := compare(want, hex.EncodeToString(sum.Sum(nil))); err != nil {
		return err
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// live ends reading with its context.
type live struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (l *live) Read(b []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	return l.r.Read(b)
}
