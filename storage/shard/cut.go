package shard

import (
	"sync"

	"github.com/kithdb/kith/storage"
)

// Cuts pairs the published states of a replica's shards with the store snapshot
// that they agree with, so that a view never sees half of a batch.
type Cuts struct {
	mu      sync.RWMutex
	current *cut
}

// cut is a snapshot with a count of its users; the last one closes it.
type cut struct {
	pins pins
	*storage.Snapshot
}

// NewCuts starts with the store as it is.
func NewCuts(s *storage.Store) *Cuts {
	return &Cuts{current: &cut{Snapshot: s.NewSnapshot()}}
}

// Swap installs a snapshot taken after a commit together with the states that
// publish stores. Readers are held off for the swap alone.
func (c *Cuts) Swap(s *storage.Snapshot, publish func()) {
	c.mu.Lock()
	old := c.current
	c.current = &cut{Snapshot: s}
	publish()
	c.mu.Unlock()
	old.retire()
}

// Close lets go of the current snapshot; views that hold it keep it.
func (c *Cuts) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current.retire()
}

func (c *cut) retire() { c.pins.close(func() { c.Snapshot.Close() }) }
