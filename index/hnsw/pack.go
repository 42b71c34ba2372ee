package hnsw

import (
	"errors"
	"sync/atomic"

	"github.com/kithdb/kith/index"
)

// Lists that grow leave their blocks, and so do the nodes that repairs take out:
// other lists of the same size take these, but a graph that has been through many
// of both has a third of its blocks to spare (DESIGN.md).

// SpareBytes is how much of LinkBytes no list has: Packed gives it back. Any
// goroutine.
func (g *Graph) SpareBytes() int64 {
	g.base.mu.Lock()
	defer g.base.mu.Unlock()
	return int64(g.base.spare) * unitBytes
}

// LinkBytes is the memory of the links, without codes and trees. Any goroutine.
func (g *Graph) LinkBytes() int64 {
	return g.base.Resident() + g.upper.Resident() + g.nodes.Resident()
}

// Packed is the same graph with its links in memory of their own that has no room
// to spare. Both have the same codes and trees, which the new one closes from now
// on; so it is closed after the old, of which nothing but searches, under way or
// to come, and Close may be called any more. Not beside what changes the graph or
// its trees, nor Save. On error, index.ErrStopped among them, nothing has changed.
func (g *Graph) Packed(p index.Pace) (*Graph, error) {
	fresh, err := newGraph(g.vectors, g.o, g.guide)
	if err != nil {
		return nil, err
	}
	if err := fresh.copyLinks(g, p); err != nil {
		fresh.lent = true
		return nil, errors.Join(err, fresh.Close())
	}
	fresh.entry.Store(g.entry.Load())
	fresh.forest.Store(g.forest.Load())
	g.lent = true
	return fresh, nil
}

// packStep is how many nodes are copied before others may have the processor: a
// millisecond.
const packStep = 1 << 12

// copyLinks has an empty graph take over all nodes and lists of another.
func (g *Graph) copyLinks(from *Graph, p index.Pace) error {
	slots := from.nodes.Rows().Len()
	if err := errors.Join(g.nodes.Grow(slots), g.upper.Grow(int(from.upperLists()))); err != nil {
		return err
	}
	for s := range uint32(slots) {
		if s%packStep == 0 && !p.Goes(0) {
			return index.ErrStopped
		}
		levels := from.levels(s)
		if levels == 0 {
			continue
		}
		node := g.nodes.Rows().Uint32s(s)
		node[1] = nodeWord(levels, g.rows)
		g.rows += uint32(levels) - 1
		for level := range levels {
			if err := g.copyList(from.list(s, level), s, level); err != nil {
				return err
			}
		}
		g.count.Add(1)
	}
	return nil
}

// copyList stores a list that nobody has seen yet.
func (g *Graph) copyList(old []uint32, s uint32, level int) (err error) {
	n := count(old)
	if n == 0 {
		return nil
	}
	list := g.list(s, level)
	if level == 0 {
		var at uint32
		if at, list, err = g.base.take(n); err != nil {
			return err
		}
		atomic.StoreUint32(&g.nodes.Rows().Uint32s(s)[0], at)
	}
	store(list, old[1:n+1])
	return nil
}
