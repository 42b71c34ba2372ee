package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"

	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/schema"
)

// errRevision: another change came between; try again on what it left.
var errRevision = fmt.Errorf("%w: the collection changed meanwhile", ErrConflict)

func notFound(name string) error {
	return fmt.Errorf("Collection `%s` doesn't exist: %w", name, ErrNotFound)
}

// Collection is a handle to a collection as it was when it was looked up.
type Collection struct {
	n    *Node
	name string
	r    *record
}

// Name is the collection's own name, also when it was found by an alias.
func (c *Collection) Name() string { return c.name }

// Schema is the collection's schema; not to be changed.
func (c *Collection) Schema() *schema.Collection { return c.r.Schema }

// Collection finds a collection by its name or an alias; ErrNotFound.
func (n *Node) Collection(nameOrAlias string) (*Collection, error) {
	name, r, ok := n.meta.find(nameOrAlias)
	if !ok {
		return nil, notFound(nameOrAlias)
	}
	return &Collection{n: n, name: name, r: r}, nil
}

// Names lists the collections by name.
func (n *Node) Names() []string { return n.meta.names() }

// nameLock keeps changes to one collection in a row.
func (n *Node) nameLock(name string) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(name))
	return &n.ddl[h.Sum32()%uint32(len(n.ddl))]
}

// command proposes an entry of the cluster group.
func (n *Node) command(ctx context.Context, c command) (*record, error) {
	switch c.Version = bookVersion; {
	case c.Quotas != nil:
		c.Version = quotasVersion
	case c.Reserve != nil || c.Replace != nil:
		c.Version = recoverVersion
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	_, response, err := n.metaRaft.propose(ctx, text)
	if err != nil {
		return nil, err
	}
	out := response.(outcome)
	return out.record, out.err
}

// Create makes a collection; it can be written to when Create returns. c is the
// schema with every default filled in. Errors: ErrExists, ErrDiskFull,
// ErrMemory.
func (n *Node) Create(ctx context.Context, name string, c schema.Collection) error {
	if err := n.enter(); err != nil {
		return err
	}
	defer n.writes.Done()
	if err := errors.Join(n.disk.admit(0, false), n.memory.admitCollection()); err != nil {
		return err
	}
	mu := n.nameLock(name)
	mu.Lock()
	defer mu.Unlock()
	r, err := n.command(ctx, command{Create: &createCommand{Name: name, Schema: &c, Groups: len(n.groups)}})
	if err != nil {
		return err
	}
	_, err = n.everywhere(ctx, r, func(id schema.ShardID) op.Op {
		return op.Op{Kind: op.CreateShard, Shard: id, Schema: r.Schema}
	})
	return err
}

// everywhere proposes one operation for each shard of a collection, and answers
// the largest log index.
func (n *Node) everywhere(ctx context.Context, r *record, make func(schema.ShardID) op.Op) (index uint64, err error) {
	for _, p := range r.Shards {
		at, err := n.groups[p.Group].propose(ctx, []op.Op{make(p.Shard)})
		if err != nil {
			return index, err
		}
		index = max(index, at)
	}
	return index, nil
}

// Update changes a collection's settings, or its vectors (AddVector and
// DropVector). change gets a copy of the schema; it may be called again when
// another change came between. The answer is the log index of the change in the
// shards. Errors: ErrNotFound, and what change returns.
func (n *Node) Update(ctx context.Context, name string, change func(*schema.Collection) error) (operationID uint64, err error) {
	if err := n.enter(); err != nil {
		return 0, err
	}
	defer n.writes.Done()
	name, _, ok := n.meta.find(name)
	if !ok {
		return 0, notFound(name)
	}
	mu := n.nameLock(name)
	mu.Lock()
	defer mu.Unlock()
	for {
		r, err := n.tryUpdate(ctx, name, change)
		if errors.Is(err, errRevision) {
			continue
		}
		if err != nil {
			return 0, err
		}
		// The map of collections has it: the shards follow, whoever still waits.
		return n.everywhere(context.WithoutCancel(ctx), r, func(id schema.ShardID) op.Op {
			return op.Op{Kind: op.UpdateShard, Shard: id, Schema: r.Schema}
		})
	}
}

func (n *Node) tryUpdate(ctx context.Context, name string, change func(*schema.Collection) error) (*record, error) {
	_, old, ok := n.meta.find(name)
	if !ok {
		return nil, notFound(name)
	}
	fresh, err := clone(old.Schema)
	if err != nil {
		return nil, err
	}
	if err := change(fresh); err != nil {
		return nil, err
	}
	return n.command(ctx, command{Update: &updateCommand{Name: name, Schema: fresh, Revision: old.Revision}})
}

// clone goes through the form that the log keeps, so that nothing is shared.
func clone(c *schema.Collection) (*schema.Collection, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	out := new(schema.Collection)
	return out, json.Unmarshal(text, out)
}

// Delete removes a collection and its aliases. It takes the collection's own
// name; an alias does not count. Its disk space comes back in the background.
func (n *Node) Delete(ctx context.Context, name string) (existed bool, err error) {
	if err := n.enter(); err != nil {
		return false, err
	}
	defer n.writes.Done()
	if err := n.disk.admit(0, true); err != nil {
		return false, err
	}
	mu := n.nameLock(name)
	mu.Lock()
	defer mu.Unlock()
	r, err := n.command(ctx, command{Delete: &name})
	if err != nil || r == nil {
		return false, err
	}
	_, err = n.everywhere(context.WithoutCancel(ctx), r, func(id schema.ShardID) op.Op {
		return op.Op{Kind: op.DropShard, Shard: id}
	})
	return true, err
}
