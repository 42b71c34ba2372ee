package hnsw

import (
	"errors"
	"sync/atomic"

	"github.com/kithdb/kith/index"
)

// Repair takes the nodes that are not live out of the graph and answers how
// many. Whoever linked to one is linked to some of its neighbours instead. Where
// it is stopped, dead nodes have fewer links to them and stay; the next passes
// over what is mended. Not beside Insert or Save; searches go on.
func (g *Graph) Repair(live *index.Set, p index.Pace) (removed int, err error) {
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
	g.reenter(live, &g.entry)
	if err := g.mendAll(live, &g.entry, p); err != nil {
		return 0, err
	}
	g.remove(dead)
	return len(dead), nil
}

// mendAll takes the dead out of the lists of all live nodes of what is reached
// from an entry.
func (g *Graph) mendAll(live *index.Set, entry *atomic.Uint64, p index.Pace) error {
	slots := uint32(g.nodes.Rows().Len())
	var next atomic.Uint32
	faults := make([]error, p.Hands())
	p.Each(func(i int) {
		r := &repairer{live: live, walker: g.walker(g.guide.Load()), entry: entry}
		defer g.release(r.walker)
		r.codesOnly = g.byCodes(r.guide)
		const stretch = 64 // a millisecond, when all of them must be mended
		for from := next.Add(stretch) - stretch; from < slots && faults[i] == nil; from = next.Add(stretch) - stretch {
			if faults[i] = r.mendSome(from, min(from+stretch, slots)); !p.Goes(i) {
				faults[i] = errors.Join(faults[i], index.ErrStopped)
			}
		}
	})
	return errors.Join(faults...)
}

// reenter moves an entry to the highest live node.
func (g *Graph) reenter(live *index.Set, to *atomic.Uint64) {
	entry, top := noEntry, 0
	for s := range uint32(g.nodes.Rows().Len()) {
		if levels := g.levels(s); levels > top && live.Contains(index.Slot(s)) {
			entry, top = packEntry(levels-1, index.Slot(s)), levels
		}
	}
	to.Store(entry)
}

// repairer mends live nodes. One goroutine.
type repairer struct {
	*walker
	live  *index.Set
	entry *atomic.Uint64
	own   []uint32 // live links of the node at hand
	front []uint32 // dead ones, to look behind
	near  []uint32 // live ones behind them

	chosen []index.Hit // of near: its new links
}

// mendSome mends the live nodes of a stretch.
func (r *repairer) mendSome(from, to uint32) error {
	for s := from; s < to; s++ {
		if !r.g.Contains(index.Slot(s)) || !r.live.Contains(index.Slot(s)) {
			continue
		}
		if err := r.mend(s); err != nil {
			return err
		}
	}
	return nil
}

// mend replaces a live node's links to dead ones.
func (r *repairer) mend(s uint32) error {
	for level := range r.g.levels(s) {
		if r.whole(s, level) {
			continue
		}
		chosen, err := r.relinkLive(s, level)
		if err != nil {
			return err
		}
		for _, to := range chosen {
			if err := r.link(uint32(to.Slot), s, level, to.Dist); err != nil {
				return err
			}
		}
	}
	if !r.g.grove && r.guide != nil && r.guide.beside != nil && r.guide.beside.follows(s) {
		r.forget(s)
	}
	return nil
}

// whole reports whether none of a node's links is dead. It takes the stripe: who
// links to the node may move its list, and the block is another node's at once.
func (r *repairer) whole(s uint32, level int) bool {
	mu := &r.g.stripe[s%stripes]
	mu.Lock()
	defer mu.Unlock()
	list := r.g.list(s, level)
	for i := range count(list) {
		if !r.live.Contains(index.Slot(atomic.LoadUint32(&list[i+1]))) {
			return false
		}
	}
	return true
}

// forget empties the lanes of a node's row that hold dead ones.
func (r *repairer) forget(s uint32) {
	mu := &r.g.stripe[s%stripes]
	mu.Lock()
	defer mu.Unlock()
	r.guide.beside.forget(s, r.live)
}

// relinkLive takes the dead out of a node's list, puts some of those behind them
// in, and answers these.
func (r *repairer) relinkLive(s uint32, level int) ([]index.Hit, error) {
	mu := &r.g.stripe[s%stripes]
	mu.Lock()
	defer mu.Unlock()
	r.around(s, level)
	if len(r.own)+len(r.near) == 0 {
		r.near = r.searchLive(s, level)
	}
	chosen := r.fill(s, level)
	r.slots = append(r.slots[:0], r.own...)
	for _, h := range chosen {
		r.slots = append(r.slots, uint32(h.Slot))
	}
	return chosen, r.putLinks(s, level, r.slots)
}

// around sorts a node's links into the live, r.own, and the dead, and gathers
// those that lie behind the dead, r.near: as far behind as it takes to find some.
func (r *repairer) around(s uint32, level int) {
	r.begin()
	r.marks.add(s)
	r.own, r.front, r.near = r.own[:0], r.front[:0], r.near[:0]
	for _, to := range links(r.list[:0], r.g.list(s, level)) {
		if r.marks.add(to); r.live.Contains(index.Slot(to)) {
			r.own = append(r.own, to)
		} else {
			r.front = append(r.front, to)
		}
	}
	end := len(r.front)
	for at, depth := 0, 0; at < len(r.front); at++ {
		if at == end {
			if depth++; depth == deepest || len(r.near) >= r.g.o.M {
				return
			}
			end = len(r.front)
		}
		r.behind(r.front[at], level)
	}
}

// deepest is how many dead nodes one behind the other are looked behind.
const deepest = 4

// behind sorts the links of a dead node that were not met yet.
func (r *repairer) behind(dead uint32, level int) {
	list := r.g.list(dead, level)
	for i := range count(list) {
		to := atomic.LoadUint32(&list[i+1])
		switch {
		case !r.marks.add(to):
		case r.live.Contains(index.Slot(to)):
			r.near = append(r.near, to)
		default:
			r.front = append(r.front, to)
		}
	}
}

// fill chooses links for a node from r.near, to stand beside those of r.own: the
// nearest first, those that none of its links is nearer to. The own ones stay as
// they are: they were chosen once, and choosing all anew is most of the work and
// leaves longer lists than a fresh build has (DESIGN.md).
func (r *repairer) fill(s uint32, level int) []index.Hit {
	want := r.g.o.most(level) - len(r.own)
	if want <= 0 || len(r.near) == 0 {
		return nil
	}
	r.measure(s, r.near)
	r.sortHits(r.hits)
	r.scatter(s, r.hits)
	r.slots, r.chosen = append(r.slots[:0], r.own...), r.chosen[:0]
	for _, h := range r.hits {
		if len(r.chosen) == want {
			break
		}
		if !r.shadowed(uint32(h.Slot), h.Dist) {
			r.chosen = append(r.chosen, h)
			r.slots = append(r.slots, uint32(h.Slot))
		}
	}
	return r.chosen
}

// searchLive finds neighbours for a node that has lost all of its own.
func (r *repairer) searchLive(s uint32, level int) []uint32 {
	entry := r.entry.Load()
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
		if by := g.guide.Load(); by != nil && by.beside != nil && !g.grove {
			by.beside.blank(s)
		}
		g.count.Add(-1)
	}
}
