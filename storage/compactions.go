package storage

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// compactions says when Pebble may compact: never before the store is open, then
// as often side by side as Pebble's own limits allow.
//
// Pebble's own scheduler starts while an open still may fail. If it then fails,
// a compaction that has begun reads through caches that are closed, and panics;
// here such an open ends with its error.
//
// Concurrency: Pebble calls Register and TrySchedule with its locks held, so mu
// comes after Pebble's locks: it is never held while a method of db is called that
// takes them. Only grant, in one goroutine, calls those.
type compactions struct {
	db   pebble.DBForCompaction // set before the store is open
	poke chan struct{}          // of one place: something may be granted
	stop chan struct{}          // closed by Unregister
	done chan struct{}          // closed when no grant will come any more

	mu      sync.Mutex
	granted bool // between start and Unregister
	running int
}

// sampled is how often is looked without being told for what may be granted.
const sampled = time.Second

func newCompactions() *compactions {
	return &compactions{poke: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
}

// start lets compactions begin: the store is open.
func (c *compactions) start() {
	c.mu.Lock()
	c.granted = true
	c.mu.Unlock()
	go c.grantAll()
}

// Register is part of Pebble's CompactionScheduler.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister is part of Pebble's CompactionScheduler, the first thing of a close.
func (c *compactions) Unregister() {
	c.mu.Lock()
	c.granted = false
	c.mu.Unlock()
	close(c.stop)
	<-c.done
}

// TrySchedule is part of Pebble's CompactionScheduler.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	if !c.take() {
		return false, nil
	}
	return true, c
}

// UpdateGetAllowedWithoutPermission is part of Pebble's CompactionScheduler.
func (c *compactions) UpdateGetAllowedWithoutPermission() {
	select {
	case c.poke <- struct{}{}:
	default:
	}
}

// Started is part of Pebble's CompactionGrantHandle.
func (c *compactions) Started() {}

// MeasureCPU is part of Pebble's CompactionGrantHandle.
func (c *compactions) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats is part of Pebble's CompactionGrantHandle.
func (c *compactions) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done is part of Pebble's CompactionGrantHandle: a compaction has ended.
func (c *compactions) Done() {
	c.release()
	c.UpdateGetAllowedWithoutPermission()
}

// take takes one of the allowed compactions, if one is left.
func (c *compactions) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.granted || c.running >= c.db.GetAllowedWithoutPermission() {
		return false
	}
	c.running++
	return true
}

func (c *compactions) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
}

// grantAll grants until Unregister.
func (c *compactions) grantAll() {
	defer close(c.done)
	tick := time.NewTicker(sampled)
	defer tick.Stop()
	for {
		for c.grant() {
		}
		select {
		case <-c.stop:
			return
		case <-c.poke:
		case <-tick.C:
		}
	}
}

// grant lets the compaction begin that waits for it, if there is one.
func (c *compactions) grant() bool {
	if !c.take() {
		return false
	}
	if waits, _ := c.db.GetWaitingCompaction(); waits && c.db.Schedule(c) {
		return true
	}
	c.release()
	return false
}
