package shard

import (
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index"
)

const (
	// yieldStep is how often a worker that lets reads go first looks up again, and
	// yieldMost how long it waits at most, so that a build goes on under any load.
	yieldStep = 100 * time.Microsecond
	yieldMost = 2 * time.Millisecond
)

// yield holds a worker of a build back while reads are under way: as many of the
// workers wait as there are reads. One that no processor has taken up yet has one now.
// It is called between two inserts.
func (o *Optimizer) yield(worker, workers int) {
	stepAside()
	for waited := time.Duration(0); waited < yieldMost; waited += yieldStep {
		if int64(worker) < int64(workers)-o.reading.Load() {
			return
		}
		time.Sleep(yieldStep)
	}
}

const (
	// liveFor is how long after the last read reads are expected to go on, and
	// asideLook how often a worker that stands aside looks whether they have ended.
	liveFor   = 50 * time.Millisecond
	asideLook = 5 * time.Millisecond
	// stint is how long work that nobody waits for goes on before it looks whether
	// a read is under way.
	stint = 500 * time.Microsecond
)

// live says whether reads come in.
func (o *Optimizer) live() bool {
	return o.reading.Load() > 0 || time.Since(o.began)-time.Duration(o.lastRead.Load()) < liveFor
}

// gives is what work that nobody waits for asks between small parts of it, on one
// goroutine: it waits while reads are under way, and not for ever, so that there is
// an end to the work under any load. false: the builder is being closed.
func (o *Optimizer) gives() func() bool {
	since := time.Now()
	return func() bool {
		if time.Since(since) < stint {
			return true
		}
		o.yield(0, 1)
		since = time.Now()
		return !o.stopping()
	}
}

// aside runs n pieces of work that nobody waits for, such as measurements: on all
// workers, but while reads come in half of them begin no other piece. Between small
// parts of a piece goes is to be asked (gives).
func (o *Optimizer) aside(n int, do func(i int, goes func() bool)) {
	var at atomic.Int64
	workers := min(o.o.Workers, n)
	index.Pace{Workers: workers}.Each(func(w int) {
		goes := o.gives()
		for !o.stopping() {
			for 2*w >= o.o.Workers && o.live() && at.Load() < int64(n) && !o.stopping() {
				time.Sleep(asideLook)
			}
			i := at.Add(1) - 1
			if i >= int64(n) {
				return
			}
			do(int(i), goes)
		}
	})
}

// pace is that of long work on an index of a shard: it lets reads go first, and
// stops when the node does or the shard goes.
func (s *Shard) pace() index.Pace { return s.paced(s.o.Optimizer.o.Workers) }

// paced is pace with so many workers.
func (s *Shard) paced(workers int) index.Pace {
	o := s.o.Optimizer
	return index.Pace{Workers: workers, Go: func(worker int) bool {
		o.yield(worker, workers)
		return !o.stopping() && !s.pins.isClosed()
	}}
}

// stopping says whether the builder is being closed.
func (o *Optimizer) stopping() bool {
	select {
	case <-o.stop:
		return true
	default:
		return false
	}
}

// builders is how many workers may build this field's index now: what the
// settings allow, and while writes come in, all but one.
func (s *Shard) builders(f *fieldState, allowed *int) int {
	o := s.o.Optimizer
	workers := o.o.Workers
	if n := f.settings.MaxIndexingThreads; n > 0 {
		workers = min(workers, n)
	}
	if allowed != nil {
		workers = min(workers, *allowed)
	}
	if seen := o.writes.Load(); seen != o.lastSeen {
		o.lastSeen = seen
		workers--
	}
	return max(workers, 1)
}

// spread runs n pieces of work on some goroutines, which let reads go first.
func (o *Optimizer) spread(workers, n int, do func(i int)) {
	var at atomic.Int64
	workers = min(workers, n)
	index.Pace{Workers: workers}.Each(func(w int) {
		for i := at.Add(1) - 1; i < int64(n); i = at.Add(1) - 1 {
			do(int(i))
			o.yield(w, workers)
		}
	})
}
