package cluster

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/kithdb/kith/storage/schema"
)

// catalogue is the state of the cluster group: collections, where their shards
// live, and aliases. It is the raft.FSM of that group.
type catalogue struct {
	groups int
	none   Quotas // what holds until there are quotas
	mu     sync.RWMutex
	book   book
}

// book is what a snapshot holds, in its JSON form: add fields, never rename one.
type book struct {
	Version     int                `json:"version"`
	Collections map[string]*record `json:"collections"`
	Aliases     map[string]string  `json:"aliases"`
	NextShard   schema.ShardID     `json:"next_shard"`       // never given twice
	Quotas      *Quotas            `json:"quotas,omitempty"` // since version 2
}

// record is one collection. It never changes; a change makes a new one.
type record struct {
	Schema   *schema.Collection `json:"schema"`
	Shards   []placement        `json:"shards"`
	Revision uint64             `json:"revision"` // log index of the last change
}

// placement says which group hosts a shard.
type placement struct {
	Shard schema.ShardID `json:"shard"`
	Group schema.GroupID `json:"group"`
}

// The versions of entries and snapshots. Quotas came with 2: a build that does
// not know them must stop rather than go on without. What has none is written
// as 1, so that an older build still reads it.
const (
	bookVersion    = 1
	quotasVersion  = 2
	recoverVersion = 3 // reserve and replace
)

func newCatalogue(groups int) *catalogue {
	return &catalogue{groups: groups, book: book{
		Version: bookVersion, Collections: map[string]*record{}, Aliases: map[string]string{}, NextShard: 1,
	}}
}

// command is an entry of the cluster group's log. Exactly one field beside
// Version is set.
type command struct {
	Version int            `json:"version"`
	Create  *createCommand `json:"create,omitempty"`
	Update  *updateCommand `json:"update,omitempty"`
	Delete  *string        `json:"delete,omitempty"`
	Aliases []AliasAction  `json:"aliases,omitempty"`
	Quotas  *Quotas        `json:"quotas,omitempty"` // since version 2
	// Since version 3: see recover.go.
	Reserve *reserveCommand `json:"reserve,omitempty"`
	Replace *replaceCommand `json:"replace,omitempty"`
}

type createCommand struct {
	Name   string             `json:"name"`
	Schema *schema.Collection `json:"schema"`
	Groups int                `json:"groups"` // as many as the proposer has
}

type updateCommand struct {
	Name     string             `json:"name"`
	Schema   *schema.Collection `json:"schema"`
	Revision uint64             `json:"revision"` // the change was made to this one
}

// outcome is what a command did: the record it made or removed.
type outcome struct {
	record *record
	err    error
}

// Apply implements raft.FSM. An entry that cannot be read is fatal: to go on
// without it would let members differ.
func (c *catalogue) Apply(l *raft.Log) any {
	var cmd command
	if err := json.Unmarshal(l.Data, &cmd); err != nil || cmd.Version < bookVersion || cmd.Version > recoverVersion {
		panic(fmt.Sprintf("FATAL: cluster log entry %d (version %d) cannot be read by this build: %v", l.Index, cmd.Version, err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case cmd.Create != nil:
		return c.create(cmd.Create, l.Index)
	case cmd.Update != nil:
		return c.update(cmd.Update, l.Index)
	case cmd.Delete != nil:
		return c.delete(*cmd.Delete)
	case cmd.Quotas != nil:
		c.book.Quotas = cmd.Quotas
		return outcome{}
	case cmd.Reserve != nil:
		return outcome{record: &record{Shards: c.place(cmd.Reserve.Shards, cmd.Reserve.Groups)}}
	case cmd.Replace != nil:
		return c.replace(cmd.Replace, l.Index)
	default:
		return outcome{err: c.changeAliases(cmd.Aliases)}
	}
}

func (c *catalogue) create(cmd *createCommand, index uint64) outcome {
	if err := c.free(cmd.Name); err != nil {
		return outcome{err: err}
	}
	r := &record{Schema: cmd.Schema, Shards: c.place(int(cmd.Schema.ShardNumber), cmd.Groups), Revision: index}
	c.book.Collections[cmd.Name] = r
	return outcome{record: r}
}

// free refuses a name that a collection or an alias has.
func (c *catalogue) free(name string) error {
	if _, taken := c.book.Collections[name]; taken {
		return fmt.Errorf("collection `%s` %w", name, ErrExists)
	}
	if _, taken := c.book.Aliases[name]; taken {
		return fmt.Errorf("alias `%s` %w: a collection cannot have the name of an alias", name, ErrExists)
	}
	return nil
}

// place gives out shard numbers, and groups in turn.
func (c *catalogue) place(shards, groups int) []placement {
	var out []placement
	for range shards {
		out = append(out, placement{Shard: c.book.NextShard, Group: schema.GroupID(uint32(c.book.NextShard) % uint32(groups))})
		c.book.NextShard++
	}
	return out
}

func (c *catalogue) update(cmd *updateCommand, index uint64) outcome {
	old, ok := c.book.Collections[cmd.Name]
	if !ok {
		return outcome{err: notFound(cmd.Name)}
	}
	if old.Revision != cmd.Revision {
		return outcome{err: errRevision}
	}
	r := &record{Schema: cmd.Schema, Shards: old.Shards, Revision: index}
	c.book.Collections[cmd.Name] = r
	return outcome{record: r}
}

func (c *catalogue) delete(name string) outcome {
	r, ok := c.book.Collections[name]
	if !ok {
		return outcome{}
	}
	delete(c.book.Collections, name)
	maps.DeleteFunc(c.book.Aliases, func(_, to string) bool { return to == name })
	return outcome{record: r}
}

// quotas is the quotas in force; the same pointer until they are changed.
func (c *catalogue) quotas() *Quotas {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.book.Quotas == nil {
		return &c.none
	}
	return c.book.Quotas
}

// find resolves a name or an alias.
func (c *catalogue) find(name string) (string, *record, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if to, ok := c.book.Aliases[name]; ok {
		name = to
	}
	r, ok := c.book.Collections[name]
	return name, r, ok
}

func (c *catalogue) names() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Sorted(maps.Keys(c.book.Collections))
}

func (c *catalogue) aliases() []Alias {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]Alias, 0, len(c.book.Aliases))
	for alias, to := range c.book.Aliases {
		out = append(out, Alias{Alias: alias, Collection: to})
	}
	slices.SortFunc(out, func(a, b Alias) int { return cmp.Compare(a.Alias, b.Alias) })
	return out
}

// records is a copy of the map; the records are shared and never change.
func (c *catalogue) records() map[string]*record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return maps.Clone(c.book.Collections)
}

// Snapshot implements raft.FSM.
func (c *catalogue) Snapshot() (raft.FSMSnapshot, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	b := c.book
	if b.Version = bookVersion; b.Quotas != nil {
		b.Version = quotasVersion
	}
	b.Collections, b.Aliases = maps.Clone(b.Collections), maps.Clone(b.Aliases)
	return bookSnapshot{b}, nil
}

// Restore implements raft.FSM.
func (c *catalogue) Restore(r io.ReadCloser) error {
	defer r.Close()
	b := newCatalogue(c.groups).book
	if err := json.NewDecoder(r).Decode(&b); err != nil {
		return fmt.Errorf("cluster snapshot: %w", err)
	}
	if b.Version < bookVersion || b.Version > quotasVersion {
		return fmt.Errorf("%w: cluster snapshot of version %d, this build knows %d to %d", ErrFormat, b.Version, bookVersion, quotasVersion)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.book = b
	return nil
}

type bookSnapshot struct{ book book }

// Persist implements raft.FSMSnapshot.
func (s bookSnapshot) Persist(sink raft.SnapshotSink) error {
	if err := json.NewEncoder(sink).Encode(s.book); err != nil {
		return err
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (s bookSnapshot) Release() {}
