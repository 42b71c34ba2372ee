package hnsw

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/quant"
)

// Insert adds a slot whose vector row is written. A slot that is in is left
// alone; one slot is inserted by one goroutine at a time.
func (g *Graph) Insert(s index.Slot) error {
	if s >= maxSlot {
		return fmt.Errorf("slot %d: a graph holds slots below 2³¹", s)
	}
	if g.Contains(s) {
		return nil
	}
	return g.insert(s, &g.entry)
}

// insert adds a slot to what is reached from an entry.
func (g *Graph) insert(s index.Slot, from *atomic.Uint64) error {
	level := g.level(s)
	if err := g.place(s, level); err != nil {
		return err
	}
	w := g.walker(g.guide.Load())
	defer g.release(w)
	if w.guide != nil {
		if !g.grove {
			w.encode(w.guide, uint32(s))
			w.guide.beside.encoded(uint32(s))
			w.guide.sketch.follow(uint32(s), w)
		}
		if !builds(w.guide.code) {
			w.guide = nil
		}
		w.codesOnly = g.byCodes(w.guide)
	}
	if g.o.Loose {
		g.count.Add(1)
		return nil
	}
	entry := from.Load()
	if entry == noEntry && g.first(s, level, from) {
		return nil
	}
	entry = from.Load()
	w.towards(uint32(s))
	if err := w.connect(uint32(s), level, entry); err != nil {
		return err
	}
	g.count.Add(1)
	if level > int(entry>>32) {
		raise(s, level, from)
	}
	return nil
}

// builds reports whether inserts may walk by a code: links that a poor code chose
// stay when it has gone. Those of 4 and 8 bits choose as well as vectors do
// (DESIGN.md); of the shorter ones, and of fewer dimensions, nobody has shown it.
func builds(code quant.Code) bool {
	_, ok := code.(*quant.Affine)
	return ok
}

// place makes the node's rows; nobody links to it yet. Those of nodes come last:
// who counts them reads no code that has no row.
func (g *Graph) place(s index.Slot, level int) error {
	g.grow.Lock()
	defer g.grow.Unlock()
	if by := g.guide.Load(); by != nil && !g.grove {
		if err := by.rows.Grow(int(s) + 1); err != nil {
			return err
		}
		if by.beside != nil {
			if err := by.beside.grow(int(s)+1, g); err != nil {
				return err
			}
			by.beside.blank(uint32(s))
		}
	}
	if err := g.nodes.Grow(int(s) + 1); err != nil {
		return err
	}
	first, err := g.takeUpper(level)
	if err != nil {
		return err
	}
	atomic.StoreUint32(&g.nodes.Rows().Uint32s(uint32(s))[1], nodeWord(level+1, first))
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

func (g *Graph) first(s index.Slot, level int, entry *atomic.Uint64) bool {
	if !entry.CompareAndSwap(noEntry, packEntry(level, s)) {
		return false
	}
	g.count.Add(1)
	return true
}

func raise(s index.Slot, level int, entry *atomic.Uint64) {
	for {
		old := entry.Load()
		if old != noEntry && int(old>>32) >= level || entry.CompareAndSwap(old, packEntry(level, s)) {
			return
		}
	}
}

// connect is the paper's Alg. 1 from the second phase on: it finds and stores
// the node's own lists on every level, then has its neighbours link back.
func (w *walker) connect(s uint32, level int, entry uint64) error {
	g := w.g
	at := w.descend(entry, level)
	top := min(level, int(entry>>32))
	w.picked = slices.Grow(w.picked[:0], top+1)[:top+1]
	for l := top; l >= 0; l-- {
		w.walk(at, l, g.o.EfConstruct)
		w.pooled()
		if !w.codesOnly {
			w.exact(w.hits, len(w.hits))
		}
		near := slices.DeleteFunc(w.hits, func(h index.Hit) bool { return uint32(h.Slot) == s })
		w.hits = near
		w.scatter(s, near)
		if len(near) > 0 {
			at = near[0]
		}
		w.picked[l] = append(w.picked[l][:0], w.choose(near, g.o.M)...)
		if err := w.own(s, l, w.picked[l]); err != nil {
			return err
		}
	}
	for l := range w.picked {
		for _, h := range w.picked[l] {
			if err := w.link(uint32(h.Slot), s, l, h.Dist); err != nil {
				return err
			}
		}
	}
	return nil
}

// own stores a new node's list.
func (w *walker) own(s uint32, level int, hits []index.Hit) error {
	w.slots = w.slots[:0]
	for _, h := range hits {
		w.slots = append(w.slots, uint32(h.Slot))
	}
	mu := &w.g.stripe[s%stripes]
	mu.Lock()
	defer mu.Unlock()
	return w.putLinks(s, level, w.slots)
}

// putLinks stores a node's links, and has its codes follow. Its stripe is held.
func (w *walker) putLinks(s uint32, level int, links []uint32) error {
	if err := w.g.replace(s, level, links); err != nil {
		return err
	}
	w.inlay(s, level)
	return nil
}

// replace stores a node's links in a block of their size. Its stripe is held.
func (g *Graph) replace(s uint32, level int, links []uint32) error {
	list := g.list(s, level)
	spare := len(list)/unitWords - unitsFor(len(links))
	if level > 0 || spare == 0 || spare == 1 {
		store(list, links)
		return nil
	}
	at, fresh, err := g.base.take(len(links))
	if err != nil {
		return err
	}
	store(fresh, links)
	node := g.nodes.Rows().Uint32s(s)
	old := atomic.SwapUint32(&node[0], at)
	g.base.leave(old, list)
	return nil
}

// choose is the paper's Alg. 4 over hits in rising order: a hit is kept when it
// is nearer to the node than to every hit kept before. The answer is the
// walker's own until the next call.
func (w *walker) choose(hits []index.Hit, most int) []index.Hit {
	if len(hits) <= most {
		return hits
	}
	w.kept, w.slots = w.kept[:0], w.slots[:0]
	for _, h := range hits {
		if len(w.kept) == most {
			break
		}
		if !w.shadowed(uint32(h.Slot), h.Dist) {
			w.kept = append(w.kept, h)
			w.slots = append(w.slots, uint32(h.Slot))
		}
	}
	return w.kept
}

// link adds a node to another's list, choosing anew when that is full.
func (w *walker) link(node, to uint32, level int, dist float32) error {
	mu := &w.g.stripe[node%stripes]
	mu.Lock()
	defer mu.Unlock()
	list := w.g.list(node, level)
	n := count(list)
	if slices.Contains(list[1:n+1], to) {
		return nil
	}
	if n == w.g.o.most(level) {
		w.measure(node, list[1:n+1])
		w.hits = append(w.hits, index.Hit{Slot: index.Slot(to), Dist: dist})
		return w.relink(node, level)
	}
	if err := w.append(node, to, list); err != nil {
		return err
	}
	w.inlay(node, level)
	return nil
}

// append adds a link to a list that may have one more.
func (w *walker) append(node, to uint32, list []uint32) error {
	n := count(list)
	if n < len(list)-1 {
		atomic.StoreUint32(&list[n+1], to)
		atomic.StoreUint32(&list[0], list[0]+1)
		return nil
	}
	w.slots = append(append(w.slots[:0], list[1:n+1]...), to)
	return w.g.widen(node, w.slots)
}

// widen stores one link more than a node's block has room for, in a block with
// room for a few to come.
func (g *Graph) widen(node uint32, links []uint32) error {
	list := g.list(node, 0)
	at, fresh, err := g.base.take(min(len(links)+unitWords-1, g.o.most(0)))
	if err != nil {
		return err
	}
	store(fresh, links)
	old := atomic.SwapUint32(&g.nodes.Rows().Uint32s(node)[0], at)
	g.base.leave(old, list)
	return nil
}

// relink chooses a node's list from w.hits. Its stripe is held.
func (w *walker) relink(node uint32, level int) error {
	w.sortHits(w.hits)
	w.scatter(node, w.hits)
	kept := w.choose(w.hits, w.g.o.most(level))
	w.slots = w.slots[:0]
	for _, h := range kept {
		w.slots = append(w.slots, uint32(h.Slot))
	}
	return w.putLinks(node, level, w.slots)
}

// scatter brings equally near hits of a sorted list into an order of the node's
// own. By slot, all of many equal vectors would link to the same lowest few, and
// nobody to the others.
func (w *walker) scatter(node uint32, hits []index.Hit) {
	turn := index.Slot(node * 0x9e3779b1)
	for from, to := 0, 0; from < len(hits); from = to {
		for to = from + 1; to < len(hits) && hits[to].Dist == hits[from].Dist; to++ {
		}
		if to-from > 1 {
			slices.SortFunc(hits[from:to], func(a, b index.Hit) int { return cmp.Compare((a.Slot^turn)*0x85ebca6b, (b.Slot^turn)*0x85ebca6b) })
		}
	}
}

// sortHits is index.SortHits in the walker's memory.
func (w *walker) sortHits(hits []index.Hit) { w.keys = index.SortHits(hits, w.keys) }
