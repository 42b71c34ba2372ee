package shard

import (
	"sync"
	"testing"
	"time"
)

// A shard has one look due at most, the soonest that was asked for, and can be
// asked for another once it has come.
func TestOneLookIsDue(t *testing.T) {
	o, s := &Optimizer{}, &Shard{}
	o.mu.wake, o.mu.queued = sync.NewCond(&o.mu), map[*Shard]bool{}
	timer := func() *time.Timer {
		s.due.Lock()
		defer s.due.Unlock()
		if s.due.at.IsZero() {
			return nil
		}
		return s.due.timer
	}
	for range 3 {
		o.later(s, time.Hour)
		first := timer()
		for range 100 {
			o.later(s, 2*time.Hour)
		}
		if timer() != first || first == nil {
			t.Fatal("a look that is due later has a timer of its own")
		}
		o.later(s, time.Millisecond)
		if first.Stop() {
			t.Fatal("the look that was due is still to come, beside the sooner one")
		}
		for end := time.Now().Add(10 * time.Second); timer() != nil; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the look never came")
			}
		}
		if next, ok := o.next(); !ok || next != s {
			t.Fatal("the look came, and the shard is not in the queue")
		}
	}
}

func TestFailedWorkWaitsLongerEachTime(t *testing.T) {
	if got := afterFault(1); got != faultRetry {
		t.Errorf("after the first fault %v", got)
	}
	last := time.Duration(0)
	for n := range 100 {
		wait := afterFault(n + 1)
		if wait < last || wait > faultRetryMost {
			t.Errorf("after %d faults %v, before %v", n+1, wait, last)
		}
		last = wait
	}
	if last != faultRetryMost {
		t.Errorf("after many faults %v", last)
	}
}
