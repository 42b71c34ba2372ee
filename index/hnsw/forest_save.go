package hnsw

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/block"
)

// mostName bounds the bytes of a tenant's names in a checkpoint.
const mostName = 1 << 20

// save writes the groves behind the graph's own nodes.
func (f *forest) save(b *block.Writer) error {
	buf := binary.AppendUvarint(nil, uint64(len(f.groves)))
	for _, x := range f.groves {
		for _, n := range []int{x.o.M, x.nodes.Rows().Len(), int(x.upperLists())} {
			buf = binary.AppendUvarint(buf, uint64(n))
		}
		for s := range uint32(x.nodes.Rows().Len()) {
			if buf = x.appendNode(buf, s); len(buf) >= block.Size {
				if _, err := b.Write(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
		}
		buf = f.appendTrees(buf, x)
	}
	_, err := b.Write(buf)
	return err
}

// appendTrees appends a grove's trees, in order of their names.
func (f *forest) appendTrees(dst []byte, grove *Graph) []byte {
	var names []Tenant
	for name, t := range f.trees {
		if t.g == grove {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b Tenant) int { return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Value, b.Value)) })
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		t := f.trees[name]
		for _, text := range []string{name.Field, name.Value} {
			dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
		}
		dst = binary.LittleEndian.AppendUint64(dst, t.entry.Load())
		r := t.rim.Load()
		if r == nil {
			r = &rim{}
		}
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(r.edge))
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(r.dist))
		dst = binary.AppendUvarint(dst, uint64(r.members))
		members, last := t.Members(), index.Slot(0)
		dst = binary.AppendUvarint(dst, uint64(members.Len()))
		for s := range members.All() {
			dst = binary.AppendUvarint(dst, uint64(s-last))
			last = s
		}
	}
	return dst
}

// readForest reads what save wrote.
func (g *Graph) readForest(b *block.Reader) error {
	n, err := b.Uvarint(mostGroves)
	if err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	f := &forest{trees: map[Tenant]*Tree{}}
	g.forest.Store(f) // Close frees what was read
	for range n {
		if err := g.readGrove(b, f); err != nil {
			return err
		}
	}
	return nil
}

func (g *Graph) readGrove(b *block.Reader, f *forest) error {
	m, err := b.Uvarint(512)
	if err != nil {
		return err
	}
	if f.m != 0 && int(m) != f.m {
		return fmt.Errorf("%w: groves of %d and %d links", block.ErrCorrupt, f.m, m)
	}
	f.m = int(m)
	slots, err := b.Uvarint(uint64(g.nodes.Rows().Len()))
	if err != nil {
		return err
	}
	upper, err := b.Uvarint(slots * maxLevel)
	if err != nil {
		return err
	}
	x, err := g.newGrove(f.m)
	if err != nil {
		return fmt.Errorf("%w: %w", block.ErrCorrupt, err)
	}
	f.groves = append(f.groves, x)
	if err := x.readNodes(b, &header{Slots: uint32(slots), Upper: uint32(upper)}); err != nil {
		return err
	}
	if err := x.checkLinks(uint32(slots)); err != nil {
		return err
	}
	for s := range uint32(slots) {
		if x.levels(s) > 0 && g.levels(s) == 0 {
			return fmt.Errorf("%w: a tree has node %d, the graph has not", block.ErrCorrupt, s)
		}
	}
	return x.readTrees(b, f)
}

func (g *Graph) readTrees(b *block.Reader, f *forest) error {
	trees, err := b.Uvarint(uint64(g.Len()) + 1)
	if err != nil {
		return err
	}
	taken := (*index.Set)(nil).Edit()
	for range trees {
		var names [2]string
		for i := range names {
			n, err := b.Uvarint(mostName)
			if err != nil {
				return err
			}
			text, err := b.Next(int(n))
			if err != nil {
				return err
			}
			names[i] = string(text)
		}
		t, err := g.readTree(b, taken)
		if err != nil {
			return err
		}
		f.trees[Tenant{names[0], names[1]}] = t
	}
	return nil
}

// readRim reads a rim, nil for one of no members.
func readRim(b *block.Reader) (*rim, error) {
	raw, err := b.Next(8)
	if err != nil {
		return nil, err
	}
	r := &rim{edge: math.Float32frombits(binary.LittleEndian.Uint32(raw)), dist: math.Float32frombits(binary.LittleEndian.Uint32(raw[4:]))}
	members, err := b.Uvarint(maxSlot)
	if err != nil || members == 0 {
		return nil, err
	}
	if !(r.edge <= r.dist) {
		return nil, fmt.Errorf("%w: the rim of a tree lies within its edge", block.ErrCorrupt)
	}
	r.members = int(members)
	return r, nil
}

// readTree reads one tree, whose members no other of its grove has.
func (g *Graph) readTree(b *block.Reader, taken *index.Editor) (*Tree, error) {
	raw, err := b.Next(8)
	if err != nil {
		return nil, err
	}
	entry := binary.LittleEndian.Uint64(raw)
	edge, err := readRim(b)
	if err != nil {
		return nil, err
	}
	count, err := b.Uvarint(uint64(g.Len()))
	if err != nil {
		return nil, err
	}
	var members index.Builder
	last := uint64(0)
	for range count {
		step, err := b.Uvarint(maxSlot)
		if err != nil {
			return nil, err
		}
		last += step
		if last >= maxSlot || g.levels(uint32(last)) == 0 || !taken.Add(index.Slot(last)) {
			return nil, fmt.Errorf("%w: a tree has %d, which is in none or in another", block.ErrCorrupt, last)
		}
		members.Add(index.Slot(last))
	}
	t := newTree(g, members.Done())
	t.rim.Store(edge)
	if entry == noEntry && count == 0 {
		return t, nil
	}
	s, level := uint32(entry), entry>>32
	if uint64(g.levels(s)) != level+1 || !t.Members().Contains(index.Slot(s)) {
		return nil, fmt.Errorf("%w: entry %d at level %d of a tree", block.ErrCorrupt, s, level)
	}
	t.entry.Store(entry)
	return t, nil
}
