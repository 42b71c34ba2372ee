package hnsw

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
)

var (
	// ErrVersion: a graph of a version that this build does not know.
	ErrVersion = errors.New("unknown version of the graph checkpoint")
	// ErrSettings: a graph of other settings than asked for.
	ErrSettings = errors.New("graph checkpoint has other settings")
)

// The form is in docs/formats.md.
const (
	magic      = block.HNSW
	version    = 6 // 5 had no heads in codes, 4 sketches of one row; 3 no codes, 2 no trees; 1 no datatype: zeros there, float32
	headed     = 5 // its codes are left aside, and made anew, where a head is in them now
	oneRowed   = 4 // its sketches are left aside, and made anew
	codeless   = 3 // what has no codes is written as this, for older builds
	treeless   = 2 // and what has no trees either as this
	headerSize = 80
)

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

// saved is M in the header: 0 of a graph without links.
func (o *Options) saved() uint32 {
	if o.Loose {
		return 0
	}
	return uint32(o.M)
}

// Save writes the graph. Not beside Insert or Repair.
func (g *Graph) Save(w io.Writer, m index.Meta) error {
	trees, by := g.forest.Load(), g.guide.Load()
	if by != nil && by.rows.Rows().Len() < g.nodes.Rows().Len() {
		by = nil // an insert that failed has left them short
	}
	h := header{
		Version: version, Metric: uint32(g.o.Metric), Dim: uint32(g.o.Dim), M: g.o.saved(), Ef: uint32(g.o.EfConstruct),
		Effort: uint32(m.Effort), Slots: uint32(g.nodes.Rows().Len()), Upper: g.upperLists(), Count: uint32(g.Len()),
		High: uint32(m.High), Applied: m.Applied, Entry: g.entry.Load(), Seed: g.o.Seed, Type: uint32(g.o.Datatype),
	}
	switch {
	case by != nil:
	case trees != nil:
		h.Version = codeless
	default:
		h.Version = treeless
	}
	copy(h.Magic[:], magic)
	head, err := binary.Append(nil, binary.LittleEndian, &h)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(head[headerSize-4:], block.Checksum(head[:headerSize-4]))
	if _, err := w.Write(head); err != nil {
		return err
	}
	b, buf := block.NewWriter(w), []byte(nil)
	for s := range h.Slots {
		buf = g.appendNode(buf[:0], s)
		if _, err := b.Write(buf); err != nil {
			return err
		}
	}
	if trees == nil {
		trees = &forest{}
	}
	if h.Version > treeless {
		if err := trees.save(b); err != nil {
			return err
		}
	}
	if h.Version > codeless {
		if err := g.saveCodes(b, by, m.Coding); err != nil {
			return err
		}
	}
	return b.Close()
}

func (g *Graph) upperLists() (n uint32) {
	for s := range uint32(g.nodes.Rows().Len()) {
		n += uint32(max(g.levels(s)-1, 0))
	}
	return n
}

// appendNode appends a node's levels and its list on each.
func (g *Graph) appendNode(dst []byte, s uint32) []byte {
	levels := g.levels(s)
	dst = append(dst, byte(levels))
	for level := range levels {
		list := g.list(s, level)
		n := count(list)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
		for _, to := range list[1 : n+1] {
			dst = binary.LittleEndian.AppendUint32(dst, to)
		}
	}
	return dst
}
