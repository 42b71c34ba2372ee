package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/archive"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/replica"
	"github.com/kithdb/kith/storage/schema"
)

// ErrSnapshot: the snapshot is not what the request takes it for, or is damaged.
// Nothing has changed.
var ErrSnapshot = errors.New("snapshot refused")

// reserveCommand takes shard numbers for shards that are not anybody's yet. What
// is never used stays unused: a number is given once.
type reserveCommand struct {
	Shards int `json:"shards"`
	Groups int `json:"groups"`
}

// replaceCommand gives a collection other shards, or makes it of shards that
// are there. They are durable before it is proposed.
type replaceCommand struct {
	Name     string             `json:"name"`
	Schema   *schema.Collection `json:"schema"`
	Shards   []placement        `json:"shards"`
	Revision uint64             `json:"revision"` // the collection's; 0: there is none
}

func (c *catalogue) replace(cmd *replaceCommand, index uint64) outcome {
	old, ok := c.book.Collections[cmd.Name]
	switch {
	case !ok && cmd.Revision != 0, ok && old.Revision != cmd.Revision:
		return outcome{err: errRevision}
	case !ok:
		if err := c.free(cmd.Name); err != nil {
			return outcome{err: err}
		}
	}
	r := &record{Schema: cmd.Schema, Shards: cmd.Shards, Revision: index}
	c.book.Collections[cmd.Name] = r
	return outcome{record: r}
}

// Recover replaces a collection, or one of its shards, by what an archive
// holds; a collection that does not exist is made. Reads and writes go on
// meanwhile, on the old state, until one entry of the cluster group's log
// switches to the new one. A failure at any step, a crash among them, leaves
// the old state, and nothing else behind.
//
// Errors: ErrSnapshot, ErrNotFound (a shard's collection), ErrConflict,
// ErrDiskFull, and those of the source.
func (n *Node) Recover(ctx context.Context, name string, shardNumber int, source io.Reader) error {
	return n.recovering(source, kindOf(shardNumber), func(r *recovery) error {
		if err := r.receive(ctx, name, shardNumber); err != nil {
			return err
		}
		return r.install(ctx)
	})
}

// recovering opens an archive that is to be of a kind, and clears away what the
// work on it leaves.
func (n *Node) recovering(source io.Reader, want archive.Kind, work func(*recovery) error) error {
	if err := n.enter(); err != nil {
		return err
	}
	defer n.writes.Done()
	a, err := archive.NewReader(source)
	if err != nil {
		return refused(err)
	}
	defer a.Release()
	if got := a.Manifest().Kind; got != want {
		return fmt.Errorf("%w: it is a snapshot of a %s, and one of a %s is to be recovered", ErrSnapshot, got, want)
	}
	r := &recovery{n: n, a: a}
	defer r.abort()
	return refused(work(r))
}

// RecoverNode restores every collection of a node's archive, and its aliases,
// beside the collections that are there; those of the same name are replaced.
// Everything is in place before the first one is switched.
func (n *Node) RecoverNode(ctx context.Context, source io.Reader) error {
	return n.recovering(source, archive.OfNode, func(r *recovery) error {
		if err := r.receiveAll(ctx); err != nil {
			return err
		}
		if err := r.install(ctx); err != nil {
			return err
		}
		return r.alias(ctx)
	})
}

// alias makes the aliases of a node's archive.
func (r *recovery) alias(ctx context.Context) error {
	var actions []AliasAction
	for _, alias := range r.a.Manifest().Aliases {
		actions = append(actions, AliasAction{Kind: CreateAlias, Alias: alias.Name, Collection: alias.Collection})
	}
	if len(actions) == 0 {
		return nil
	}
	_, err := r.n.command(ctx, command{Aliases: actions})
	return err
}

// refused marks what is the archive's fault.
func refused(err error) error {
	for _, fault := range []error{archive.ErrFormat, archive.ErrCorrupt, storage.ErrRow} {
		if errors.Is(err, fault) {
			return fmt.Errorf("%w: %w", ErrSnapshot, err)
		}
	}
	return err
}

// recovery is a recovery under way.
type recovery struct {
	n     *Node
	a     *archive.Reader
	plans []*plan
	since int64 // bytes since free space was last looked at
}

// plan is one collection to be switched.
type plan struct {
	name    string
	schema  *schema.Collection
	shard   int // WholeCollection, or the one shard to replace
	total   int // shards of the collection
	imports []*replica.Import
	places  []placement
}

// abort takes back what was not switched.
func (r *recovery) abort() {
	for _, p := range r.plans {
		for _, m := range p.imports {
			if err := m.Abort(); err != nil {
				r.n.log.Warn("remove what a failed recovery left; the next start does it", "collection", p.name, "error", err)
			}
		}
	}
}

// receive reads an archive of one collection or shard.
func (r *recovery) receive(ctx context.Context, name string, shardNumber int) error {
	c := &r.a.Manifest().Collections[0]
	own, old, exists := r.n.meta.find(name)
	p := &plan{name: own, shard: shardNumber, total: len(c.Shards)}
	var err error
	if p.schema, err = readSchema(c, shardNumber != WholeCollection); err != nil {
		return err
	}
	switch {
	case shardNumber != WholeCollection && !exists:
		return notFound(name)
	case shardNumber != WholeCollection && (shardNumber < 0 || shardNumber >= len(old.Shards)):
		return noShard(own, shardNumber)
	case shardNumber != WholeCollection:
		p.total = len(old.Shards)
	}
	if exists {
		if err := compatible(old.Schema, p.schema); err != nil {
			return err
		}
	}
	r.plans = append(r.plans, p)
	if err := r.load(ctx, 0, p); err != nil {
		return err
	}
	return r.a.Close()
}

func (r *recovery) receiveAll(ctx context.Context) error {
	for i := range r.a.Manifest().Collections {
		c := &r.a.Manifest().Collections[i]
		s, err := readSchema(c, false)
		if err != nil {
			return err
		}
		p := &plan{name: c.Name, schema: s, shard: WholeCollection, total: len(c.Shards)}
		r.plans = append(r.plans, p)
		if err := r.load(ctx, i, p); err != nil {
			return err
		}
	}
	return r.a.Close()
}

// readSchema reads a manifest's schema as strictly as a request's.
func readSchema(c *archive.Collection, oneShard bool) (*schema.Collection, error) {
	s := new(schema.Collection)
	if err := json.Unmarshal(c.Schema, s); err != nil {
		return nil, fmt.Errorf("%w: schema of collection %q: %w", ErrSnapshot, c.Name, err)
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("%w: schema of collection %q: %w", ErrSnapshot, c.Name, err)
	}
	if !oneShard && int(s.ShardNumber) != len(c.Shards) {
		return nil, fmt.Errorf("%w: collection %q has %d shards and its schema says %d", ErrSnapshot, c.Name, len(c.Shards), s.ShardNumber)
	}
	return s, nil
}

// compatible refuses a snapshot that would give a collection other vectors: its
// users would not know. As the contract's engine does.
func compatible(have, got *schema.Collection) error {
	same := len(have.Vectors) == len(got.Vectors) && have.ShardNumber == got.ShardNumber
	for i := range have.Vectors {
		v := &have.Vectors[i]
		w, ok := got.Vector(v.Name)
		same = same && ok && v.Size == w.Size && v.Metric == w.Metric && v.Datatype == w.Datatype
	}
	if !same {
		return fmt.Errorf("%w: it is not compatible with the existing collection: vectors or shard_number differ; recover it under another name, or delete the collection first", ErrSnapshot)
	}
	return nil
}

// sameVectors refuses a shard's snapshot from before a vector was removed and
// added anew: the shard takes the collection's schema, in which that vector is
// another one, and would lose what it holds of it.
func sameVectors(have, got *schema.Collection) error {
	for i := range have.Vectors {
		v := &have.Vectors[i]
		if w, ok := got.Vector(v.Name); !ok || v.Number != w.Number {
			return fmt.Errorf("%w: vector %q of the collection is not the one of the snapshot: one of them was removed and added anew; recover the whole collection", ErrSnapshot, v.Name)
		}
	}
	return nil
}

// load reads the streams of a collection into shards of fresh numbers.
func (r *recovery) load(ctx context.Context, at int, p *plan) error {
	shards := r.a.Manifest().Collections[at].Shards
	if err := errors.Join(r.n.disk.admit(0, false), r.n.memory.admitCollection()); err != nil {
		return err
	}
	reserved, err := r.n.command(ctx, command{Reserve: &reserveCommand{Shards: len(shards), Groups: len(r.n.groups)}})
	if err != nil {
		return err
	}
	p.places = reserved.Shards
	for i, s := range shards {
		m, err := r.n.groups[p.places[i].Group].replica.NewImport(p.places[i].Shard)
		if err != nil {
			return err
		}
		p.imports = append(p.imports, m)
		if err := r.rows(ctx, archive.Rows(at, i), m); err != nil {
			return err
		}
		for _, v := range s.Graphs {
			if err := r.graph(ctx, archive.Graph(at, i, v), v, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookEvery is how many bytes may come before free space is looked at again.
const lookEvery = 16 << 20

func (r *recovery) rows(ctx context.Context, stream string, m *replica.Import) error {
	from, err := r.a.Stream(stream)
	if err != nil {
		return err
	}
	return archive.EachRow(&watched{r: from, ctx: ctx, of: r}, m.Put)
}

func (r *recovery) graph(ctx context.Context, stream string, vector uint16, m *replica.Import) error {
	from, err := r.a.Stream(stream)
	if err != nil {
		return err
	}
	return m.Graph(vector, &watched{r: from, ctx: ctx, of: r})
}

// watched ends a stream when the caller has gone or the disk is nearly full,
// which bounds what an archive of any ratio of compression can fill.
type watched struct {
	r   io.Reader
	ctx context.Context
	of  *recovery
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.r.Read(p)
	if w.of.since += int64(n); w.of.since >= lookEvery {
		w.of.since = 0
		full := errors.Join(w.of.n.disk.admit(lookEvery, false), w.of.n.memory.admit("the recovery", lookEvery, tailPercent))
		if full != nil {
			return n, full
		}
	}
	return n, err
}

// install makes what was received durable, and then switches to it.
func (r *recovery) install(ctx context.Context) error {
	for _, p := range r.plans {
		if err := p.ready(ctx); err != nil {
			return err
		}
	}
	for _, p := range r.plans {
		for _, m := range p.imports {
			if err := m.Publish(); err != nil {
				return err
			}
		}
	}
	for _, p := range r.plans {
		if err := r.switchTo(ctx, p); err != nil {
			return fmt.Errorf("collection %q: %w", p.name, err)
		}
	}
	return nil
}

// ready loads the shards and checks them.
func (p *plan) ready(ctx context.Context) error {
	for i, m := range p.imports {
		number := i
		if p.shard != WholeCollection {
			number = p.shard
		}
		home := func(id point.ID) bool { return p.total == 1 || shardOf(id, p.total) == number }
		s, err := m.Load(ctx, home)
		if err != nil {
			return err
		}
		if p.shard == WholeCollection && !sameSchema(s, p.schema) {
			return fmt.Errorf("%w: shard %d has another schema than its collection", ErrSnapshot, i)
		}
		if err := compatible(p.schema, s); err != nil {
			return err
		}
	}
	return nil
}

// switchTo makes the new shards the collection's, and drops those they replace.
func (r *recovery) switchTo(ctx context.Context, p *plan) error {
	mu := r.n.nameLock(p.name)
	mu.Lock()
	defer mu.Unlock()
	_, old, exists := r.n.meta.find(p.name)
	cmd := &replaceCommand{Name: p.name, Schema: p.schema, Shards: p.places}
	var gone []placement
	if exists {
		if err := compatible(old.Schema, p.schema); err != nil {
			return err
		}
		cmd.Revision, gone = old.Revision, old.Shards
	}
	if p.shard != WholeCollection {
		if !exists || len(old.Shards) != p.total {
			return errRevision
		}
		if err := sameVectors(old.Schema, p.schema); err != nil {
			return err
		}
		cmd.Schema, gone = old.Schema, old.Shards[p.shard:p.shard+1]
		cmd.Shards = append(append(append([]placement(nil), old.Shards[:p.shard]...), p.places[0]), old.Shards[p.shard+1:]...)
	}
	now, err := r.n.command(ctx, command{Replace: cmd})
	if errors.Is(err, ErrTimeout) || errors.Is(err, ErrClosed) {
		p.imports = nil // it may still come about: the next start decides what is litter
	}
	if err != nil {
		return err
	}
	p.imports = nil
	return r.settle(ctx, p, now, gone)
}

// settle does what follows from a switch. The next start does it where a crash
// comes before.
func (r *recovery) settle(ctx context.Context, p *plan, now *record, gone []placement) error {
	ctx = context.WithoutCancel(ctx)
	for _, old := range gone {
		if _, err := r.n.groups[old.Group].propose(ctx, []op.Op{{Kind: op.DropShard, Shard: old.Shard}}); err != nil {
			return err
		}
	}
	for _, place := range p.places {
		if err := r.n.mend(ctx, p.name, now, place); err != nil {
			return err
		}
	}
	return nil
}
