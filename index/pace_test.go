package index

import (
	"sync/atomic"
	"testing"
)

// Each runs as many workers as there are hands, side by side, every number once.
func TestEachRunsAllWorkersSideBySide(t *testing.T) {
	for workers, want := range map[int]int{0: 1, 1: 1, 3: 3} {
		var met atomic.Int64
		all := make(chan struct{})
		ran := make([]int, want)
		Pace{Workers: workers}.Each(func(worker int) {
			ran[worker]++
			if int(met.Add(1)) == want {
				close(all)
			}
			<-all // none of them ends before the last has begun
		})
		for worker, times := range ran {
			if times != 1 {
				t.Errorf("%d workers: number %d ran %d times", workers, worker, times)
			}
		}
	}
}
