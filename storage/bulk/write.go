package bulk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
)

// leastFree is what an image leaves of the disk at least; beside it, as much as
// it takes itself.
const leastFree = 1 << 30

// ErrSpace: the disk has too little left for an image beside all else.
var ErrSpace = errors.New("too little disk space for an image of the vectors")

// Content is what goes into an image.
type Content struct {
	RowBytes int
	Applied  uint64     // raft index of the store, which has all of the slots durably
	Slots    *index.Set // the last of them ends the image
	// Row is a slot's row, as it stays until the image is written.
	Row func(index.Slot) []byte
	// Goes is asked before each piece whether to go on; it may wait.
	Goes func() bool
}

// Write makes an image, durable when it returns nil; its name is for the caller
// to make so. On error there is no file; index.ErrStopped says that Goes said no.
//
// Concurrency: one goroutine for a path.
func Write(path string, c *Content) (err error) {
	if c.RowBytes < 1 || c.RowBytes > mostRow {
		return fmt.Errorf("bug: an image of rows of %d bytes", c.RowBytes)
	}
	h := header{RowBytes: uint32(c.RowBytes), Step: step(c.RowBytes), Count: uint32(c.Slots.Len()), Applied: c.Applied}
	if n := c.Slots.Len(); n > 0 {
		h.End = uint32(c.Slots.At([]int{n - 1}, nil)[0]) + 1
	}
	left, err := free(filepath.Dir(path))
	if err != nil {
		return err
	}
	if size := h.tableAt(); left-size < max(size, leastFree) {
		return fmt.Errorf("%w: it takes %d bytes, and %d are left", ErrSpace, size, left)
	}
	f, err := sink(path)
	if err != nil {
		return err
	}
	if err = errors.Join(c.write(f, &h), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// write writes the header last: without it the file is no image.
func (c *Content) write(f *os.File, h *header) error {
	sums := make([]uint32, h.pieces())
	piece := buffer(int(h.pieceBytes()))
	for i := range sums {
		if !c.Goes() {
			return index.ErrStopped
		}
		first, to := h.slots(i)
		if c.Slots.Count(first, to) == 0 {
			continue
		}
		clear(piece)
		for s := range c.Slots.Range(first, to) {
			copy(piece[int(s-first)*c.RowBytes:], c.Row(s))
		}
		sums[i] = block.Checksum(piece)
		if _, err := f.WriteAt(piece, page+int64(i)*h.pieceBytes()); err != nil {
			return err
		}
	}
	table, size, err := h.table(sums, c.Slots)
	if err != nil {
		return err
	}
	h.Table = uint32(size)
	head, err := h.encode()
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(table, h.tableAt()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		return err
	}
	return f.Sync()
}
