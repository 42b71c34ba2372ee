package index

import (
	"errors"
	"sync"
)

// ErrStopped: a long piece of work was told to stop. What it had done holds, and
// doing it once more goes on from there, as each piece of work says.
var ErrStopped = errors.New("stopped before the end")

// Pace is how a long piece of work on an index goes on. The zero value works
// alone, to the end.
type Pace struct {
	Workers int // goroutines; 0 is 1
	// Go is asked by each worker, numbered from 0, between two small pieces of its
	// work, a millisecond apart or so. It may wait there, so that others have the
	// processor; false stops the work. nil: it goes on. Any goroutine.
	Go func(worker int) bool
}

// Goes asks whether a worker is to go on.
func (p Pace) Goes(worker int) bool { return p.Go == nil || p.Go(worker) }

// Each runs the workers, numbered from 0, side by side, and waits for all of them.
func (p Pace) Each(do func(worker int)) {
	var all sync.WaitGroup
	for worker := range p.Hands() {
		all.Go(func() { do(worker) })
	}
	all.Wait()
}

// Hands is the number of workers, 1 at least.
func (p Pace) Hands() int { return max(p.Workers, 1) }
