package main

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kithdb/kith/index/arena"
)

// stretchBytes is what of a file is kept or dropped as one: at least as much as
// the system ever holds as one, or it would hold on to the rest.
const stretchBytes = 2 << 20

// pages are those of a file of rows; a share of them is in memory whenever queries
// begin, as on a machine whose page cache has room for no more.
type pages struct {
	file  *os.File
	rows  []byte // mapped
	share float64
	fault error // of drop
}

// keptPages reads the share that is kept. With all of it there is nothing to do:
// the system has what it has.
func keptPages(r arena.Rows, share float64) (*pages, error) {
	file, err := os.Open(r.File())
	if err != nil {
		return nil, err
	}
	p := &pages{file: file, rows: unsafe.Slice((*byte)(r.Base()), r.Len()*r.Stride()), share: share}
	if share == 1 {
		return p, nil
	}
	buffer := make([]byte, stretchBytes)
	for i := 0; err == nil && i < p.stretches(); i++ {
		if from, to := p.stretch(i); p.keeps(i) {
			_, err = file.ReadAt(buffer[:to-from], int64(from))
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

func (p *pages) stretches() int { return (len(p.rows) + stretchBytes - 1) / stretchBytes }

func (p *pages) stretch(i int) (from, to int) {
	return i * stretchBytes, min((i+1)*stretchBytes, len(p.rows))
}

// keeps spreads those that are kept evenly over the file.
func (p *pages) keeps(i int) bool { return int(float64(i+1)*p.share) > int(float64(i)*p.share) }

// drop has the system give up the pages that are not to be in memory.
func (p *pages) drop() {
	if p.share == 1 {
		return
	}
	for i := range p.stretches() {
		if from, to := p.stretch(i); !p.keeps(i) {
			// The system drops no page that is mapped.
			p.fault = errors.Join(p.fault, unix.Madvise(p.rows[from:to], unix.MADV_DONTNEED),
				unix.Fadvise(int(p.file.Fd()), int64(from), int64(to-from), unix.FADV_DONTNEED))
		}
	}
}

// held is the share of the pages that are in memory.
func (p *pages) held() (float64, error) {
	list := make([]byte, (len(p.rows)+os.Getpagesize()-1)/os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(p.rows))), uintptr(len(p.rows)), uintptr(unsafe.Pointer(unsafe.SliceData(list)))); errno != 0 {
		return 0, errno
	}
	n := 0
	for _, b := range list {
		n += int(b & 1)
	}
	return float64(n) / float64(len(list)), nil
}

func (p *pages) close() error { return p.file.Close() }

// forget has the system give up a file's pages, which nobody has mapped.
func forget(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return errors.Join(fmt.Errorf("drop the pages of %s: %w", path, err), f.Close())
	}
	return f.Close()
}
