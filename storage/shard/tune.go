package shard

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index/recall"
	"github.com/kithdb/kith/storage/schema"
)

const (
	// promised is the recall that the default breadth is chosen for.
	promised = 0.95
	// leastSamples is how many queries a curve is of at least.
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

// forget has searches go by no measurement: the index is none that was measured.
func (l *learned) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Reset()
	l.curve.Store(nil)
	l.effort.Store(0)
}

// unlearn forgets what was measured on an index of other words than the one that
// serves now. build must be held.
func (f *fieldState) unlearn(g *indexed) {
	if c := f.curve.Load(); c != nil && c.Index != g.words() {
		f.forget()
	}
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
	s.o.Optimizer.handBack() // a measurement takes long, and memory of its own
	s.o.Optimizer.worked.Store(true)
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
func (g *indexed) words() string { return fmt.Sprintf("%+v by %v", g.made, g.coding()) }
