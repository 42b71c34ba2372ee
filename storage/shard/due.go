package shard

import (
	"sync"
	"time"
)

const (
	// faultRetry is after how long background work that has failed is tried again;
	// it doubles with the failures in a row, up to faultRetryMost: a training may
	// lie before the write that fails.
	faultRetry     = time.Second
	faultRetryMost = time.Minute
)

// due is when the optimizer looks at a shard again without being asked to. There is
// one at most: a step asks for the next as often as it comes, and if each had a timer
// of its own, writes during a pause would leave ever more of them behind.
type due struct {
	sync.Mutex
	at    time.Time // zero: no look is due
	timer *time.Timer
}

// later looks at a shard again after a while, or sooner if a sooner look is due: a
// step asks anew for what it still waits for.
func (o *Optimizer) later(s *Shard, after time.Duration) {
	at := time.Now().Add(after)
	l := &s.due
	l.Lock()
	defer l.Unlock()
	if !l.at.IsZero() {
		if !at.Before(l.at) {
			return
		}
		l.timer.Stop() // where it has just fired, the shard is looked at once more than needed
	}
	l.at = at
	l.timer = time.AfterFunc(after, func() {
		l.Lock()
		l.at = time.Time{}
		l.Unlock()
		o.enqueue(s)
	})
}

// afterFault is when work that has failed so often in a row is tried again.
func afterFault(faults int) time.Duration {
	return min(faultRetry<<min(faults-1, 10), faultRetryMost)
}
