//go:build !linux

package arena

import (
	"fmt"
	"unsafe"
)

// otherReserve bounds the plain allocation that stands in for a reservation; the
// system gives it memory as it is touched.
const otherReserve = 1 << 30

// mapping is a plain allocation where address space cannot be reserved.
type mapping struct {
	data []byte
	page int64 // rows are cleared one by one: a page of one byte
}

func reserve(size int64) (*mapping, error) {
	return &mapping{data: make([]byte, min(size, otherReserve)), page: 1}, nil
}

// reserveFile is plain memory here: only Linux maps files.
func reserveFile(size int64, _ string) (*mapping, error) { return reserve(size) }

// adoptFile: what memory held is gone.
func adoptFile(_ int64, path string, _ int64) (*mapping, error) {
	return nil, fmt.Errorf("%s: rows are mapped from files on Linux only", path)
}

func (m *mapping) unlink() error { return nil }

func (m *mapping) leave() error { return nil }

func (m *mapping) name() string { return "" }

func (m *mapping) want(_, _ int64) {}

func (m *mapping) sync() error { return nil }

func (m *mapping) base() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(m.data)) }

func (m *mapping) commit(size int64) error {
	if size > int64(len(m.data)) {
		return fmt.Errorf("the arena holds at most %d bytes on this system; cut the collection into more shards", len(m.data))
	}
	return nil
}

func (m *mapping) release(from, to int64) { clear(m.data[from:to]) }

func (m *mapping) close() error { return nil }
