package shard

import "sync"

// epochs tells when all views from before a moment have ended: flip begins a
// new epoch, and what nobody could reach at the flip is out of everyone's reach
// once the epoch before has drained. There are two at a time at most.
type epochs struct {
	mu    sync.Mutex
	now   int // 0 or 1
	users [2]int
}

// enter counts a view in; leave with what it answers.
func (e *epochs) enter() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users[e.now]++
	return e.now
}

func (e *epochs) leave(at int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users[at]--
}

// flip begins a new epoch; false when the one before the present has users yet.
func (e *epochs) flip() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users[1-e.now] > 0 {
		return false
	}
	e.now = 1 - e.now
	return true
}

// drained reports whether everyone from before the last flip has left.
func (e *epochs) drained() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.users[1-e.now] == 0
}
