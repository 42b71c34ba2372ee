package hnsw

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

// Insert adds a slot whose vector row is written. A slot that is in is left
// alone; one slot is inserted by one goroutine at a time.
func (g *Graph) Insert(s index.Slot) error {
	if g.Contains(s) {
		return nil
	}
	level := g.level(s)
	if err := g.place(s, level); err != nil {
		return err
	}
	entry := g.entry.Load()
	if entry == noEntry && g.first(s, level) {
		return nil
	}
	entry = g.entry.Load()
	g.connect(s, level, entry)
	g.count.Add(1)
	if level > int(entry>>32) {
		g.raise(s, level)
	}
	return nil
}

// place makes the node's rows; nobody links to it yet.
func (g *Graph) place(s index.Slot, level int) error {
	g.grow.Lock()
	defer g.grow.Unlock()
	if err := g.base.Grow(int(s) + 1); err != nil {
		return err
	}
	if err := g.nodes.Grow(int(s) + 1); err != nil {
		return err
	}
	first, err := g.takeUpper(level)
	if err != nil {
		return err
	}
	node := g.nodes.Rows().Uint32s(uint32(s))
	atomic.StoreUint32(&node[1], first)
	atomic.StoreUint32(&node[0], uint32(level)+1)
	return nil
}

// takeUpper gives a node its rows on the higher levels, empty.
func (g *Graph) takeUpper(levels int) (first uint32, err error) {
	if left := g.free[levels]; len(left) > 0 {
		first = left[len(left)-1]
		g.free[levels] = left[:len(left)-1]
		for l := range uint32(levels) {
			store(g.upper.Rows().Uint32s(first+l), nil)
		}
		return first, nil
	}
	if err := g.upper.Grow(int(g.rows) + levels); err != nil {
		return 0, err
	}
	first = g.rows
	g.rows += uint32(levels)
	return first, nil
}

func (g *Graph) first(s index.Slot, level int) bool {
	if !g.entry.CompareAndSwap(noEntry, packEntry(level, s)) {
		return false
	}
	g.count.Add(1)
	return true
}

func (g *Graph) raise(s index.Slot, level int) {
	for {
		old := g.entry.Load()
		if old != noEntry && int(old>>32) >= level || g.entry.CompareAndSwap(old, packEntry(level, s)) {
			return
		}
	}
}

// connect is the paper's Alg. 1 from the second phase on.
func (g *Graph) connect(s index.Slot, level int, entry uint64) {
	w := g.walker(g.vectors.Rows().Floats(uint32(s)))
	at := w.descend(entry, level)
	type found struct{ hits []index.Hit }
	picked := make([]found, min(level, int(entry>>32))+1)
	for l := len(picked) - 1; l >= 0; l-- {
		w.layer(at, l, g.o.EfConstruct, nil)
		near := slices.DeleteFunc(w.results, func(h index.Hit) bool { return h.Slot == s })
		if len(near) == 0 {
			continue
		}
		at = near[0]
		picked[l].hits = g.choose(near, g.o.M)
		own := make([]uint32, len(picked[l].hits))
		for i, h := range picked[l].hits {
			own[i] = uint32(h.Slot)
		}
		mu := &g.stripe[uint32(s)%stripes]
		mu.Lock()
		store(g.list(uint32(s), l), own)
		mu.Unlock()
	}
	w.query = nil
	g.walkers.Put(w)
	for l := range picked {
		for _, h := range picked[l].hits {
			g.link(uint32(h.Slot), uint32(s), l, h.Dist)
		}
	}
}

// choose is the paper's Alg. 4 over hits in rising order: a hit is kept when it
// is nearer to the node than to every hit kept before.
func (g *Graph) choose(hits []index.Hit, most int) []index.Hit {
	if len(hits) <= most {
		return slices.Clone(hits)
	}
	rows := g.vectors.Rows()
	kept := make([]index.Hit, 0, most)
	slots := make([]uint32, 0, most)
	dist := make([]float32, most)
	for _, h := range hits {
		if len(kept) == most {
			break
		}
		simd.Distances(g.o.Metric, rows.Floats(uint32(h.Slot)), rows.Base(), rows.Stride(), slots, dist)
		if slices.ContainsFunc(dist[:len(slots)], func(d float32) bool { return d < h.Dist }) {
			continue
		}
		kept = append(kept, h)
		slots = append(slots, uint32(h.Slot))
	}
	return kept
}

// link adds to → node's list, choosing anew when it is full.
func (g *Graph) link(node, to uint32, level int, dist float32) {
	mu := &g.stripe[node%stripes]
	mu.Lock()
	defer mu.Unlock()
	list := g.list(node, level)
	n := int(list[0])
	if slices.Contains(list[1:n+1], to) {
		return
	}
	if n < len(list)-1 {
		atomic.StoreUint32(&list[n+1], to)
		atomic.StoreUint32(&list[0], uint32(n+1))
		return
	}
	hits := g.measure(node, list[1:n+1])
	hits = append(hits, index.Hit{Slot: index.Slot(to), Dist: dist})
	g.relink(list, hits)
}

// measure is the distances from a node to others.
func (g *Graph) measure(node uint32, others []uint32) []index.Hit {
	rows := g.vectors.Rows()
	dist := make([]float32, len(others))
	simd.Distances(g.o.Metric, rows.Floats(node), rows.Base(), rows.Stride(), others, dist)
	hits := make([]index.Hit, len(others), len(others)+1)
	for i, s := range others {
		hits[i] = index.Hit{Slot: index.Slot(s), Dist: dist[i]}
	}
	return hits
}

func (g *Graph) relink(list []uint32, hits []index.Hit) {
	slices.SortFunc(hits, func(a, b index.Hit) int {
		return cmp.Or(cmp.Compare(a.Dist, b.Dist), cmp.Compare(a.Slot, b.Slot))
	})
	kept := g.choose(hits, len(list)-1)
	slots := make([]uint32, len(kept))
	for i, h := range kept {
		slots[i] = uint32(h.Slot)
	}
	store(list, slots)
}
