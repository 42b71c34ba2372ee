// Package shard keeps one shard: its rows in the group's store and its indexes
// in memory, always in agreement.
//
// Who calls: storage/replica applies operations (Stage, Publish) on one
// goroutine; query reads through views; the Optimizer builds graphs behind.
// What it calls: storage for rows, index/* for search structures. It never
// proposes, never looks at the clock (but to say when background work ran), and never lets an index decide what an
// operation does.
//
// # Locking
//
// Total order, outermost first:
//
//  1. build: one background job per shard at a time (graph inserts, repair, save).
//  2. apply: the replica's writer lock; Stage, Publish and local sweeps hold it.
//     It guards what is the writer's own, the payload indexes among it.
//  3. Cuts.mu: guards the pair (state, cut) of every shard of a replica.
//
// Invariants:
//
//	I1. A slot keeps its vectors and its id until it was swept: it is dead, no
//	    graph has it, and every view that could read it has ended.
//	I2. state.live holds exactly the slots that the cut's store rows name.
//	I3. Every slot of has below indexed.high is in the graph, or in state.late.
//	I4. A row is written to its arena before its slot is published.
package shard

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/schema"
)

// Options is what the shards of one replica share.
type Options struct {
	Store     *storage.Store
	Apply     *sync.Mutex // the replica's writer lock
	Cuts      *Cuts
	Optimizer *Optimizer
	Dir       string // index checkpoints go to Dir/<shard>/
	Logger    *slog.Logger
}

// Shard is one shard of a collection.
//
// Concurrency: Stage and Publish are for the replica's writer alone; all other
// methods are for any goroutine.
// Lifetime: arenas live until Close was called and the last view is released.
type Shard struct {
	id    schema.ShardID
	dir   string
	o     Options
	log   *slog.Logger
	build sync.Mutex

	current atomic.Pointer[state]
	pins    pins
	garbage atomic.Int64           // size of writer.garbage, for readers
	fault   atomic.Pointer[string] // last failure of a background job
	paused  atomic.Pointer[string] // why background work waits, nil when it does not
	jobs    jobs
	epochs  epochs
	// condemned are dead slots that go once the epoch before has drained; guarded
	// by build.
	condemned *index.Set
	tidy      tidy
	due       due
	faults    int                   // steps that failed in a row; the optimizer's own
	watched   atomic.Bool           // in the sampler's round; changed under Optimizer.mu
	opened    atomic.Pointer[int64] // bytes of payload at the open; nil until they are counted

	// graves are removed vectors whose memory and files are still there.
	graves struct {
		sync.Mutex
		list []*field
	}

	// Owned by the writer.
	writer struct {
		ids     *ids
		payload *payload.Indexes
		garbage *index.Set // dead slots whose vector rows still stand
		free    freeSlots  // slots to take anew
		change  *change
	}
}

// state is one published version of a shard's memory. It never changes.
type state struct {
	schema *schema.Collection
	live   *index.Set
	next   index.Slot // slots are below
	// late are live slots that were taken anew: a graph may lack them, however far
	// it reaches.
	late   *index.Set
	ids    idRows
	fields []fieldState
	number uint64 // how many states came before
	// indexes are the payload indexes; of those that lie on disk the cut has the
	// rows.
	indexes *payload.Version
	// analyzers cut text as the text indexes do, by field; nil when there are none.
	analyzers map[string]filter.Analyze
	// payload is by how much the payloads have grown since the open, in bytes.
	payload int64
}

func (st *state) field(name string) (*fieldState, bool) {
	for i := range st.fields {
		if st.fields[i].conf.Name == name {
			return &st.fields[i], true
		}
	}
	return nil, false
}

// ID is the shard's number.
func (s *Shard) ID() schema.ShardID { return s.id }

// Schema is the collection's schema as this shard knows it; not to be changed.
func (s *Shard) Schema() *schema.Collection { return s.current.Load().schema }

func newShard(id schema.ShardID, o Options) *Shard {
	s := &Shard{id: id, o: o, dir: filepath.Join(o.Dir, fmt.Sprint(id))}
	s.log = o.Logger.With("shard", id)
	s.writer.payload = payload.New()
	s.writer.ids = newIDs()
	return s
}

// Create stages a new, empty shard in b; it is there once b is committed and
// Publish was called.
func Create(b *storage.Batch, id schema.ShardID, c *schema.Collection, o Options) (*Shard, error) {
	s := newShard(id, o)
	st := &state{schema: c}
	for i, number := range numbers(c) {
		st.fields = append(st.fields, fieldState{field: s.newField(&c.Vectors[i], number)})
		st.fields[i].settle(c, &c.Vectors[i])
	}
	s.current.Store(st)
	s.opened.Store(new(int64))
	s.begin()
	return s, s.Seal(b)
}

// Close lets go of the shard; its memory is freed when the last view is
// released. Writer only.
func (s *Shard) Close() {
	s.o.Optimizer.forget(s)
	s.pins.close(s.free)
}

// Remove is Close of a shard that is gone for good: its checkpoints go with the last
// of those who use it, one of whom may just be saving one.
func (s *Shard) Remove() {
	s.o.Optimizer.forget(s)
	s.pins.close(func() {
		s.free()
		if err := os.RemoveAll(s.dir); err != nil {
			s.log.Warn("remove a dropped shard's files", "error", err)
		}
	})
}

// Wait blocks until the views and jobs that were there at Close have ended.
func (s *Shard) Wait() { s.pins.wait() }

func (s *Shard) free() {
	if err := s.bury(); err != nil {
		s.log.Warn("remove a vector's files", "error", err)
	}
	st := s.current.Load()
	for i := range st.fields {
		if err := st.fields[i].close(); err != nil {
			s.log.Warn("free a vector's memory", "vector", st.fields[i].conf.Name, "error", err)
		}
	}
	if err := s.writer.ids.close(); err != nil {
		s.log.Warn("free the ids' memory", "error", err)
	}
}
