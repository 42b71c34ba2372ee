package shard

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/recall"
	"github.com/kithdb/kith/storage/schema"
)

const (
	// promised is the recall that the default breadth is chosen for.
	promised = 0.95
	// tuneBytes bounds how many bytes of vectors a measurement compares; it takes
	// leastSamples queries nevertheless.
	tuneBytes    = 64 << 30
	leastSamples = 64
	// widest is the default breadth where the promise cannot be kept.
	widest = 2048
)

// learned is what a field knows of its users' queries and of its recall.
type learned struct {
	recent recall.Recent
	curve  atomic.Pointer[recall.Curve] // nil: not measured
	effort atomic.Int32                 // breadth that keeps the promise; 0: not measured
	again  atomic.Bool                  // the index has changed: the curve is of another one
	kept   *recall.Curve                // as the file has it; guarded by Shard.build
	turned int                          // nodes that repairs took since it was measured; guarded by Shard.build

	mu    sync.Mutex
	tally recall.Tally // of users' queries
}

// turnedOver has recall measured anew once half of an index was replaced: a repair
// leaves lists as good as it finds them, and a measurement takes longer than it.
// Shard.build is held.
func (l *learned) turnedOver(removed, nodes int) {
	if l.turned += removed; 2*l.turned >= nodes {
		l.again.Store(true)
	}
}

// publish makes a curve the field's.
func (l *learned) publish(c *recall.Curve) {
	l.curve.Store(c)
	l.effort.Store(int32(promise(c, c.Points)))
}

// promise is the breadth that keeps the promise among so many points.
func promise(c *recall.Curve, points int) int {
	if ef, ok := c.EfAmong(points, promised, recall.K); ok {
		return ef
	}
	return widest
}

// breadth is that of a query that names none; 0 where it was not measured. In a
// graph it is ef_construct at least, which the contract's own default is: nobody
// finds less than there.
func (f *fieldState) breadth() int { return f.breadthAmong(f.has.Len()) }

func (f *fieldState) breadthAmong(points int) int {
	ef := int(f.effort.Load())
	if ef == 0 {
		return 0
	}
	if c := f.curve.Load(); c != nil {
		ef = promise(c, points)
	}
	if f.kind.Type == schema.Graph {
		ef = max(ef, f.settings.EfConstruct)
	}
	return ef
}

// tune measures recall by breadth when the index has grown by half, or was
// changed, since it was measured last. build must be held.
func (s *Shard) tune(f *fieldState, g *indexed) {
	p := s.probe(f, g)
	if p == nil {
		return
	}
	n, c := p.of.Len(), f.curve.Load()
	if n == 0 || c != nil && n < c.Points*3/2 && n > c.Points/2 && c.Index == g.words() && !f.again.Load() {
		return
	}
	j := s.resume(Tuning, f.conf.Name)
	defer s.finish(j, nil)
	fresh, live := p.measure(s.o.Optimizer)
	if fresh == nil {
		return
	}
	f.mu.Lock()
	f.tally.Reset()
	if live {
		f.tally = *fresh
	}
	f.mu.Unlock()
	c = fresh.Curve()
	c.Live, c.Points, c.Index, c.At = live, n, g.words(), time.Now()
	f.again.Store(false)
	f.turned = 0
	f.publish(c)
	s.log.Info("recall measured", "vector", f.conf.Name, "points", n, "samples", c.Samples, "live", live, "ef", f.effort.Load())
}

// words says what a curve is of: an index of other words is measured anew.
func (g *indexed) words() string { return fmt.Sprintf("%+v by %v", g.made, g.coding) }

// probe compares an index with exact search.
type probe struct {
	f    *fieldState
	g    *indexed
	of   index.Searcher
	has  *index.Set // slots that it may find
	done <-chan struct{}
}

// probe is of the graph of all points; where there is none, of the largest tree; nil
// without any.
func (s *Shard) probe(f *fieldState, g *indexed) *probe {
	p := &probe{f: f, g: g, of: g.graph, has: f.has, done: s.o.Optimizer.stop}
	graph, ok := g.graph.(*hnsw.Graph)
	if !ok || !graph.Loose() {
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
	found recall.Sample
}

// measure asks a sample of queries at every breadth. nil: there is nothing to
// measure, or no time left for it. live tells that users' queries were asked.
func (p *probe) measure(o *Optimizer) (t *recall.Tally, live bool) {
	list, live := p.queries()
	o.spread(o.o.Workers, len(list), func(i int) { p.ask(&list[i]) })
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
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// exact finds the true neighbours. The vector itself is left out: finding it
// says nothing.
func (p *probe) exact(a *asked) {
	q := a.query
	q.K, q.Accept, q.Done = recall.WideK, p.has, p.done
	if a.self != index.NoSlot {
		q.K++
	}
	a.truth, _ = flat.Range(q, p.f.conf.Space(), p.f.data, 0, index.Slot(p.g.high.Load()), nil)
	a.truth = a.without(a.truth, recall.WideK)
	a.found.Narrow.Wanted = min(recall.K, len(a.truth))
	a.found.Wide.Wanted = len(a.truth)
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

// ask searches exactly, and then wider and wider until all is found.
func (p *probe) ask(a *asked) {
	p.exact(a)
	narrow, wide := &a.found.Narrow, &a.found.Wide
	for i := 0; i < len(recall.Steps) && narrow.Wanted > 0 && !narrow.Whole(); i++ {
		p.search(a, narrow, recall.Steps[i], recall.K)
	}
	for i := 0; i < len(recall.WideSteps) && wide.Wanted == recall.WideK && !wide.Whole(); i++ {
		p.search(a, wide, recall.WideSteps[i], recall.WideK)
	}
}

// search asks the index as a query of a user would, and counts the true
// neighbours. A hit as near as the last true one counts: among duplicates there
// is no one truth.
func (p *probe) search(a *asked, to *recall.Found, ef, k int) {
	q := a.query
	q.K, q.Ef, q.Done = k, ef, p.done
	if a.self != index.NoSlot {
		q.K++
	}
	if p.of != index.Searcher(p.g.graph) || p.of.Len() != p.has.Len() {
		q.Accept = p.has
	}
	hits, _ := p.of.Search(q, nil)
	n := 0
	for _, h := range a.without(hits, k) {
		if to.Wanted > 0 && h.Dist <= a.truth[to.Wanted-1].Dist {
			n++
		}
	}
	to.Hits = append(to.Hits, min(n, to.Wanted))
}
