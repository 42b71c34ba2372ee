// Package block cuts a stream into blocks with a checksum behind each, so that a
// reader trusts no byte that was not checked, and needs no memory but a block's.
//
// Who calls: indexes, for their checkpoints. It calls nothing of ours. The form
// is in docs/formats.md.
package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// Size is how many bytes a checksum covers; the last block may be shorter.
const Size = 1 << 20

// ErrCorrupt: the bytes are not what was written, or not whole.
var ErrCorrupt = errors.New("checkpoint is corrupt")

// ErrOtherKind: the checkpoint is whole as far as one can see, but of something else.
var ErrOtherKind = errors.New("checkpoint of another kind of index")

// What a checkpoint begins with, by the kind of its index.
const (
	HNSW  = "KITHHNSW"
	IVFPQ = "KITHIVFP"
	LSH   = "KITHLSH\x00"
)

// Open reads what a checkpoint of a kind begins with: its magic, then the version.
func Open(r io.Reader, magic string) (version uint32, err error) {
	head := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, fmt.Errorf("%w: its beginning: %w", ErrCorrupt, err)
	}
	return binary.LittleEndian.Uint32(head[len(magic):]), Begins(head[:len(magic)], magic)
}

// Begins checks the bytes that a checkpoint begins with: ErrOtherKind where they are
// another kind's magic, ErrCorrupt where they are none.
func Begins(got []byte, magic string) error {
	switch string(got) {
	case magic:
		return nil
	case HNSW, IVFPQ, LSH:
		return fmt.Errorf("%w: it begins with %q, not %q", ErrOtherKind, got, magic)
	}
	return fmt.Errorf("%w: it does not begin with %q", ErrCorrupt, magic)
}

// table is the polynomial of every checksum.
var table = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the checksum that blocks carry.
func Checksum(p []byte) uint32 { return crc32.Checksum(p, table) }

// Writer writes a stream in blocks. One goroutine.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter starts a stream at w's place.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write adds p to the stream.
func (b *Writer) Write(p []byte) (int, error) {
	b.buf = append(b.buf, p...)
	for len(b.buf) >= Size {
		if err := b.seal(Size); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close writes what is left; w stays open.
func (b *Writer) Close() error {
	if len(b.buf) == 0 {
		return nil
	}
	return b.seal(len(b.buf))
}

func (b *Writer) seal(size int) error {
	sum := binary.LittleEndian.AppendUint32(nil, Checksum(b.buf[:size]))
	if _, err := b.w.Write(b.buf[:size]); err != nil {
		return err
	}
	if _, err := b.w.Write(sum); err != nil {
		return err
	}
	b.buf = b.buf[:copy(b.buf, b.buf[size:])]
	return nil
}

// Reader reads what a Writer wrote. One goroutine.
type Reader struct {
	r     io.Reader
	buf   []byte
	at    int
	ended bool
}

// NewReader reads a stream from r's place to r's end.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next is the next n bytes, valid until the next call. A stream that is damaged
// or too short gives ErrCorrupt.
func (b *Reader) Next(n int) ([]byte, error) {
	for len(b.buf)-b.at < n {
		if err := b.more(); err != nil {
			return nil, err
		}
	}
	b.at += n
	return b.buf[b.at-n : b.at], nil
}

// ReadByte is the next byte.
func (b *Reader) ReadByte() (byte, error) {
	p, err := b.Next(1)
	if err != nil {
		return 0, err
	}
	return p[0], nil
}

// Uvarint is the next number of varying length, at most max.
func (b *Reader) Uvarint(most uint64) (uint64, error) {
	n, err := binary.ReadUvarint(b)
	if err == nil && n > most {
		err = fmt.Errorf("%w: %d where at most %d is possible", ErrCorrupt, n, most)
	}
	if err != nil && !errors.Is(err, ErrCorrupt) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return n, err
}

// All is the rest of the stream.
func (b *Reader) All() ([]byte, error) {
	for !b.ended {
		if err := b.more(); err != nil {
			return nil, err
		}
	}
	return b.buf[b.at:], nil
}

// End checks that the stream ends here.
func (b *Reader) End() error {
	for !b.ended && b.at == len(b.buf) {
		if err := b.more(); err != nil {
			return err
		}
	}
	if b.at < len(b.buf) {
		return fmt.Errorf("%w: it goes on behind its end", ErrCorrupt)
	}
	return nil
}

// more appends the next block to what is left of this one. All blocks but the
// last are whole.
func (b *Reader) more() error {
	if b.ended {
		return fmt.Errorf("%w: cut short", ErrCorrupt)
	}
	left := copy(b.buf, b.buf[b.at:])
	b.at = 0
	b.buf = slices.Grow(b.buf[:left], Size+4)[:left+Size+4]
	n, err := io.ReadFull(b.r, b.buf[left:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: cut short: %w", ErrCorrupt, err)
	}
	b.ended = err != nil
	if n == 0 {
		b.buf = b.buf[:left]
		return nil
	}
	if n < 4 {
		return fmt.Errorf("%w: cut short", ErrCorrupt)
	}
	body := b.buf[left : left+n-4]
	if binary.LittleEndian.Uint32(b.buf[left+n-4:]) != Checksum(body) {
		return fmt.Errorf("%w: checksum of a block", ErrCorrupt)
	}
	b.buf = b.buf[:left+n-4]
	return nil
}
