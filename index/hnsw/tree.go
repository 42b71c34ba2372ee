package hnsw

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
)

// Tenant names a tree: a field of payloads, and the value that its points have.
type Tenant struct{ Field, Value string }

// Tree is a graph of the points of one tenant alone, over the rows and codes of
// the graph that it belongs to. It is an index.Searcher of its members.
//
// Concurrency: Search, Cost, Len and Members from any goroutine. Insert from any
// beside them; Join and Keep not beside Insert.
type Tree struct {
	g       *Graph // the grove: lists of several tenants, who share no node
	entry   atomic.Uint64
	members atomic.Pointer[index.Set]
	rim     atomic.Pointer[rim] // nil while there are few

	mu    sync.Mutex
	fresh []uint32 // inserted, and not members yet
}

func newTree(grove *Graph, members *index.Set) *Tree {
	t := &Tree{g: grove}
	t.entry.Store(noEntry)
	t.members.Store(members)
	return t
}

// Len is the number of members.
func (t *Tree) Len() int { return t.members.Load().Len() }

// Members are the slots that a search finds.
func (t *Tree) Members() *index.Set { return t.members.Load() }

// Insert adds a slot that the graph of the tree has; Join makes it a member. One
// that another tree has, which shares the memory of lists, is left out.
func (t *Tree) Insert(s index.Slot) error {
	if t.g.Contains(s) {
		return nil
	}
	if err := t.g.insert(s, &t.entry); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh = append(t.fresh, uint32(s))
	return nil
}

// Join makes what was inserted members.
func (t *Tree) Join() {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.members.Load().Edit()
	e.AddMany(t.fresh)
	t.members.Store(e.Done())
	t.fresh = nil
	t.look()
}

// Keep takes out the members that are not in a set, and answers how many. Their
// rows are not read any more once it returns. What Repair says of a stop goes for
// this.
func (t *Tree) Keep(set *index.Set, p index.Pace) (removed int, err error) {
	old := t.members.Load()
	gone := old.AndNot(set).AppendRange(nil, 0, index.NoSlot)
	if len(gone) == 0 {
		return 0, nil
	}
	stay := old.And(set)
	t.members.Store(stay)
	t.g.reenter(stay, &t.entry)
	if err := t.g.mendAll(stay, &t.entry, p); err != nil {
		t.members.Store(old) // some may be linked to yet
		return 0, err
	}
	t.g.remove(gone)
	return len(gone), nil
}

// wholly is the share of a tree from which on a walk goes through it as if all
// of it were accepted, and leaves out what is not at the end.
const wholly = 0.9

// Search implements index.Searcher. Accept is not nil, and holds members only, or
// slots that were members when the caller looked: Keep may run beside a search.
func (t *Tree) Search(q index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	from := len(dst)
	dst, work := t.near(&q, dst)
	times := t.wider(dst[from:])
	if times == 1 || q.Check != nil || q.Rescore < 0 || q.Ended() {
		return dst, work
	}
	dst, more := t.wide(&q, times, dst[:from])
	return dst, work.Add(more)
}

// near is a search of the breadth that was asked for.
func (t *Tree) near(q *index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	at := place{t.entry.Load(), t.Len()}
	if q.Check != nil || float64(q.Accept.Len()) < wholly*float64(at.nodes) {
		return t.g.search(q, at, dst)
	}
	free := *q
	free.Accept = nil
	spare := min(max(at.nodes-q.Accept.Len(), 0), q.K) + 1
	free.K, free.Ef = q.K+spare, max(q.Ef, t.g.o.EfConstruct)+spare
	from := len(dst)
	dst, work := t.g.search(&free, at, dst)
	near := slices.DeleteFunc(dst[from:], func(h index.Hit) bool { return !q.Accept.Contains(h.Slot) })
	if want := min(q.K, q.Accept.Len()); len(near) < want && !q.Ended() { // what is left out lies around the query
		hits, more := t.g.search(q, at, dst[:from])
		return hits, work.Add(more)
	}
	return dst[:from+min(len(near), q.K)], work
}

// Cost implements index.Searcher; share is of the members.
func (t *Tree) Cost(ef int, share float64) float64 {
	if share >= wholly {
		share = 1
	}
	return t.g.cost(ef, share, t.Len())
}

// Worth is from how many points on a walk through a tree of theirs, of breadth
// ef, takes half as long as a pass over all of them.
func (g *Graph) Worth(ef int) int {
	r := g.rates(g.guide.Load())
	return int(2 * r.walk(ef, g.o.M, 1) / r.pass)
}

// Loose reports whether the nodes have no links but those of trees.
func (g *Graph) Loose() bool { return g.o.Loose }

// Scanned reports whether searches compare the codes of all nodes.
func (g *Graph) Scanned() bool { return g.o.Loose && g.o.Scanned }

// looseSearch compares all that is accepted: there are no links to walk by.
func (g *Graph) looseSearch(q *index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	switch {
	case q.Check != nil:
	case g.o.Scanned:
		return g.scanned(*q, dst)
	case q.Accept != nil:
		return g.passed(q, dst)
	}
	within := *q
	within.Accept = g.all()
	if q.Accept != nil {
		within.Accept = within.Accept.And(q.Accept)
	}
	space := index.Space{Metric: g.o.Metric, Datatype: g.o.Datatype}
	return flat.Range(within, space, g.vectors.Rows(), 0, index.Slot(g.nodes.Rows().Len()), dst)
}

// scanned compares the codes of all that is accepted, and measures the nearest.
func (g *Graph) scanned(q index.Query, dst []index.Hit) ([]index.Hit, index.Work) {
	if q.Rescore == 0 {
		q.Rescore = max(q.Ef, q.K, leastScanned)
	}
	return g.passed(&q, dst)
}

// leastScanned is how many vectors a search that compares all codes measures at
// least: few beside the codes.
const leastScanned = 16

// all is the slots in the graph.
func (g *Graph) all() *index.Set {
	var b index.Builder
	for s := range uint32(g.nodes.Rows().Len()) {
		if g.levels(s) > 0 {
			b.Add(index.Slot(s))
		}
	}
	return b.Done()
}
