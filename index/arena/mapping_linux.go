//go:build linux

package arena

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// commitStep is how much is made usable at once: few system calls, and
	// memory is taken by touching it, not by this.
	commitStep = 4 << 20
	// hugeBytes is a huge page. Walks touch rows anywhere, so that most loads
	// miss the TLB on ordinary pages.
	hugeBytes = 2 << 20
	// hugeFrom is the size from which huge pages pay for the memory they round up.
	hugeFrom = 8 << 20
)

// mapping is a range of address space, usable up to a mark.
type mapping struct {
	whole  []byte // as the system gave it
	data   []byte // from the first huge-page boundary on
	usable int64  // bytes of data that may be read and written
	page   int64
	file   *os.File // nil: anonymous memory
	// unlinked: the file has no name any more.
	unlinked bool
}

func reserve(size int64) (*mapping, error) {
	whole, err := unix.Mmap(-1, 0, int(size+hugeBytes), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(whole))) % hugeBytes
	return &mapping{whole: whole, data: whole[skip : int64(skip)+size], page: int64(os.Getpagesize())}, nil
}

// reserveFile maps a new file far beyond its end; commit moves the end. The
// rows are read in any order, so the system is told not to read ahead.
func reserveFile(size int64, pattern string) (*mapping, error) {
	dir := filepath.Dir(pattern)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(dir, filepath.Base(pattern))
	if err != nil {
		return nil, err
	}
	m, err := mapFile(size, file)
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return m, nil
}

func mapFile(size int64, file *os.File) (*mapping, error) {
	whole, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", file.Name(), err)
	}
	_ = unix.Madvise(whole, unix.MADV_RANDOM)
	return &mapping{whole: whole, data: whole, page: int64(os.Getpagesize()), file: file}, nil
}

// adoptFile maps a file that another mapping has left, and that has so many bytes
// at least.
func adoptFile(size int64, path string, least int64) (*mapping, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && (info.Size() < least || info.Size() > size) {
		err = fmt.Errorf("%s has %d bytes, not %d to %d", path, info.Size(), least, size)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	m, err := mapFile(size, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	m.usable = info.Size() / m.page * m.page
	return m, nil
}

func (m *mapping) base() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(m.data)) }

// commit makes the first size bytes usable.
func (m *mapping) commit(size int64) error {
	if size <= m.usable {
		return nil
	}
	if size > int64(len(m.data)) {
		return fmt.Errorf("the arena holds at most %d bytes; cut the collection into more shards", len(m.data))
	}
	to := min((size+commitStep-1)/commitStep*commitStep, int64(len(m.data)))
	if m.file != nil {
		return m.extend(to)
	}
	if err := unix.Mprotect(m.data[m.usable:to], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return fmt.Errorf("make %d bytes usable: %w", to-m.usable, err)
	}
	m.usable = to
	if to >= hugeFrom {
		// A kernel without huge pages refuses; ordinary pages do as well.
		_ = unix.Madvise(m.data[:to], unix.MADV_HUGEPAGE)
	}
	return nil
}

// extend takes blocks of the disk now: a page without one would kill the process
// when it is written and the disk is full.
func (m *mapping) extend(to int64) error {
	err := unix.Fallocate(int(m.file.Fd()), 0, m.usable, to-m.usable)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		_, err = io.CopyN(io.NewOffsetWriter(m.file, m.usable), zeros{}, to-m.usable)
	}
	if err != nil {
		return fmt.Errorf("extend %s by %d bytes: %w", m.file.Name(), to-m.usable, err)
	}
	m.usable = to
	return nil
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// release frees the pages wholly inside [from, to); they read as zero.
func (m *mapping) release(from, to int64) {
	from = (from + m.page - 1) / m.page * m.page
	to = to / m.page * m.page
	if from >= to || to > m.usable {
		return
	}
	switch {
	case m.file == nil:
		_ = unix.Madvise(m.data[from:to], unix.MADV_DONTNEED) // advice: failure costs memory only
	case unix.Madvise(m.data[from:to], unix.MADV_REMOVE) != nil:
		clear(m.data[from:to]) // a file system without holes
	}
}

func (m *mapping) close() error {
	err := unix.Munmap(m.whole)
	if m.file == nil {
		return err
	}
	return errors.Join(err, m.file.Close(), m.unlink())
}

// leave is close, and the file stays.
func (m *mapping) leave() error {
	m.unlinked = true
	return m.close()
}

// name is the file's path; "" without a file.
func (m *mapping) name() string {
	if m.file == nil {
		return ""
	}
	return m.file.Name()
}

// want asks for the pages of some bytes of a file.
func (m *mapping) want(from, to int64) {
	if m.file != nil {
		_ = unix.Madvise(m.data[from/m.page*m.page:to], unix.MADV_WILLNEED) // advice
	}
}

// sync makes what was written to the file durable.
func (m *mapping) sync() error {
	if m.file == nil {
		return nil
	}
	return m.file.Sync()
}

// unlink takes the file's name away; the mapping stays.
func (m *mapping) unlink() error {
	if m.file == nil || m.unlinked {
		return nil
	}
	m.unlinked = true
	return ignoreMissing(os.Remove(m.file.Name()))
}

// ignoreMissing: whoever removes a shard's folder may come first.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
