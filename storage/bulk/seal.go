package bulk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
)

const (
	sealMagic   = "KITHSEAL"
	sealVersion = 1
	sealHeader  = 24 // bytes of the stream before the name
	// mostName bounds the name of a file of rows.
	mostName = 255
)

// Seal says what a file of rows that is written in place had durably at one
// moment: for each of some slots the checksum of its row.
type Seal struct {
	File     string // the name of the file of rows, without its folder
	RowBytes int
	Applied  uint64     // raft index of a store that had all of the slots durably
	Slots    *index.Set // those that the seal is about
	// Sums are the checksums of their rows (Sum), in the order of the slots.
	Sums []uint32
}

// Sum is the checksum of a row, never 0.
func Sum(row []byte) uint32 { return max(block.Checksum(row), 1) }

// End is above every slot of the seal.
func (s *Seal) End() index.Slot {
	n := s.Slots.Len()
	if n == 0 {
		return 0
	}
	return s.Slots.At([]int{n - 1}, nil)[0] + 1
}

// Write writes a seal; to make it durable is the caller's. The form is in
// docs/formats.md.
func (s *Seal) Write(w io.Writer) error {
	if len(s.File) == 0 || len(s.File) > mostName || s.Slots.Len() != len(s.Sums) {
		return fmt.Errorf("bug: a seal of %d slots and %d sums, of file %q", s.Slots.Len(), len(s.Sums), s.File)
	}
	head := binary.LittleEndian.AppendUint32([]byte(sealMagic), sealVersion)
	if _, err := w.Write(head); err != nil {
		return err
	}
	out := block.NewWriter(w)
	end := s.End()
	raw := binary.LittleEndian.AppendUint64(nil, s.Applied)
	for _, n := range []uint32{uint32(s.RowBytes), uint32(end), uint32(len(s.Sums)), uint32(len(s.File))} {
		raw = binary.LittleEndian.AppendUint32(raw, n)
	}
	raw = append(raw, s.File...)
	for _, word := range words(s.Slots, end) {
		raw = binary.LittleEndian.AppendUint64(raw, word)
	}
	for _, sum := range s.Sums {
		raw = binary.LittleEndian.AppendUint32(raw, sum)
	}
	if _, err := out.Write(raw); err != nil {
		return err
	}
	return out.Close()
}

// words are a set as bits.
func words(set *index.Set, end index.Slot) []uint64 {
	out := make([]uint64, (int(end)+63)/64)
	for s := range set.All() {
		out[s/64] |= 1 << (s % 64)
	}
	return out
}

// ReadSeal reads a seal of rows of so many bytes. What is damaged gives
// block.ErrCorrupt, another version ErrVersion.
func ReadSeal(path string, rowBytes int) (*Seal, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, len(sealMagic)+4)
	if _, err := io.ReadFull(r, head); err != nil || !bytes.HasPrefix(head, []byte(sealMagic)) {
		return nil, fmt.Errorf("%w: it does not begin with %s", block.ErrCorrupt, sealMagic)
	}
	if v := binary.LittleEndian.Uint32(head[len(sealMagic):]); v != sealVersion {
		return nil, fmt.Errorf("%w: %d, this build knows %d", ErrVersion, v, sealVersion)
	}
	in := block.NewReader(r)
	s := &Seal{RowBytes: rowBytes}
	if err := s.read(in); err != nil {
		return nil, err
	}
	return s, in.End()
}

func (s *Seal) read(in *block.Reader) error {
	raw, err := in.Next(sealHeader)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	s.Applied = le.Uint64(raw)
	size, end, count, name := le.Uint32(raw[8:]), le.Uint32(raw[12:]), le.Uint32(raw[16:]), le.Uint32(raw[20:])
	if int64(size) != int64(s.RowBytes) || name == 0 || name > mostName || count > end {
		return fmt.Errorf("%w: %d rows of %d bytes below %d, not of %d, and a name of %d bytes", block.ErrCorrupt, count, size, end, s.RowBytes, name)
	}
	if raw, err = in.Next(int(name)); err != nil {
		return err
	}
	s.File = string(raw)
	if s.Slots, err = readWords(in, end, count); err != nil {
		return err
	}
	s.Sums = make([]uint32, 0, min(count, 1<<20)) // no more than what is there
	for range count {
		if raw, err = in.Next(4); err != nil {
			return err
		}
		s.Sums = append(s.Sums, le.Uint32(raw))
	}
	return nil
}

// readWords is a set of so many slots below end, from its bits.
func readWords(in *block.Reader, end, count uint32) (*index.Set, error) {
	raw, err := in.Next((int(end) + 63) / 64 * 8)
	if err != nil {
		return nil, err
	}
	words := make([]uint64, len(raw)/8)
	n := 0
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(raw[8*i:])
		n += bits.OnesCount64(words[i])
	}
	if w := len(words); w > 0 && end%64 != 0 && words[w-1]>>(end%64) != 0 || n != int(count) {
		return nil, fmt.Errorf("%w: %d slots, the header says %d below %d", block.ErrCorrupt, n, count, end)
	}
	var b index.Builder
	b.AddWords(words)
	return b.Done(), nil
}

// Rows reads some rows of a file of rows past the page cache, where the file
// system lets it.
//
// Concurrency: one goroutine. Lifetime: Close it once.
type Rows struct {
	file     *source
	rowBytes int
	buf      []byte
}

// OpenRows opens a file of rows.
func OpenRows(path string, rowBytes int) (*Rows, error) {
	file, err := openSource(path)
	if err != nil {
		return nil, err
	}
	if rowBytes < 1 || rowBytes > mostRow {
		return nil, errors.Join(fmt.Errorf("bug: rows of %d bytes", rowBytes), file.close())
	}
	return &Rows{file: file, rowBytes: rowBytes, buf: buffer(int(step(rowBytes)) * rowBytes)}, nil
}

// Step is how many rows a call of Read reads at most.
func (r *Rows) Step() int { return int(step(r.rowBytes)) }

// Read is the rows from one slot on, which Step divides, and below another, valid
// until the next call.
func (r *Rows) Read(from, to index.Slot) ([]byte, error) {
	size := int(to-from) * r.rowBytes
	if int(from)%r.Step() != 0 || size < 0 || size > len(r.buf) {
		return nil, fmt.Errorf("bug: rows %d to %d in steps of %d", from, to, r.Step())
	}
	at := int64(from) * int64(r.rowBytes)
	if info, err := r.file.plain.Stat(); err == nil && at+whole(int64(size)) <= info.Size() {
		return r.buf[:size], r.file.readAt(r.buf[:whole(int64(size))], at)
	}
	return r.buf[:size], r.file.readAt(r.buf[:size], at)
}

// Close lets go of the file.
func (r *Rows) Close() error { return r.file.close() }
