// Package bulk reads and writes large files of a shard in long pieces, several at
// once, and past the system's page cache where the file system lets it: the
// image of a vector's rows, the stream of a checkpoint, and rows on disk as they are
// checked. None is read twice, and a copy of it in the page cache costs more than
// the disk does. The seal of such rows has its form here, too.
//
// Who calls: storage/shard. What it calls: index/block for checksums, and the
// operating system. It never decides what of an image is still true, and never
// trusts a byte that was not checked.
package bulk

import (
	"errors"
	"io"
	"os"
	"unsafe"
)

const (
	// page is what direct reads and writes are aligned to, in the file and in
	// memory: the largest sector there is.
	page = 4096
	// ahead is how many pieces are read at once: one at a time leaves most of a
	// disk's speed unused.
	ahead = 8
)

// source is a file that is read in pieces at any place, by any goroutine.
type source struct {
	plain  *os.File
	direct *os.File // nil: the file system has no direct reads
}

func openSource(path string) (*source, error) {
	plain, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{plain: plain}
	if direct, err := openDirect(path, os.O_RDONLY); err == nil {
		s.direct = direct
	}
	return s, nil
}

// readAt fills p from a place in the file. Directly where everything is aligned;
// where that fails, whatever the reason, the ordinary way has the last word.
func (s *source) readAt(p []byte, at int64) error {
	if s.direct != nil && len(p)%page == 0 && at%page == 0 && aligned(p) {
		if _, err := s.direct.ReadAt(p, at); err == nil {
			return nil
		}
	}
	_, err := s.plain.ReadAt(p, at)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *source) close() error {
	err := s.plain.Close()
	if s.direct != nil {
		err = errors.Join(err, s.direct.Close())
	}
	return err
}

func aligned(p []byte) bool { return uintptr(unsafe.Pointer(unsafe.SliceData(p)))%page == 0 }

// buffer is memory for direct reads and writes.
func buffer(size int) []byte {
	block := make([]byte, size+page)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(block))) % page
	return block[skip : int(skip)+size : int(skip)+size]
}

// whole rounds up to pages.
func whole(n int64) int64 { return (n + page - 1) / page * page }
