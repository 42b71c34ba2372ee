package shard

import (
	"slices"
	"time"

	"github.com/kithdb/kith/index"
)

const (
	// rest is how many times as long as it worked the sampler sleeps: it takes
	// at most a fortieth of one core.
	rest      = 39
	leastRest = 20 * time.Millisecond
	mostRest  = 30 * time.Minute // a pass over rows on disk takes long
	// republish: a curve is drawn anew after so many fresh samples.
	republish = 16
)

// Observe shows a query to the sampler, which compares some of them with exact
// search later. It costs next to nothing.
func (v *Vectors) Observe(vector []float32) {
	if v.field.recent.Offer(vector) && !v.shard.watched.Load() {
		v.shard.o.Optimizer.watch(v.shard)
	}
}

// unmeasured is the breadth for a recall before one was measured: what most data
// need for 0.95, and more in proportion to the misses that are allowed. Along a few
// axes nobody knows what is needed.
const (
	unmeasured     = 384
	unmeasuredMost = 4096
)

// Breadth is the ef that gives a recall (above 0, below 1) for k neighbours;
// false: exact search is the answer.
func (v *Vectors) Breadth(asked float64, k int) (ef int, ok bool) {
	if c := v.field.curve.Load(); c != nil {
		return c.EfAmong(v.Has.Len(), asked, k)
	}
	if v.state.kind.PCA > 0 {
		return 0, false
	}
	ef = max(int(unmeasured*max((1-promised)/(1-asked), 1)), k)
	return ef, ef <= unmeasuredMost
}

// EffortAmong is Effort for a part of so many points.
func (v *Vectors) EffortAmong(points int) int { return v.state.breadthAmong(points) }

// watch puts a shard that has fresh queries into the sampler's round.
func (o *Optimizer) watch(s *Shard) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.closed || s.watched.Swap(true) {
		return
	}
	o.mu.watched = append(o.mu.watched, s)
	select {
	case o.fresh <- struct{}{}:
	default:
	}
}

// unwatch takes a shard out of the round.
func (o *Optimizer) unwatch(s *Shard) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.watched = slices.DeleteFunc(o.mu.watched, func(w *Shard) bool { return w == s })
	s.watched.Store(false)
}

// sample compares live queries with exact search, one at a time, and rests in
// between, until the optimizer closes.
func (o *Optimizer) sample() {
	defer o.done.Done()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-o.stop:
			return
		case <-pause.C:
		}
		began := time.Now()
		if s := o.turn(); s != nil {
			s.sampleNext()
			pause.Reset(min(max(rest*time.Since(began), leastRest), mostRest))
			continue
		}
		select {
		case <-o.stop:
			return
		case <-o.fresh:
			pause.Reset(leastRest)
		}
	}
}

// turn is the next shard of the round; nil when no shard has fresh queries.
func (o *Optimizer) turn() *Shard {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.mu.watched) == 0 {
		return nil
	}
	s := o.mu.watched[0]
	o.mu.watched = append(o.mu.watched[1:], s)
	return s
}

// sampleNext measures one fresh query of a shard. One without any leaves the
// round; so does one that cannot be measured now, until its next query.
func (s *Shard) sampleNext() {
	if v, err := s.view(); err == nil {
		defer v.Release()
		if s.sampleView(v) {
			return
		}
		s.o.Optimizer.unwatch(s)
		for i := range v.st.fields { // one may have come before it was out
			if f := &v.st.fields[i]; f.recent.Fresh() && f.measurable(v.st) {
				s.o.Optimizer.watch(s)
			}
		}
		return
	}
	s.o.Optimizer.unwatch(s) // dropped
}

func (s *Shard) sampleView(v *View) bool {
	for i := range v.st.fields {
		f := &v.st.fields[i]
		if !f.recent.Fresh() || !f.measurable(v.st) {
			continue
		}
		g := f.pinGraph()
		if g == nil {
			continue
		}
		defer g.pins.drop()
		if p := s.probe(f, g); p != nil {
			f.sampleOne(p, s.o.Optimizer.gives())
			return true
		}
	}
	return false
}

// measurable says whether a query more adds to what is known: while an index is
// being built it does not, and the curve is drawn when it is done.
func (f *fieldState) measurable(st *state) bool {
	return f.curve.Load() != nil && !f.again.Load() && f.tail(st) == 0
}

// sampleOne adds a query to the tally, and draws the curve anew now and then.
func (l *learned) sampleOne(p *probe, goes func() bool) {
	one := [1]asked{{query: index.Query{Vector: l.recent.Take()}, self: index.NoSlot}}
	a := &one[0]
	old := l.curve.Load()
	if a.query.Vector == nil || old == nil {
		return
	}
	p.exact(one[:], goes)
	p.climb(a, goes)
	if p.ended() || l.again.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.curve.Load() != old {
		return // it was of an index that serves no more
	}
	if n := l.tally.Add(a.found); n < leastSamples || n%republish != 0 {
		return
	}
	c := l.tally.Curve()
	c.Live, c.Points, c.Index, c.At = true, old.Points, old.Index, time.Now()
	l.publish(c)
}
