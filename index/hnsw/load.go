package hnsw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/block"
)

// Load reads a graph that Save wrote, over the same vectors and with the same
// settings. Every checksum and every link is checked: a damaged file gives
// block.ErrCorrupt, never a graph that could lead a search astray. Codes that were
// saved are what walks go by; Meta says what they are called.
func Load(r io.Reader, vectors *arena.Arena, o Options) (*Graph, index.Meta, error) {
	h, err := readHeader(r, o)
	if err != nil {
		return nil, index.Meta{}, err
	}
	if int(h.Slots) > vectors.Rows().Len() {
		return nil, index.Meta{}, fmt.Errorf("%w: it has %d slots, there are %d vectors", block.ErrCorrupt, h.Slots, vectors.Rows().Len())
	}
	if !o.Loose {
		o.M, o.EfConstruct = int(h.M), int(h.Ef)
	}
	g, err := New(vectors, o)
	if err != nil {
		return nil, index.Meta{}, err
	}
	coding, err := g.read(block.NewReader(r), h)
	if err != nil {
		return nil, index.Meta{}, errors.Join(err, g.Close())
	}
	return g, index.Meta{High: index.Slot(h.High), Applied: h.Applied, Effort: int(h.Effort), Coding: coding}, nil
}

func readHeader(r io.Reader, o Options) (*header, error) {
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: header: %w", block.ErrCorrupt, err)
	}
	h := new(header)
	if _, err := binary.Decode(head, binary.LittleEndian, h); err != nil {
		return nil, fmt.Errorf("%w: header: %w", block.ErrCorrupt, err)
	}
	if err := block.Begins(h.Magic[:], magic); err != nil {
		return nil, err
	}
	switch {
	case h.Version == 0 || h.Version > version:
		return nil, fmt.Errorf("%w: %d, this build knows 1 to %d", ErrVersion, h.Version, version)
	case h.CRC != block.Checksum(head[:headerSize-4]):
		return nil, fmt.Errorf("%w: checksum of the header", block.ErrCorrupt)
	case h.Metric != uint32(o.Metric) || h.Dim != uint32(o.Dim) || !o.shaped(h) || h.Seed != o.Seed || !sameType(h.Type, o.Datatype):
		return nil, fmt.Errorf("%w: %+v", ErrSettings, *h)
	case uint64(h.Upper) > uint64(h.Slots)*maxLevel:
		return nil, fmt.Errorf("%w: %d upper lists for %d slots", block.ErrCorrupt, h.Upper, h.Slots)
	}
	return h, nil
}

// shaped reports whether a file's graph has the shape that is wanted.
func (o *Options) shaped(h *header) bool {
	if o.AsSaved && !o.Loose {
		return h.M != 0
	}
	return h.M == o.saved() && h.Ef == uint32(o.EfConstruct)
}

// sameType: not given is float32.
func sameType(saved uint32, d index.Datatype) bool {
	return max(saved, uint32(index.Float32)) == uint32(max(d, index.Float32))
}

// read answers what the file's codes are called, too.
func (g *Graph) read(b *block.Reader, h *header) (coding string, err error) {
	if err := g.readNodes(b, h); err != nil {
		return "", err
	}
	if h.Version > treeless {
		if err := g.readForest(b); err != nil {
			return "", err
		}
	}
	if h.Version > codeless {
		if coding, err = g.readCodes(b, h.Version); err != nil {
			return "", err
		}
	}
	if err := b.End(); err != nil {
		return "", err
	}
	return coding, g.check(h)
}

func (g *Graph) readNodes(b *block.Reader, h *header) error {
	if err := g.nodes.Grow(int(h.Slots)); err != nil {
		return err
	}
	if err := g.upper.Grow(int(h.Upper)); err != nil {
		return err
	}
	for s := range h.Slots {
		if err := g.readNode(b, s, h); err != nil {
			return err
		}
	}
	if g.rows != h.Upper {
		return fmt.Errorf("%w: %d lists on the higher levels, the header says %d", block.ErrCorrupt, g.rows, h.Upper)
	}
	return nil
}

func (g *Graph) readNode(b *block.Reader, s uint32, h *header) error {
	head, err := b.Next(1)
	if err != nil {
		return err
	}
	levels := int(head[0])
	switch {
	case levels == 0:
		return nil
	case levels > maxLevel+1 || uint64(g.rows)+uint64(levels)-1 > uint64(h.Upper):
		return fmt.Errorf("%w: node %d is on %d levels", block.ErrCorrupt, s, levels)
	}
	node := g.nodes.Rows().Uint32s(s)
	node[1] = nodeWord(levels, g.rows)
	g.rows += uint32(levels) - 1
	for level := range levels {
		raw, err := readLinks(b, g.o.most(level))
		if err != nil {
			return err
		}
		if len(raw) == 0 {
			continue
		}
		list := g.list(s, level)
		if level == 0 {
			if node[0], list, err = g.base.take(len(raw) / 4); err != nil {
				return err
			}
		}
		fill(list, raw)
	}
	g.count.Add(1)
	return nil
}

// check proves that no walk can leave the graph: every link names a node that
// reaches the link's level. It takes over the entry.
func (g *Graph) check(h *header) error {
	if uint32(g.Len()) != h.Count {
		return fmt.Errorf("%w: %d nodes, the header says %d", block.ErrCorrupt, g.Len(), h.Count)
	}
	if err := g.checkLinks(h.Slots); err != nil {
		return err
	}
	if h.Entry == noEntry && (h.Count == 0 || g.o.Loose) {
		return nil
	}
	s, level := uint32(h.Entry), h.Entry>>32
	if uint64(g.levels(s)) != level+1 {
		return fmt.Errorf("%w: entry %d at level %d", block.ErrCorrupt, s, level)
	}
	g.entry.Store(h.Entry)
	return nil
}

// checkLinks proves of every link that it names a node on the link's level. All
// cores look, each at a stretch of the nodes.
func (g *Graph) checkLinks(slots uint32) error {
	on := g.onLevel0(slots)
	workers := uint32(runtime.GOMAXPROCS(0))
	step := slots/workers + 1
	faults := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { faults[w] = g.checkStretch(on, min(w*step, slots), min((w+1)*step, slots), slots) })
	}
	wg.Wait()
	return errors.Join(faults...)
}

func (g *Graph) checkStretch(on []uint64, from, to, slots uint32) error {
	for s := from; s < to; s++ {
		for level := range g.levels(s) {
			list := g.list(s, level)
			for _, to := range list[1 : count(list)+1] {
				if to >= slots || on[to/64]>>(to%64)&1 == 0 || level > 0 && g.levels(to) <= level {
					return fmt.Errorf("%w: node %d links to %d, which is not on level %d", block.ErrCorrupt, s, to, level)
				}
			}
		}
	}
	return nil
}

// onLevel0 is a bit for each node: almost all links are checked against these,
// which fit into a core's cache where the nodes' levels do not.
func (g *Graph) onLevel0(slots uint32) []uint64 {
	nodes, bits := g.nodes.Rows(), make([]uint64, slots/64+1)
	for s := range slots {
		if levelsOf(nodes.Uint32s(s)[1]) > 0 {
			bits[s/64] |= 1 << (s % 64)
		}
	}
	return bits
}

// readLinks reads a list of at most so many, 4 bytes each, valid until the next
// read.
func readLinks(b *block.Reader, most int) ([]byte, error) {
	head, err := b.Next(2)
	if err != nil {
		return nil, err
	}
	n := int(binary.LittleEndian.Uint16(head))
	if n > most {
		return nil, fmt.Errorf("%w: a list of %d links", block.ErrCorrupt, n)
	}
	return b.Next(4 * n)
}

// fill is store for a list that nobody has seen yet, from a file's bytes.
func fill(list []uint32, raw []byte) {
	n := len(raw) / 4
	list[0] = list[0]&^countMask | uint32(n)
	for i, to := 0, list[1:n+1]; i < n; i++ {
		to[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
}
