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
func (g *Graph) Repair(live *index.Set, workers int) (removed int, err error) {
	var dead []uint32
	slots := uint32(g.nodes.Rows().Len())
	for s := range slots {
		if g.Contains(index.Slot(s)) && !live.Contains(index.Slot(s)) {
			dead = append(dead, s)
		}
	}
	if len(dead) == 0 {
		return 0, nil
	}
	g.reenter(live)
	var wg sync.WaitGroup
	var next atomic.Uint32
	faults := make([]error, max(workers, 1))
	for i := range faults {
		wg.Go(func() {
			r := &repairer{live: live, walker: g.walker(g.guide.Load())}
			defer g.release(r.walker)
			const stretch = 1024
			for from := next.Add(stretch) - stretch; from < slots && faults[i] == nil; from = next.Add(stretch) - stretch {
				for s := from; s < min(from+stretch, slots) && faults[i] == nil; s++ {
					if g.Contains(index.Slot(s)) && live.Contains(index.Slot(s)) {
						faults[i] = r.mend(s)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, err := range faults {
		if err != nil {
			return 0, err
		}
	}
	g.remove(dead)
	return len(dead), nil
}

// reenter moves the entry to the highest live node.
func (g *Graph) reenter(live *index.Set) {
	entry, top := noEntry, 0
	for s := range uint32(g.nodes.Rows().Len()) {
		if levels := g.levels(s); levels > top && live.Contains(index.Slot(s)) {
			entry, top = packEntry(levels-1, index.Slot(s)), levels
		}
	}
	g.entry.Store(entry)
}

// repairer mends live nodes. One goroutine.
type repairer struct {
	*walker
	live *index.Set
}

// mend replaces a live node's links to dead ones.
func (r *repairer) mend(s uint32) error {
	for level := range r.g.levels(s) {
		chosen, err := r.relinkLive(s, level)
		if err != nil {
			return err
		}
		if level == 0 && r.guide != nil && r.guide.beside != nil {
			r.forget(s)
		}
		for _, to := range chosen {
			if err := r.link(uint32(to.Slot), s, level, to.Dist); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget empties the lanes of a node's row that hold dead ones.
func (r *repairer) forget(s uint32) {
	mu := &r.g.stripe[s%stripes]
	mu.Lock()
	defer mu.Unlock()
	r.guide.beside.forget(s, r.live)
}

// relinkLive chooses a node's links anew when one of them is dead, and answers
// the chosen.
func (r *repairer) relinkLive(s uint32, level int) ([]index.Hit, error) {
	mu := &r.g.stripe[s%stripes]
	mu.Lock()
	defer mu.Unlock()
	near, whole := r.liveAround(s, level)
	if whole {
		return nil, nil
	}
	if len(near) == 0 {
		near = r.searchLive(s, level)
	}
	r.measure(s, near)
	if err := r.relink(s, level); err != nil {
		return nil, err
	}
	chosen := links(nil, r.g.list(s, level))
	return slices.DeleteFunc(slices.Clone(r.hits), func(h index.Hit) bool {
		return !slices.Contains(chosen, uint32(h.Slot))
	}), nil
}

// liveAround is the live nodes that a node links to, and those behind its dead
// ones. whole says that none of its own links is dead.
func (r *repairer) liveAround(s uint32, level int) (near []uint32, whole bool) {
	most := 8 * r.g.o.M
	seen := map[uint32]struct{}{s: {}}
	front := links(nil, r.g.list(s, level))
	whole = true
	for depth := 0; len(front) > 0 && depth < 4 && len(near) < most; depth++ {
		var behind []uint32
		for _, to := range front {
			if _, twice := seen[to]; twice {
				continue
			}
			seen[to] = struct{}{}
			if r.live.Contains(index.Slot(to)) {
				near = append(near, to)
				continue
			}
			whole = false
			behind = links(behind, r.g.list(to, level))
		}
		front = behind
	}
	return near, whole
}

// searchLive finds neighbours for a node that has lost all of its own.
func (r *repairer) searchLive(s uint32, level int) []uint32 {
	entry := r.g.entry.Load()
	if entry == noEntry || int(entry>>32) < level {
		return nil
	}
	r.towards(s)
	r.filtered(r.descend(entry, level), level, r.g.o.EfConstruct, &index.Query{Accept: r.live})
	var near []uint32
	for _, h := range r.results {
		if uint32(h.Slot) != s {
			near = append(near, uint32(h.Slot))
		}
	}
	return near
}

// remove forgets the dead nodes; nothing links to them any more. A search under
// way that stands on one finds no links, or those of a list that took its place.
func (g *Graph) remove(dead []uint32) {
	g.grow.Lock()
	defer g.grow.Unlock()
	nodes := g.nodes.Rows()
	for _, s := range dead {
		node := nodes.Uint32s(s)
		list := g.list(s, 0)
		g.base.leave(atomic.SwapUint32(&node[0], 0), list)
		word := node[1]
		if levels := levelsOf(word) - 1; levels > 0 {
			// Rows are taken again by a node of as many levels, so that a row
			// stays on its level and a late search meets only valid links.
			g.free[levels] = append(g.free[levels], firstOf(word))
		}
		atomic.StoreUint32(&node[1], nodeWord(0, firstOf(word)))
		if by := g.guide.Load(); by != nil && by.beside != nil {
			by.beside.blank(s)
		}
		g.count.Add(-1)
	}
}
