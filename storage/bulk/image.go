package bulk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
)

// The form is in docs/formats.md.
const (
	magic      = "KITHROWS"
	version    = 1
	headerSize = 52
	// pieceBytes is about what is read, and checked, at once.
	pieceBytes = 2 << 20
	// mostRow bounds the bytes of a row, beyond what any schema lets through.
	mostRow = 1 << 20
)

// ErrVersion: the image is of a version that this build does not know.
var ErrVersion = errors.New("image of an unknown version")

type header struct {
	Magic    [8]byte
	Version  uint32
	RowBytes uint32
	Step     uint32 // slots of a piece
	End      uint32 // slots are below
	Count    uint32 // slots that the image has
	Table    uint32 // bytes of the table, its checksums included
	Applied  uint64
	Reserved uint64
	CRC      uint32 // of what is before
}

// Image is the rows of some slots of one vector, in a file: row after row, each
// at the place of its slot.
//
// Concurrency: one goroutine. Lifetime: Close it once.
type Image struct {
	// Slots are those that the image has.
	Slots *index.Set
	// Applied is the raft index of a store that had all of them.
	Applied uint64

	file *source
	head header
	sums []uint32 // by piece
}

// Open opens an image of rows of so many bytes. Its header and its table are
// checked, its rows are when they are read. What is damaged gives
// block.ErrCorrupt.
func Open(path string, rowBytes int) (*Image, error) {
	file, err := openSource(path)
	if err != nil {
		return nil, err
	}
	m := &Image{file: file}
	if err := m.open(rowBytes); err != nil {
		return nil, errors.Join(err, file.close())
	}
	return m, nil
}

func (m *Image) open(rowBytes int) error {
	raw := make([]byte, headerSize)
	if err := m.file.readAt(raw, 0); err != nil {
		return fmt.Errorf("%w: header: %w", block.ErrCorrupt, err)
	}
	h := &m.head
	if _, err := binary.Decode(raw, binary.LittleEndian, h); err != nil {
		return fmt.Errorf("%w: header: %w", block.ErrCorrupt, err)
	}
	switch {
	case string(h.Magic[:]) != magic:
		return fmt.Errorf("%w: it does not begin with %s", block.ErrCorrupt, magic)
	case h.Version != version:
		return fmt.Errorf("%w: %d, this build knows %d", ErrVersion, h.Version, version)
	case h.CRC != block.Checksum(raw[:headerSize-4]):
		return fmt.Errorf("%w: checksum of the header", block.ErrCorrupt)
	case int(h.RowBytes) != rowBytes || h.Step != step(rowBytes):
		return fmt.Errorf("%w: rows of %d bytes in pieces of %d, not of %d", block.ErrCorrupt, h.RowBytes, h.Step, rowBytes)
	}
	info, err := m.file.plain.Stat()
	if err != nil {
		return err
	}
	if want := h.tableAt() + whole(int64(h.Table)); info.Size() != want {
		return fmt.Errorf("%w: %d bytes, not %d", block.ErrCorrupt, info.Size(), want)
	}
	m.Applied = h.Applied
	return m.readTable()
}

// readTable reads the checksums of the pieces, and which slots there are.
func (m *Image) readTable() error {
	h := &m.head
	in := block.NewReader(io.NewSectionReader(m.file.plain, h.tableAt(), int64(h.Table)))
	sums, err := in.Next(4 * h.pieces())
	if err != nil {
		return err
	}
	m.sums = make([]uint32, h.pieces())
	for i := range m.sums {
		m.sums[i] = binary.LittleEndian.Uint32(sums[4*i:])
	}
	if m.Slots, err = readWords(in, h.End, h.Count); err != nil {
		return err
	}
	return in.End()
}

// Close lets go of the file.
func (m *Image) Close() error { return m.file.close() }

// End is above every slot of the image.
func (m *Image) End() index.Slot { return index.Slot(m.head.End) }

// step is the slots of a piece: whole pages of whole rows, about pieceBytes.
func step(rowBytes int) uint32 {
	unit := page >> min(bits.TrailingZeros(uint(rowBytes)), bits.TrailingZeros(page))
	return uint32(unit * max(1, pieceBytes/(unit*rowBytes)))
}

func (h *header) pieces() int { return (int(h.End) + int(h.Step) - 1) / int(h.Step) }

// slots are those of a piece: from one on and below another.
func (h *header) slots(piece int) (from, to index.Slot) {
	from = index.Slot(piece) * index.Slot(h.Step)
	return from, from + index.Slot(min(h.Step, h.End-uint32(from)))
}

func (h *header) pieceBytes() int64 { return int64(h.Step) * int64(h.RowBytes) }
func (h *header) tableAt() int64    { return page + int64(h.pieces())*h.pieceBytes() }

// Read fills rows, whose first byte is that of slot 0's row and which reach to
// End, with the image. Rows of slots that it has not become zero, or stay as they
// are. What cannot be read, or is not what was written, becomes zero, and is taken
// out of Slots; the error says so, and all else is there.
func (m *Image) Read(rows []byte) error {
	if int64(len(rows)) < int64(m.head.End)*int64(m.head.RowBytes) {
		return fmt.Errorf("bug: %d bytes for %d rows of %d", len(rows), m.head.End, m.head.RowBytes)
	}
	var at atomic.Int64
	var wg sync.WaitGroup
	faults := make([]error, m.head.pieces())
	for range min(ahead, len(faults)) {
		wg.Go(func() {
			var spare []byte
			for i := at.Add(1) - 1; i < int64(len(faults)); i = at.Add(1) - 1 {
				spare, faults[i] = m.readPiece(int(i), rows, spare)
			}
		})
	}
	wg.Wait()
	return m.without(faults)
}

// readPiece reads straight to where the rows are wanted, or, where they end
// within the piece or do not lie at a page, by way of spare.
func (m *Image) readPiece(i int, rows, spare []byte) ([]byte, error) {
	if m.Slots.Count(m.head.slots(i)) == 0 {
		return spare, nil // a hole, which is to take no memory either
	}
	from, size := int64(i)*m.head.pieceBytes(), m.head.pieceBytes()
	to := min(from+size, int64(m.head.End)*int64(m.head.RowBytes))
	place := rows[from:to]
	piece := place
	if int64(len(place)) < size || !aligned(place) {
		if spare == nil {
			spare = buffer(int(size))
		}
		piece = spare
	}
	err := m.file.readAt(piece, page+from)
	if err == nil && block.Checksum(piece) != m.sums[i] {
		err = fmt.Errorf("%w: checksum of piece %d", block.ErrCorrupt, i)
	}
	switch {
	case err != nil:
		clear(place)
	case len(piece) > 0 && &piece[0] != &place[0]:
		copy(place, piece)
	}
	return spare, err
}

// without takes the slots of pieces that could not be read out of the image.
func (m *Image) without(faults []error) (err error) {
	bad := (*index.Set)(nil).Edit()
	for i, fault := range faults {
		if fault == nil {
			continue
		}
		if err == nil {
			err = fault
		}
		for s := range m.Slots.Range(m.head.slots(i)) {
			bad.Add(s)
		}
	}
	if err == nil {
		return nil
	}
	m.Slots = m.Slots.AndNot(bad.Done())
	return err
}

// encode is the header's page.
func (h *header) encode() ([]byte, error) {
	copy(h.Magic[:], magic)
	h.Version = version
	raw, err := binary.Append(nil, binary.LittleEndian, h)
	if err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint32(raw[headerSize-4:], block.Checksum(raw[:headerSize-4]))
	out := buffer(page)
	copy(out, raw)
	return out, nil
}

// table is the part behind the rows, in whole pages, and how long it is without
// what fills the last one.
func (h *header) table(sums []uint32, slots *index.Set) (padded []byte, size int, err error) {
	var out bytes.Buffer
	w := block.NewWriter(&out)
	raw := make([]byte, 0, 4*len(sums))
	for _, sum := range sums {
		raw = binary.LittleEndian.AppendUint32(raw, sum)
	}
	for _, word := range words(slots, index.Slot(h.End)) {
		raw = binary.LittleEndian.AppendUint64(raw, word)
	}
	if _, err := w.Write(raw); err != nil {
		return nil, 0, err
	}
	if err := w.Close(); err != nil {
		return nil, 0, err
	}
	padded = buffer(int(whole(int64(out.Len()))))
	return padded, copy(padded, out.Bytes()), nil
}

// sink is a file under way: direct where that can be.
func sink(path string) (*os.File, error) {
	const flags = os.O_CREATE | os.O_TRUNC | os.O_WRONLY
	if f, err := openDirect(path, flags); err == nil {
		return f, nil
	}
	return os.OpenFile(path, flags, 0o600)
}
