package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// Ack says what a write waits for.
type Ack uint8

const (
	// Committed: the write is durable. On this node it is applied as well.
	Committed Ack = iota
	// Applied: reads see it.
	Applied
)

// entryBytes bounds one log entry; larger writes become several.
const entryBytes = 32 << 20

// Write does operations on the collection in their order; their Shard is set
// here. Points and IDs go to the shard of their id, everything else to all
// shards. What one shard gets from one operation is applied at once, or not at
// all. The answer is the log index, which rises from write to write.
//
// Errors: *op.NotFoundError, ErrNotFound when the collection was deleted
// meanwhile, ErrDiskFull, ErrMemory, ErrNotReady, ErrTimeout, ErrFailed, ErrClosed, and
// what an operation itself reports.
func (c *Collection) Write(ctx context.Context, ops []op.Op, _ Ack) (operationID uint64, err error) {
	if err := c.n.enter(); err != nil {
		return 0, err
	}
	defer c.n.writes.Done()
	name := c.name
	for {
		operationID, err = c.write(ctx, ops)
		if !errors.Is(err, op.ErrNoShard) {
			return operationID, err
		}
		if c = c.moved(); c == nil {
			return operationID, notFound(name)
		}
	}
}

// moved is the collection after a recovery gave it other shards, nil when it did
// not.
func (c *Collection) moved() *Collection {
	name, r, ok := c.n.meta.find(c.name)
	if !ok || slices.Equal(r.Shards, c.r.Shards) {
		return nil
	}
	return &Collection{n: c.n, name: name, r: r}
}

func (c *Collection) write(ctx context.Context, ops []op.Op) (uint64, error) {
	w := &writer{c: c, groups: map[schema.GroupID]*entries{}}
	for i := range ops {
		w.add(&ops[i])
	}
	if err := c.n.disk.admit(w.size, frees(ops)); err != nil {
		return 0, err
	}
	if Consumes(ops) {
		if err := c.n.memory.admitWrite(c.r.Schema, ops, w.size); err != nil {
			return 0, err
		}
		if err := c.n.usage.admit(c.n.meta.quotas()); err != nil {
			return 0, err
		}
		for id := range w.groups {
			if err := c.n.groups[id].admit(); err != nil {
				return 0, err
			}
		}
	}
	return w.propose(ctx)
}

// Consumes reports whether a write may take memory or disk: deletions do not, so
// that they stay possible when either is short.
func Consumes(ops []op.Op) bool { return !frees(ops) }

// frees reports whether a write only takes away.
func frees(ops []op.Op) bool {
	for i := range ops {
		switch ops[i].Kind {
		case op.Delete, op.DeleteVectors, op.DeletePayload, op.ClearPayload, op.DropIndex:
		default:
			return false
		}
	}
	return true
}

// writer splits operations into log entries by group.
type writer struct {
	c      *Collection
	groups map[schema.GroupID]*entries
	size   int
}

// entries is what one group gets, in order.
type entries struct {
	list [][]op.Op
	open bool // the last entry may take more
	size int  // of the last entry
}

func (w *writer) add(o *op.Op) {
	if o.Points == nil && o.IDs == nil {
		for _, p := range w.c.r.Shards {
			w.put(p, *o, len(o.Payload)+len(o.Filter))
		}
		return
	}
	if len(w.c.r.Shards) == 1 {
		w.bounded(w.c.r.Shards[0], *o)
		return
	}
	for _, part := range split(o, len(w.c.r.Shards)) {
		if part.o.Points != nil || part.o.IDs != nil {
			w.bounded(w.c.r.Shards[part.at], part.o)
		}
	}
}

// bounded cuts an operation in two until it fits an entry.
func (w *writer) bounded(p placement, o op.Op) {
	size := sizeOf(&o)
	if size <= entryBytes || len(o.Points) < 2 {
		w.put(p, o, size)
		return
	}
	first, second := o, o
	first.Points, second.Points = o.Points[:len(o.Points)/2], o.Points[len(o.Points)/2:]
	w.bounded(p, first)
	w.bounded(p, second)
}

func (w *writer) put(p placement, o op.Op, size int) {
	o.Shard = p.Shard
	w.size += size
	e, ok := w.groups[p.Group]
	if !ok {
		e = &entries{}
		w.groups[p.Group] = e
	}
	alone := shard.Alone(o.Kind)
	if !e.open || alone || e.size+size > entryBytes {
		e.list, e.size = append(e.list, nil), 0
	}
	last := len(e.list) - 1
	e.list[last] = append(e.list[last], o)
	e.size += size
	e.open = !alone
}

// sizeOf is about the bytes of an operation in the log.
func sizeOf(o *op.Op) int {
	n := len(o.Payload) + len(o.Filter) + 24*len(o.IDs)
	for i := range o.Points {
		n += 32 + len(o.Points[i].Payload)
		for _, v := range o.Points[i].Vectors {
			n += 8 + len(v.Name) + 4*len(v.Values)
		}
	}
	return n
}

type part struct {
	at int
	o  op.Op
}

// shardOf is the shard, of n, that an id lives in.
func shardOf(id point.ID, n int) int { return int(id.Hash() % uint64(n)) }

// split deals an operation's points and ids out to shards.
func split(o *op.Op, shards int) []part {
	parts := make([]part, shards)
	for i := range parts {
		parts[i] = part{i, *o}
		parts[i].o.Points, parts[i].o.IDs = nil, nil
	}
	for _, p := range o.Points {
		to := &parts[shardOf(p.ID, shards)].o
		to.Points = append(to.Points, p)
	}
	for _, id := range o.IDs {
		to := &parts[shardOf(id, shards)].o
		to.IDs = append(to.IDs, id)
	}
	return parts
}

// propose sends every group its entries, the groups side by side.
func (w *writer) propose(ctx context.Context) (uint64, error) {
	if len(w.groups) == 1 {
		for id, e := range w.groups {
			return w.c.n.groups[id].proposeAll(ctx, e.list)
		}
	}
	var mu sync.Mutex
	var index uint64
	var fault error
	var wg sync.WaitGroup
	for id, e := range w.groups {
		wg.Go(func() {
			at, err := w.c.n.groups[id].proposeAll(ctx, e.list)
			mu.Lock()
			defer mu.Unlock()
			index = max(index, at)
			if fault == nil {
				fault = err
			}
		})
	}
	wg.Wait()
	return index, fault
}

// proposeAll proposes entries one after the other; the first that fails ends it.
func (g *group) proposeAll(ctx context.Context, list [][]op.Op) (index uint64, err error) {
	for _, ops := range list {
		if index, err = g.propose(ctx, ops); err != nil {
			return index, err
		}
	}
	return index, nil
}
