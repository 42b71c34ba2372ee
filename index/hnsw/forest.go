package hnsw

import (
	"errors"
	"maps"
	"runtime"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

// forest is the trees of a graph. It never changes: another takes its place.
//
// A grove is the lists of several trees. A node is in one tree of a grove, so
// that it takes one word of memory and not one for each tenant; tenants that
// share points are in different groves.
type forest struct {
	m      int // links of their nodes
	groves []*Graph
	trees  map[Tenant]*Tree
}

const (
	// mostGroves bounds the memory that points of many tenants take.
	mostGroves = 8
	// shared: a tenant may have one point in so many that another tree of its
	// grove has; those are left to scans.
	shared = 20
)

// Tree is a tenant's tree, nil when there is none. Any goroutine.
func (g *Graph) Tree(of Tenant) *Tree {
	if f := g.forest.Load(); f != nil {
		return f.trees[of]
	}
	return nil
}

// Tenants lists those that have a tree. Any goroutine.
func (g *Graph) Tenants() []Tenant {
	if f := g.forest.Load(); f != nil {
		return slices.Collect(maps.Keys(f.trees))
	}
	return nil
}

// TreeM is the links of the trees' nodes, 0 when there are none. Any goroutine.
func (g *Graph) TreeM() int {
	if f := g.forest.Load(); f != nil {
		return f.m
	}
	return 0
}

// Plant makes an empty tree for a tenant whose points are about these, its nodes
// with m links, at least 2; trees of another m are felled. It answers nil where
// the points have trees of too many other tenants. Not beside itself, Fell, Save
// or Insert.
func (g *Graph) Plant(of Tenant, points *index.Set, m int) (*Tree, error) {
	old := g.forest.Load()
	if old != nil && old.m != m {
		g.FellAll()
		old = nil
	}
	if old == nil {
		old = &forest{m: m}
	}
	next := &forest{m: m, groves: old.groves, trees: maps.Clone(old.trees)}
	if next.trees == nil {
		next.trees = map[Tenant]*Tree{}
	}
	grove := old.room(points)
	if grove == nil {
		if len(old.groves) == mostGroves {
			return nil, nil
		}
		var err error
		if grove, err = g.newGrove(m); err != nil {
			return nil, err
		}
		next.groves = append(slices.Clone(old.groves), grove)
	}
	t := newTree(grove, nil)
	next.trees[of] = t
	g.forest.Store(next)
	return t, nil
}

// room is a grove that has next to none of some points, nil when there is none.
func (f *forest) room(points *index.Set) *Graph {
	taken := make(map[*Graph]int, len(f.groves))
	for _, t := range f.trees {
		taken[t.g] += points.And(t.Members()).Len()
	}
	for _, grove := range f.groves {
		if taken[grove]*shared <= points.Len() {
			return grove
		}
	}
	return nil
}

func (g *Graph) newGrove(m int) (*Graph, error) {
	o := g.o
	o.M, o.Loose = m, false
	grove, err := newGraph(g.vectors, o, g.guide)
	if err == nil {
		grove.grove = true
	}
	return grove, err
}

// Fell takes a tenant's tree away; none is fine. As Plant.
func (g *Graph) Fell(of Tenant) {
	old := g.forest.Load()
	if old == nil || old.trees[of] == nil {
		return
	}
	if len(old.trees) == 1 {
		g.FellAll()
		return
	}
	next := &forest{m: old.m, groves: old.groves, trees: maps.Clone(old.trees)}
	delete(next.trees, of)
	g.forest.Store(next)
	t := old.trees[of]
	t.entry.Store(noEntry)
	t.g.remove(t.Members().AppendRange(nil, 0, index.NoSlot))
}

// FellAll takes all trees away, and gives their memory back once the searches
// that are under way have ended. As Plant.
func (g *Graph) FellAll() {
	old := g.forest.Swap(nil)
	if old == nil {
		return
	}
	for _, grove := range old.groves {
		left := []*arena.Arena{grove.base.Arena, grove.upper, grove.nodes}
		runtime.AddCleanup(grove, func(left []*arena.Arena) {
			for _, a := range left {
				_ = a.Close() // nobody is there to hear
			}
		}, left)
	}
}

// KeepTrees takes out of all trees what is not live, and answers how much. Not
// beside what changes trees; searches go on.
func (g *Graph) KeepTrees(live *index.Set, p index.Pace) (removed int, err error) {
	f := g.forest.Load()
	if f == nil {
		return 0, nil
	}
	for _, t := range f.trees {
		n, fault := t.Keep(live, p)
		removed, err = removed+n, errors.Join(err, fault)
	}
	if err != nil {
		return removed, err
	}
	for _, grove := range f.groves { // what no tree has: an insert has failed
		left := grove.all().AndNot(live).AppendRange(nil, 0, index.NoSlot)
		grove.remove(left)
		removed += len(left)
	}
	return removed, nil
}

// Holds reports whether a slot is in the graph or in any tree.
func (g *Graph) Holds(s index.Slot) bool {
	held := g.Contains(s)
	g.eachGrove(func(x *Graph) { held = held || x.Contains(s) })
	return held
}

func (g *Graph) eachGrove(do func(*Graph)) {
	if f := g.forest.Load(); f != nil {
		for _, x := range f.groves {
			do(x)
		}
	}
}

// bytes is the memory of the lists and of the sets of members.
func (f *forest) bytes() (n int64) {
	if f == nil {
		return 0
	}
	for _, grove := range f.groves {
		n += grove.Bytes()
	}
	for _, t := range f.trees {
		n += t.Members().Bytes()
	}
	return n
}

func (f *forest) close() (err error) {
	if f == nil {
		return nil
	}
	for _, grove := range f.groves {
		err = errors.Join(err, grove.Close())
	}
	return err
}
