// Package cluster keeps the map of collections and replicates every write: a
// cluster group holds the map, and each replica group hosts many shards in one
// raft log and one store.
//
// Who calls: server, and tools for embedding. What it calls: storage/replica,
// query (to hand out readable shards), raft. It is the only room that knows
// raft. It never reads request bodies and never looks into an index.
//
// # Path of a write
//
// Write splits operations by shard, encodes one log entry per group, and
// proposes it. Raft syncs the entry to its log (that is when it is durable;
// proposals that arrive meanwhile share the sync) and hands it to the group's
// replica, which applies it. Write returns then.
//
// # Collections
//
// A collection is first an entry of the cluster group, which gives it its shard
// numbers, then an entry in each group that hosts a shard. A crash between the
// two is mended when the node opens (reconcile.go).
//
// # Locking
//
// ddl (by name) → meta.mu. Neither is held while points are written.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// Node is one member of a cluster: here the only one.
//
// Concurrency: every method is safe from any goroutine; Close is called once.
type Node struct {
	o         Options
	log       *slog.Logger
	lock      *dirLock
	cache     *storage.Cache
	optimizer *shard.Optimizer
	disk      *disk
	usage     *meter
	memory    *budget
	meta      *catalogue
	metaRaft  *member
	groups    []*group
	ddl       [64]sync.Mutex // by the hash of a collection's name

	closing atomic.Bool
	writes  sync.WaitGroup // writes under way
	gate    sync.RWMutex   // held shared to join writes, exclusively to close
}

// Open opens or makes a node's data directory. Every group has replayed its log
// and every shard can be read when it returns. Errors: ErrLocked, ErrFormat,
// storage.ErrCorrupt.
func Open(ctx context.Context, o Options) (*Node, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	n := &Node{o: o, log: o.Logger, lock: lock, disk: &disk{path: o.Dir, reserve: o.DiskReserve}}
	n.usage, n.memory = &meter{read: n.Usage}, newBudget(o.MemoryLimit, o.resident)
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close(ctx))
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) error {
	groups, err := openFormat(n.o.Dir, n.o.Groups)
	if err != nil {
		return err
	}
	n.cache = storage.NewCache(storage.CacheOptions{Bytes: n.o.CacheBytes, Most: n.memory.limit / cacheShare, Stores: groups, MemTableBytes: n.o.MemTableBytes})
	n.optimizer = shard.NewOptimizer(shard.OptimizerOptions{Workers: n.o.IndexWorkers, Room: n.memory.admitBuild, Upkeep: n.o.Upkeep, Logger: n.log})
	n.meta = newCatalogue(groups)
	n.metaRaft, err = openMember(filepath.Join(n.o.Dir, "cluster"), n.meta, memberOptions{log: n.log.With("group", "cluster"), snapshots: true, segment: 1 << 20})
	if err != nil {
		return fmt.Errorf("cluster group: %w", err)
	}
	for i := range groups {
		g, err := openGroup(schema.GroupID(i), n)
		if err != nil {
			return fmt.Errorf("group %d: %w", i, err)
		}
		n.groups = append(n.groups, g)
	}
	if err := n.ready(ctx); err != nil {
		return err
	}
	return n.reconcile(ctx)
}

// ready waits until every group leads and has applied its log.
func (n *Node) ready(ctx context.Context) error {
	if err := n.metaRaft.ready(ctx); err != nil {
		return fmt.Errorf("cluster group: %w", err)
	}
	for _, g := range n.groups {
		if err := g.ready(ctx); err != nil {
			return fmt.Errorf("group %d: %w", g.id, err)
		}
	}
	return nil
}

// Ready tells whether the node reads and writes: nil, or why not.
func (n *Node) Ready() error {
	if n.closing.Load() {
		return ErrClosed
	}
	members := []*member{n.metaRaft}
	for _, g := range n.groups {
		members = append(members, g.member)
	}
	for _, m := range members {
		if err := m.log.failed(); err != nil {
			return err
		}
		if m.raft.State() != raft.Leader {
			return fmt.Errorf("%w: a group has no leader", ErrNotReady)
		}
	}
	return nil
}

// enter counts a write in; leave with n.writes.Done.
func (n *Node) enter() error {
	n.gate.RLock()
	defer n.gate.RUnlock()
	if n.closing.Load() {
		return ErrClosed
	}
	n.writes.Add(1)
	return nil
}

// Close finishes the writes under way, saves checkpoints while ctx lasts, and
// closes. Without the checkpoints the next open has more to replay, and loses
// nothing.
func (n *Node) Close(ctx context.Context) error {
	n.gate.Lock()
	n.closing.Store(true)
	n.gate.Unlock()
	n.writes.Wait()
	if n.optimizer != nil {
		n.optimizer.Close()
	}
	var fault error
	for _, g := range n.groups {
		fault = errors.Join(fault, g.close(ctx))
	}
	if n.metaRaft != nil {
		fault = errors.Join(fault, n.metaRaft.close())
	}
	n.cache.Close()
	return errors.Join(fault, n.lock.release())
}
