// Package hdf5 reads the data sets of an HDF5 file that stand in the root group,
// unchunked, as the files of ann-benchmarks do: numbers row after row, and
// attributes that are texts. What it cannot read it names, with the tool that
// rewrites the file.
//
// Who calls: tools/kith/corpus. It calls nothing of ours. It keeps nothing in
// memory but what it is asked for, and trusts no address or length of the file.
//
// Source: HDF5 File Format Specification, version 3.0 (The HDF Group): superblocks
// 0 to 3, object headers 1 and 2, groups as symbol tables and as links.
package hdf5

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

const (
	magic = "\x89HDF\r\n\x1a\n"
	// most bounds what one header, heap or node may take: a real one has kilobytes.
	most = 16 << 20
	// blocks bounds the parts of one header or group.
	blocks = 4096
)

// errShort is a structure that ends before its fields do.
var errShort = errors.New("the file is damaged: a structure ends before its fields do")

// File is an open file.
//
// Concurrency: any number of goroutines. Lifetime: Close it; what was read stays.
type File struct {
	in      io.ReaderAt
	size    int64
	base    uint64 // what addresses count from
	offsets int    // bytes of an address
	lengths int    // bytes of a length
	close   func() error

	objects map[string]uint64 // headers by name
	texts   map[string]string // attributes of the root group
}

// Open reads the root group.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	out, err := New(f, info.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	out.close = f.Close
	return out, nil
}

// New reads the root group of a file of so many bytes. The reader stays the
// caller's.
func New(in io.ReaderAt, size int64) (*File, error) {
	f := &File{in: in, size: size, objects: map[string]uint64{}, texts: map[string]string{}}
	root, err := f.superblock()
	if err != nil {
		return nil, err
	}
	o, err := f.object(root)
	if err != nil {
		return nil, fmt.Errorf("root group: %w", err)
	}
	if err := f.group(o); err != nil {
		return nil, fmt.Errorf("root group: %w", err)
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// Names are the root group's members.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.objects))
	for name := range f.objects {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Text is an attribute of the root group that is a text; false where there is none.
func (f *File) Text(name string) (string, bool) {
	text, ok := f.texts[name]
	return text, ok
}

// superblock finds the root group's header.
func (f *File) superblock() (root uint64, err error) {
	b, err := f.bytes(0, min(128, uint64(f.size)))
	if err != nil || len(b) < 16 || string(b[:8]) != magic {
		return 0, errors.New("not an HDF5 file: its first eight bytes say so")
	}
	c := &cursor{file: f, b: b[9:]}
	switch version := b[8]; version {
	case 0, 1:
		f.offsets, f.lengths = int(b[13]), int(b[14])
		c.skip(7 + 4 + 4) // up to the flags, which end at 24
		if version == 1 {
			c.skip(4)
		}
	case 2, 3:
		f.offsets, f.lengths = int(b[9]), int(b[10])
		c.skip(3)
	default:
		return 0, fmt.Errorf("superblock version %d: versions 0 to 3 are known", version)
	}
	if !slices.Contains([]int{4, 8}, f.offsets) || !slices.Contains([]int{4, 8}, f.lengths) {
		return 0, fmt.Errorf("addresses of %d bytes and lengths of %d: 4 and 8 are known", f.offsets, f.lengths)
	}
	f.base = c.address()
	c.skip(2 * f.offsets)
	if b[8] < 2 {
		c.skip(2 * f.offsets) // the driver's block, and the root entry's name
		root = c.address()
	} else {
		root = c.address()
	}
	return root, c.err
}

// bytes are n bytes at an address.
func (f *File) bytes(at, n uint64) ([]byte, error) {
	at += f.base
	if n > most || at > uint64(f.size) || n > uint64(f.size)-at {
		return nil, fmt.Errorf("the file is damaged or cut off: %d bytes at %d of %d", n, at, f.size)
	}
	b := make([]byte, n)
	if _, err := f.in.ReadAt(b, int64(at)); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, nil
}

// rest is a cursor over at most n bytes at an address, fewer at the file's end.
func (f *File) rest(at, n uint64) (*cursor, error) {
	if at+f.base < uint64(f.size) {
		n = min(n, uint64(f.size)-at-f.base)
	}
	b, err := f.bytes(at, n)
	return &cursor{file: f, b: b}, err
}

// cursor reads fields one after the other; the first error stays.
type cursor struct {
	file *File
	b    []byte
	err  error
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.err, c.b = errShort, nil
		return make([]byte, max(min(n, 8), 0))
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) skip(n int) { c.take(n) }

// number is an unsigned number of so many bytes, at most 8.
func (c *cursor) number(n int) uint64 {
	var wide [8]byte
	copy(wide[:], c.take(n))
	return binary.LittleEndian.Uint64(wide[:])
}

func (c *cursor) address() uint64 { return c.number(c.file.offsets) }
func (c *cursor) length() uint64  { return c.number(c.file.lengths) }

// signature takes four bytes that must be these.
func (c *cursor) signature(want string) {
	if got := c.take(4); c.err == nil && string(got) != want {
		c.err = fmt.Errorf("the file is damaged: %q where %q is due", got, want)
	}
}

// text is a text up to its closing zero.
func text(b []byte) string {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return string(b)
}
