package shard

import (
	"log/slog"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/invariant"
	"github.com/kithdb/kith/index/recall"
	"github.com/kithdb/kith/storage/bulk"
)

const (
	// tuneBytes bounds how many bytes of vectors a measurement compares; it takes
	// leastSamples queries nevertheless.
	tuneBytes = 64 << 30
	// together is how many queries are compared with all rows in one pass.
	together = 16
)

// probe compares an index with exact search.
type probe struct {
	f      *fieldState
	g      *indexed
	of     index.Searcher
	has    *index.Set // slots that it may find
	done   <-chan struct{}
	log    *slog.Logger
	failed atomic.Bool // a search panicked
}

// probe is of the graph of all points; where there is none, of the largest tree; nil
// without any.
func (s *Shard) probe(f *fieldState, g *indexed) *probe {
	p := &probe{f: f, g: g, of: g.graph, has: f.has, done: s.o.Optimizer.stop, log: s.log}
	graph, ok := g.graph.(*hnsw.Graph)
	if !ok || !graph.Loose() || graph.Scanned() {
		return p
	}
	var largest *hnsw.Tree
	for _, of := range graph.Tenants() {
		if t := graph.Tree(of); largest == nil || t.Len() > largest.Len() {
			largest = t
		}
	}
	if largest == nil {
		return nil
	}
	p.of, p.has = largest, largest.Members().And(f.has)
	return p
}

// asked is a query with its true neighbours.
type asked struct {
	query index.Query
	self  index.Slot // the query is this slot's vector; NoSlot: it is a user's
	truth []index.Hit
	hits  []index.Hit // memory for those of one search
	found recall.Sample
}

// measure asks a sample of queries at every breadth. nil: there is nothing to
// measure, or no time left for it. live tells that users' queries were asked.
func (p *probe) measure(o *Optimizer) (t *recall.Tally, live bool) {
	list, live := p.queries()
	parts := slices.Collect(slices.Chunk(list, together))
	o.aside(len(parts), func(i int, goes func() bool) { p.exact(parts[i], goes) })
	o.aside(len(list), func(i int, goes func() bool) { p.climb(&list[i], goes) })
	if len(list) == 0 || p.ended() {
		return nil, false
	}
	t = &recall.Tally{}
	for i := range list {
		t.Add(list[i].found)
	}
	return t, live
}

// queries is the users' newest, or stored vectors where these are too few. A walk
// to a stored vector comes by its own links to its neighbours; with the vector
// unseen it finds as much as a walk to a new one.
func (p *probe) queries() (list []asked, live bool) {
	high := index.Slot(p.g.high.Load())
	slots := p.has.AppendRange(nil, 0, high)
	most := int(tuneBytes / max(int64(len(slots))*int64(p.f.conf.RowBytes()), 1))
	most = min(max(most, leastSamples), recall.Window)
	if recent := p.f.recent.All(); len(recent) >= leastSamples {
		for _, v := range recent[:min(most, len(recent))] {
			list = append(list, asked{query: index.Query{Vector: v}, self: index.NoSlot})
		}
		return list, true
	}
	count := min(most, len(slots)/(4*recall.K))
	for i := range count {
		slot := index.Slot(slots[i*(len(slots)/count)])
		q := index.Query{Vector: p.f.vector(slot), Unseen: []index.Slot{slot}}
		list = append(list, asked{query: q, self: slot})
	}
	return list, false
}

func (p *probe) ended() bool {
	if p.failed.Load() {
		return true
	}
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// exact finds the true neighbours of some queries, all of users or all stored. The
// vector itself is left out: finding it says nothing.
func (p *probe) exact(list []asked, goes func() bool) {
	m := flat.Many{K: recall.WideK, Accept: p.has, Goes: goes}
	for i := range list {
		m.Vectors = append(m.Vectors, list[i].query.Vector)
		if list[i].self != index.NoSlot {
			m.K = recall.WideK + 1
		}
	}
	if path := p.f.data.File(); path != "" { // through the page cache it would put out what searches want
		if r, err := bulk.OpenRows(path, p.f.conf.RowBytes()); err == nil {
			defer r.Close()
			m.Read, m.Step = r.Read, r.Step()
		}
	}
	for i, truth := range m.Range(p.f.conf.Space(), p.f.data, 0, index.Slot(p.g.high.Load())) {
		a := &list[i]
		a.truth = a.without(truth, recall.WideK)
		a.found.Narrow.Wanted, a.found.Wide.Wanted = min(recall.K, len(a.truth)), len(a.truth)
	}
}

func (a *asked) without(hits []index.Hit, most int) []index.Hit {
	for i := range hits {
		if hits[i].Slot == a.self {
			hits = append(hits[:i], hits[i+1:]...)
			break
		}
	}
	return hits[:min(most, len(hits))]
}

// climb searches wider and wider until all true neighbours are found.
func (p *probe) climb(a *asked, goes func() bool) {
	f := &a.found
	f.Narrow.Climb(recall.Steps[:], func(ef int) int { return p.search(a, &f.Narrow, ef, recall.K, goes) })
	if f.Wide.Wanted == recall.WideK {
		f.Wide.Climb(recall.WideSteps[:], func(ef int) int { return p.search(a, &f.Wide, ef, recall.WideK, goes) })
	}
}

// search asks the index as a query of a user would, and counts the true
// neighbours. A hit as near as the last true one counts: among duplicates there
// is no one truth.
func (p *probe) search(a *asked, of *recall.Found, ef, k int, goes func() bool) int {
	if !goes() {
		return 0
	}
	q := a.query
	q.K, q.Ef, q.Done = k, ef, p.done
	if a.self != index.NoSlot {
		q.K++
	}
	if p.of != index.Searcher(p.g.graph) || p.of.Len() != p.has.Len() {
		q.Accept = p.has
	}
	a.hits = p.hits(q, a.hits[:0])
	n := 0
	for _, h := range a.without(a.hits, k) {
		if of.Wanted > 0 && h.Dist <= a.truth[of.Wanted-1].Dist {
			n++
		}
	}
	return min(n, of.Wanted)
}

// hits is what the index answers. A user's query that it cannot bear has been
// answered with an error; asked again here, it must not end the process.
func (p *probe) hits(q index.Query, dst []index.Hit) (hits []index.Hit) {
	defer func() {
		if invariant.Enabled {
			return
		}
		if fault := recover(); fault != nil {
			p.failed.Store(true)
			p.log.Error("a search panicked while recall was measured", "vector", p.f.conf.Name, "panic", fault, "stack", string(debug.Stack()))
		}
	}()
	hits, _ = p.of.Search(q, dst)
	return hits
}
