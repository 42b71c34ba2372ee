//go:build linux

package arena

import (
	"fmt"
	"os"
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
}

func reserve(size int64) (*mapping, error) {
	whole, err := unix.Mmap(-1, 0, int(size+hugeBytes), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(whole))) % hugeBytes
	return &mapping{whole: whole, data: whole[skip : int64(skip)+size], page: int64(os.Getpagesize())}, nil
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

// release frees the pages wholly inside [from, to); they read as zero.
func (m *mapping) release(from, to int64) {
	from = (from + m.page - 1) / m.page * m.page
	to = to / m.page * m.page
	if from < to && to <= m.usable {
		_ = unix.Madvise(m.data[from:to], unix.MADV_DONTNEED) // advice: failure costs memory only
	}
}

func (m *mapping) close() error { return unix.Munmap(m.whole) }
