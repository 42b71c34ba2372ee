package index

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Every number is done once, in stretches, too, and nobody asks more than is told.
func TestCrewDoesAll(t *testing.T) {
	for _, workers := range []int{0, 1, 3, 50} {
		for _, n := range []int{0, 1, 7, 100} {
			done := make([]atomic.Int64, n)
			c := NewCrew(Pace{Workers: workers})
			c.Each(n, func(i int, _ *Crew) { done[i].Add(1) })
			c.Spread(n, 9, func(from, to int) {
				if from >= to || to-from > 9 {
					t.Errorf("a stretch from %d to %d", from, to)
				}
				for i := from; i < to; i++ {
					done[i].Add(1)
				}
			})
			for i := range done {
				if times := done[i].Load(); times != 2 {
					t.Errorf("%d workers: %d of %d done %d times", workers, i, n, times)
				}
			}
			if c.Stopped() {
				t.Error("stopped, and nobody said so")
			}
		}
	}
}

// Each worker asks as the one that it is, within the parts of its work, too.
func TestCrewWorkersAskAsThemselves(t *testing.T) {
	const workers = 3
	var mu sync.Mutex
	asked := map[int]int{}
	c := NewCrew(Pace{Workers: workers, Go: func(worker int) bool {
		mu.Lock()
		defer mu.Unlock()
		asked[worker]++
		return true
	}})
	met := make(chan struct{}, workers)
	all := make(chan struct{})
	c.Each(workers, func(_ int, own *Crew) {
		if met <- struct{}{}; len(met) == workers {
			close(all)
		}
		<-all // so that each has one
		own.Each(10, func(_ int, own *Crew) { own.Goes() })
	})
	for worker := range workers {
		if asked[worker] < 21 { // before its part, before each of ten, and within each
			t.Errorf("worker %d asked %d times", worker, asked[worker])
		}
	}
	if len(asked) != workers {
		t.Errorf("asked by %v", asked)
	}
}

// A crew that is told to stop leaves out the rest, in all its parts, and for good.
func TestCrewStops(t *testing.T) {
	var left atomic.Int64
	left.Store(5)
	c := NewCrew(Pace{Workers: 2, Go: func(int) bool { return left.Add(-1) > 0 }})
	var done atomic.Int64
	c.Each(3, func(_ int, own *Crew) {
		own.Spread(1000, 1, func(int, int) { done.Add(1) })
	})
	if n := done.Load(); n > 4 || !c.Stopped() {
		t.Errorf("%d done after four were allowed; stopped: %v", n, c.Stopped())
	}
	left.Store(1 << 30)
	c.Each(10, func(int, *Crew) { t.Error("goes on") })
	if c.Goes() {
		t.Error("goes on")
	}
}
