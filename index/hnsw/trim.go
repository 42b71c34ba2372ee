package hnsw

import "github.com/kithdb/kith/index"

// Release gives the memory of slots [from, to) back as far as it fills whole
// pages. None of them is in the graph, and no search is under way that began
// when one was. Not beside Insert.
func (g *Graph) Release(from, to index.Slot) {
	g.nodes.Release(int(from), int(to))
	if g.grove {
		return
	}
	g.eachGrove(func(x *Graph) { x.Release(from, to) })
	if by := g.guide.Load(); by != nil {
		by.rows.Release(int(from), int(to))
		if by.beside != nil {
			by.beside.release(from, to)
		}
		by.sketch.release(from, to)
	}
}

// Truncate forgets the slots from a number on, as Release does, for good: the
// graph is as large as if they had never been.
func (g *Graph) Truncate(next index.Slot) {
	g.grow.Lock()
	defer g.grow.Unlock()
	g.nodes.Truncate(int(next))
	if g.grove {
		return
	}
	g.eachGrove(func(x *Graph) { x.Truncate(next) })
	if by := g.guide.Load(); by != nil {
		by.rows.Truncate(int(next))
		if by.beside != nil {
			by.beside.truncate(next)
		}
		by.sketch.truncate(next)
	}
}
