package hnsw

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

// Meta is what a checkpoint says beside the graph.
type Meta struct {
	High    index.Slot // every slot that was live below it is in the graph
	Applied uint64     // log index of the store that the graph agrees with
	Effort  int        // measured ef, 0 when not measured
}

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
	version    = 1
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
	Slots   uint32 // rows of the node and base tables
	Upper   uint32 // rows of the upper table
	Count   uint32
	High    uint32
	Applied uint64
	Entry   uint64
	_       [12]byte
	CRC     uint32 // of what is before
}

// Save writes the graph. Not beside Insert or Repair.
func (g *Graph) Save(w io.Writer, m Meta) error {
	nodes, upper, rows := g.compact()
	h := header{
		Version: version, Metric: uint32(g.o.Metric), Dim: uint32(g.o.Dim), M: uint32(g.o.M), Ef: uint32(g.o.EfConstruct),
		Effort: uint32(m.Effort), Slots: uint32(g.nodes.Rows().Len()), Upper: rows, Count: uint32(g.Len()),
		High: uint32(m.High), Applied: m.Applied, Entry: g.entry.Load(),
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
	for _, table := range [][]byte{nodes, upper, table(g.base.Rows())} {
		if err := writeBlocks(w, table); err != nil {
			return err
		}
	}
	return nil
}

// compact copies the node and upper tables without the rows that removed nodes
// left behind.
func (g *Graph) compact() (nodes, upper []byte, rows uint32) {
	nodes = append(nodes, table(g.nodes.Rows())...)
	old := g.upper.Rows()
	for at := 0; at < len(nodes); at += 8 {
		level := binary.NativeEndian.Uint32(nodes[at:])
		if level < 2 {
			binary.NativeEndian.PutUint32(nodes[at+4:], 0)
			continue
		}
		first := binary.NativeEndian.Uint32(nodes[at+4:])
		binary.NativeEndian.PutUint32(nodes[at+4:], rows)
		for l := range level - 1 {
			upper = append(upper, old.Bytes(first+l)...)
		}
		rows += level - 1
	}
	return nodes, upper, rows
}

// table is all rows of an arena as bytes.
func table(r arena.Rows) []byte {
	if r.Len() == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(r.Base()), r.Len()*r.Stride())
}

func writeBlocks(w io.Writer, table []byte) error {
	for len(table) > 0 {
		n := min(len(table), blockSize)
		if _, err := w.Write(table[:n]); err != nil {
			return err
		}
		sum := binary.LittleEndian.AppendUint32(nil, crc32.Checksum(table[:n], castagnoli))
		if _, err := w.Write(sum); err != nil {
			return err
		}
		table = table[n:]
	}
	return nil
}
