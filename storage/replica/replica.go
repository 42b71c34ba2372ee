// Package replica is the state machine of one replica group: one store and the
// shards assigned to it. It turns a run of log entries into one store batch and
// then publishes what changed.
//
// Who calls: cluster, on raft's apply goroutine (Apply), on its snapshot
// goroutine (Flush), and anywhere for reads. What it calls: storage and
// storage/shard. It never proposes and never waits for raft.
//
// Invariants:
//
//	R1. The store's applied index and its rows change in one batch.
//	R2. A view of a shard sees an entry's operations all or not at all.
//	R3. An entry at or below Applied changes nothing.
package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// Options configures a replica.
type Options struct {
	Store     storage.Options
	Optimizer *shard.Optimizer // shared by all replicas of the node; required
	Logger    *slog.Logger     // nil: slog.Default
}

// Replica is one replica group's state on this node.
//
// Concurrency: Apply is for one goroutine; everything else for any.
type Replica struct {
	dir   string
	store *storage.Store
	cuts  *shard.Cuts
	apply sync.Mutex // held while the store's rows change
	shard shard.Options
	log   *slog.Logger

	mu struct {
		sync.RWMutex
		shards       map[schema.ShardID]*shard.Shard
		dropped      []schema.ShardID // whose disk space is not back yet
		droppedBytes int64
		closed       bool
	}
}

// Open opens or makes a replica in a directory: db/ holds the store, index/ the
// checkpoints. Every shard is loaded and ready to be read when it returns.
func Open(dir string, o Options) (*Replica, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	st, err := storage.Open(filepath.Join(dir, "db"), o.Store)
	if err != nil {
		return nil, err
	}
	r := &Replica{dir: dir, store: st, cuts: shard.NewCuts(st), log: o.Logger}
	r.mu.shards = map[schema.ShardID]*shard.Shard{}
	r.shard = shard.Options{
		Store: st, Apply: &r.apply, Cuts: r.cuts, Optimizer: o.Optimizer,
		Dir: filepath.Join(dir, "index"), Logger: o.Logger,
	}
	err = r.load()
	if err == nil {
		err = r.tidy()
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// load opens the shards on two goroutines: one reads while the other computes.
func (r *Replica) load() error {
	ids, err := r.store.Shards()
	if err != nil {
		return err
	}
	next := make(chan schema.ShardID)
	faults := make([]error, 2)
	var wg sync.WaitGroup
	for w := range faults {
		wg.Go(func() {
			for id := range next {
				faults[w] = errors.Join(faults[w], r.loadShard(id))
			}
		})
	}
	for _, id := range ids {
		next <- id
	}
	close(next)
	wg.Wait()
	return errors.Join(faults...)
}

func (r *Replica) loadShard(id schema.ShardID) error {
	row, ok, err := r.store.GetShard(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: shard %d is listed and has no row", storage.ErrCorrupt, id)
	}
	s, err := shard.Open(id, row, r.shard)
	if err != nil {
		return err
	}
	r.put(s)
	s.Published()
	return nil
}

func (r *Replica) put(s *shard.Shard) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.shards[s.ID()] = s
}

// Shard finds a shard of this group.
func (r *Replica) Shard(id schema.ShardID) (*shard.Shard, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s, ok := r.mu.shards[id]
	return s, ok
}

// Shards lists the shards of this group by rising number.
func (r *Replica) Shards() []schema.ShardID {
	r.mu.RLock()
	defer r.mu.RUnlock()
	ids := make([]schema.ShardID, 0, len(r.mu.shards))
	for id := range r.mu.shards {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Applied is the raft index of the newest entry whose effect is in the store.
func (r *Replica) Applied() uint64 { return r.store.Applied() }

// Flush makes everything applied so far durable, so that the log may be cut.
func (r *Replica) Flush() error { return r.store.Flush() }

// Store gives the store's figures.
func (r *Replica) Store() storage.Metrics { return r.store.Metrics() }

// FlushFault is why the store's last flush failed, nil when it did not.
func (r *Replica) FlushFault() error { return r.store.FlushFault() }

// Checkpoint saves the shards' graphs and flushes the store: the next open then
// has nothing to catch up.
func (r *Replica) Checkpoint(ctx context.Context) error {
	var fault error
	for _, id := range r.Shards() {
		if err := ctx.Err(); err != nil {
			return errors.Join(fault, fmt.Errorf("checkpoint stopped early: %w", err))
		}
		if s, ok := r.Shard(id); ok {
			fault = errors.Join(fault, s.Checkpoint())
		}
	}
	return errors.Join(fault, r.store.Flush())
}

// Close lets go of everything. Apply must have stopped; views end on their own.
func (r *Replica) Close() error {
	r.mu.Lock()
	if r.mu.closed {
		r.mu.Unlock()
		return nil
	}
	r.mu.closed = true
	shards := r.mu.shards
	r.mu.shards = nil
	r.mu.Unlock()
	for _, s := range shards {
		s.Close()
		s.Wait() // a build under way may still want the apply lock
	}
	r.apply.Lock()
	defer r.apply.Unlock()
	r.cuts.Close()
	return r.store.Close()
}
