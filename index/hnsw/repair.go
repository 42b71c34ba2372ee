package hnsw

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
)

// Repair takes the nodes that are not live out of the graph and answers how
// many. Whoever linked to one is linked to its neighbours instead, chosen as an
// insert would. Not beside Insert or Save; searches go on.
func (g *Graph) Repair(live *index.Set, workers int) (removed int) {
	var dead []uint32
	for s := range uint32(g.nodes.Rows().Len()) {
		if g.Contains(index.Slot(s)) && !live.Contains(index.Slot(s)) {
			dead = append(dead, s)
		}
	}
	if len(dead) == 0 {
		return 0
	}
	g.reenter(live)
	var wg sync.WaitGroup
	var next atomic.Uint32
	for range max(workers, 1) {
		wg.Go(func() {
			const stretch = 1024
			for {
				from := next.Add(stretch) - stretch
				to := min(from+stretch, uint32(g.nodes.Rows().Len()))
				if from >= to {
					return
				}
				for s := from; s < to; s++ {
					if g.Contains(index.Slot(s)) && live.Contains(index.Slot(s)) {
						g.mend(s, live)
					}
				}
			}
		})
	}
	wg.Wait()
	g.remove(dead)
	return len(dead)
}

// reenter moves the entry to the highest live node.
func (g *Graph) reenter(live *index.Set) {
	entry, top := noEntry, -1
	nodes := g.nodes.Rows()
	for s := range uint32(nodes.Len()) {
		if level := int(nodes.Uint32s(s)[0]) - 1; level > top && live.Contains(index.Slot(s)) {
			entry, top = packEntry(level, index.Slot(s)), level
		}
	}
	g.entry.Store(entry)
}

// mend replaces a live node's links to dead ones.
func (g *Graph) mend(s uint32, live *index.Set) {
	levels := int(g.nodes.Rows().Uint32s(s)[0])
	for level := range levels {
		for _, to := range g.relinkLive(s, level, live) {
			g.link(uint32(to.Slot), s, level, to.Dist)
		}
	}
}

// relinkLive chooses a node's links anew when one of them is dead, and answers
// the chosen.
func (g *Graph) relinkLive(s uint32, level int, live *index.Set) []index.Hit {
	mu := &g.stripe[s%stripes]
	mu.Lock()
	defer mu.Unlock()
	list := g.list(s, level)
	near, whole := g.liveAround(s, level, live)
	if whole {
		return nil
	}
	if len(near) == 0 {
		near = g.searchLive(s, level, live)
	}
	hits := g.measure(s, near)
	g.relink(list, hits)
	chosen := links(nil, list)
	return slices.DeleteFunc(hits, func(h index.Hit) bool { return !slices.Contains(chosen, uint32(h.Slot)) })
}

// liveAround is the live nodes that a node links to, and those behind its dead
// ones. whole says that none of its own links is dead.
func (g *Graph) liveAround(s uint32, level int, live *index.Set) (near []uint32, whole bool) {
	most := 8 * g.o.M
	seen := map[uint32]struct{}{s: {}}
	front := links(nil, g.list(s, level))
	whole = true
	for depth := 0; len(front) > 0 && depth < 4 && len(near) < most; depth++ {
		var behind []uint32
		for _, to := range front {
			if _, twice := seen[to]; twice {
				continue
			}
			seen[to] = struct{}{}
			if live.Contains(index.Slot(to)) {
				near = append(near, to)
				continue
			}
			whole = false
			behind = links(behind, g.list(to, level))
		}
		front = behind
	}
	return near, whole
}

// searchLive finds neighbours for a node that has lost all of its own.
func (g *Graph) searchLive(s uint32, level int, live *index.Set) []uint32 {
	entry := g.entry.Load()
	if entry == noEntry || int(entry>>32) < level {
		return nil
	}
	w := g.walker(g.vectors.Rows().Floats(s))
	at := w.descend(entry, level)
	w.layer(at, level, g.o.EfConstruct, &index.Query{Accept: live})
	var near []uint32
	for _, h := range w.results {
		if uint32(h.Slot) != s {
			near = append(near, uint32(h.Slot))
		}
	}
	w.query = nil
	g.walkers.Put(w)
	return near
}

// remove forgets the dead nodes; nothing links to them any more. A search under
// way that stands on one finds its old links, which are valid.
func (g *Graph) remove(dead []uint32) {
	g.grow.Lock()
	defer g.grow.Unlock()
	nodes := g.nodes.Rows()
	for _, s := range dead {
		node := nodes.Uint32s(s)
		if levels := node[0] - 1; levels > 0 {
			// Rows are taken again by a node of as many levels, so that a row
			// stays on its level and a late search meets only valid links.
			g.free[levels] = append(g.free[levels], node[1])
		}
		atomic.StoreUint32(&node[0], 0)
		g.count.Add(-1)
	}
}
