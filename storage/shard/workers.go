package shard

import (
	"sync"
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
// workers wait as there are reads. It is called between two inserts.
func (o *Optimizer) yield(worker, workers int) {
	for waited := time.Duration(0); waited < yieldMost; waited += yieldStep {
		if int64(worker) < int64(workers)-o.reading.Load() {
			return
		}
		time.Sleep(yieldStep)
	}
}

// pace is that of long work on an index of a shard: it lets reads go first, and
// stops when the node does or the shard goes.
func (s *Shard) pace() index.Pace {
	o := s.o.Optimizer
	workers := o.o.Workers
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
	var wg sync.WaitGroup
	workers = min(workers, n)
	for w := range workers {
		wg.Go(func() {
			for i := at.Add(1) - 1; i < int64(n); i = at.Add(1) - 1 {
				do(int(i))
				o.yield(w, workers)
			}
		})
	}
	wg.Wait()
}
