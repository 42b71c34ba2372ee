package hnsw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

// Load reads a graph that Save wrote, over the same vectors and with the same
// settings. Every checksum and every link is checked: a damaged file gives
// ErrCorrupt, never a graph that could lead a search astray.
func Load(r io.Reader, vectors *arena.Arena, o Options) (*Graph, Meta, error) {
	h, err := readHeader(r, o)
	if err != nil {
		return nil, Meta{}, err
	}
	if int(h.Slots) > vectors.Rows().Len() {
		return nil, Meta{}, fmt.Errorf("%w: it has %d slots, there are %d vectors", ErrCorrupt, h.Slots, vectors.Rows().Len())
	}
	g, err := New(vectors, o)
	if err != nil {
		return nil, Meta{}, err
	}
	if err := g.read(r, h); err != nil {
		return nil, Meta{}, errors.Join(err, g.Close())
	}
	return g, Meta{High: index.Slot(h.High), Applied: h.Applied, Effort: int(h.Effort)}, nil
}

func readHeader(r io.Reader, o Options) (*header, error) {
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	h := new(header)
	if _, err := binary.Decode(head, binary.LittleEndian, h); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	switch {
	case !bytes.Equal(h.Magic[:], []byte(magic)):
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrCorrupt, magic)
	case h.Version != version:
		return nil, fmt.Errorf("%w: %d, this build knows %d", ErrVersion, h.Version, version)
	case h.CRC != crc32.Checksum(head[:headerSize-4], castagnoli):
		return nil, fmt.Errorf("%w: checksum of the header", ErrCorrupt)
	case h.Metric != uint32(o.Metric) || h.Dim != uint32(o.Dim) || h.M != uint32(o.M) || h.Ef != uint32(o.EfConstruct):
		return nil, fmt.Errorf("%w: %+v", ErrSettings, *h)
	case h.Upper > h.Slots*uint32(maxLevel) && h.Slots < 1<<27:
		return nil, fmt.Errorf("%w: %d upper rows for %d slots", ErrCorrupt, h.Upper, h.Slots)
	}
	return h, nil
}

func (g *Graph) read(r io.Reader, h *header) error {
	for _, t := range []struct {
		a    *arena.Arena
		rows uint32
	}{{g.nodes, h.Slots}, {g.upper, h.Upper}, {g.base, h.Slots}} {
		if err := t.a.Grow(int(t.rows)); err != nil {
			return err
		}
		if err := readBlocks(r, table(t.a.Rows())); err != nil {
			return err
		}
	}
	g.rows = h.Upper
	return g.check(h)
}

func readBlocks(r io.Reader, table []byte) error {
	var sum [4]byte
	for at := 0; at < len(table); at += blockSize {
		block := table[at:min(at+blockSize, len(table))]
		if _, err := io.ReadFull(r, block); err != nil {
			return fmt.Errorf("%w: cut short: %w", ErrCorrupt, err)
		}
		if _, err := io.ReadFull(r, sum[:]); err != nil {
			return fmt.Errorf("%w: cut short: %w", ErrCorrupt, err)
		}
		if binary.LittleEndian.Uint32(sum[:]) != crc32.Checksum(block, castagnoli) {
			return fmt.Errorf("%w: checksum of a block", ErrCorrupt)
		}
	}
	return nil
}

// check proves that no walk can leave the tables: every link names a node that
// reaches the link's level. It takes over the entry and the count.
func (g *Graph) check(h *header) error {
	count := uint32(0)
	for s := range h.Slots {
		node := g.nodes.Rows().Uint32s(s)
		if node[0] == 0 {
			continue
		}
		count++
		if node[0] > maxLevel+1 || uint64(node[1])+uint64(node[0])-1 > uint64(h.Upper) {
			return fmt.Errorf("%w: node %d has level %d", ErrCorrupt, s, node[0]-1)
		}
		for level := range int(node[0]) {
			if err := g.checkList(g.list(s, level), s, level); err != nil {
				return err
			}
		}
	}
	if count != h.Count {
		return fmt.Errorf("%w: %d nodes, the header says %d", ErrCorrupt, count, h.Count)
	}
	g.count.Store(int64(count))
	if h.Entry == noEntry && count == 0 {
		return nil
	}
	s, level := uint32(h.Entry), h.Entry>>32
	if s >= h.Slots || uint64(g.nodes.Rows().Uint32s(s)[0]) != level+1 {
		return fmt.Errorf("%w: entry %d at level %d", ErrCorrupt, s, level)
	}
	g.entry.Store(h.Entry)
	return nil
}

func (g *Graph) checkList(list []uint32, s uint32, level int) error {
	if int(list[0]) >= len(list) {
		return fmt.Errorf("%w: node %d has %d links", ErrCorrupt, s, list[0])
	}
	nodes := g.nodes.Rows()
	for _, to := range list[1 : list[0]+1] {
		if int(to) >= nodes.Len() || nodes.Uint32s(to)[0] <= uint32(level) {
			return fmt.Errorf("%w: node %d links to %d, which is not on level %d", ErrCorrupt, s, to, level)
		}
	}
	return nil
}
