package hnsw

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/kithdb/kith/index"
)

var (
	// ErrCorrupt: the bytes are not a graph, or not whole.
	ErrCorrupt = errors.New("graph checkpoint is corrupt")
	// ErrVersion: a graph of a version that this build does not know.
	ErrVersion = errors.New("unknown version of the graph checkpoint")
	// ErrSettings: a graph of other settings than asked for.
	ErrSettings = errors.New("graph checkpoint has other settings")
)

// The form is in docs/formats.md.
const (
	magic      = "KITHHNSW"
	version    = 2 // 1 had no datatype: zeros there, float32
	headerSize = 80
	blockSize  = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the first headerSize bytes, little-endian in this order.
type header struct {
	Magic   [8]byte
	Version uint32
	Metric  uint32
	Dim     uint32
	M       uint32
	Ef      uint32
	Effort  uint32
	Slots   uint32 // the nodes' slots are below
	Upper   uint32 // lists on the higher levels
	Count   uint32
	High    uint32
	Applied uint64
	Entry   uint64
	Seed    uint64
	Type    uint32 // the datatype; 0 is float32
	CRC     uint32 // of what is before
}

// Save writes the graph. Not beside Insert or Repair.
func (g *Graph) Save(w io.Writer, m index.Meta) error {
	h := header{
		Version: version, Metric: uint32(g.o.Metric), Dim: uint32(g.o.Dim), M: uint32(g.o.M), Ef: uint32(g.o.EfConstruct),
		Effort: uint32(m.Effort), Slots: uint32(g.nodes.Rows().Len()), Upper: g.upperLists(), Count: uint32(g.Len()),
		High: uint32(m.High), Applied: m.Applied, Entry: g.entry.Load(), Seed: g.o.Seed, Type: uint32(g.o.Datatype),
	}
	copy(h.Magic[:], magic)
	head, err := binary.Append(nil, binary.LittleEndian, &h)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(head[headerSize-4:], crc32.Checksum(head[:headerSize-4], castagnoli))
	if _, err := w.Write(head); err != nil {
		return err
	}
	b := &blockWriter{w: w, buf: make([]byte, 0, blockSize+1<<12)}
	for s := range h.Slots {
		if err := b.node(g, s); err != nil {
			return err
		}
	}
	return b.flush()
}

func (g *Graph) upperLists() (n uint32) {
	for s := range uint32(g.nodes.Rows().Len()) {
		n += uint32(max(g.levels(s)-1, 0))
	}
	return n
}

// blockWriter cuts a stream into blocks with a checksum behind each.
type blockWriter struct {
	w   io.Writer
	buf []byte
}

// node writes a node's levels and its list on each.
func (b *blockWriter) node(g *Graph, s uint32) error {
	levels := g.levels(s)
	b.buf = append(b.buf, byte(levels))
	for level := range levels {
		list := g.list(s, level)
		n := count(list)
		b.buf = binary.LittleEndian.AppendUint16(b.buf, uint16(n))
		for _, to := range list[1 : n+1] {
			b.buf = binary.LittleEndian.AppendUint32(b.buf, to)
		}
	}
	if len(b.buf) < blockSize {
		return nil
	}
	return b.block(blockSize)
}

func (b *blockWriter) block(size int) error {
	sum := binary.LittleEndian.AppendUint32(nil, crc32.Checksum(b.buf[:size], castagnoli))
	if _, err := b.w.Write(b.buf[:size]); err != nil {
		return err
	}
	if _, err := b.w.Write(sum); err != nil {
		return err
	}
	b.buf = b.buf[:copy(b.buf, b.buf[size:])]
	return nil
}

func (b *blockWriter) flush() error {
	for len(b.buf) > 0 {
		if err := b.block(min(len(b.buf), blockSize)); err != nil {
			return err
		}
	}
	return nil
}
