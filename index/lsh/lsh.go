// Package lsh finds near vectors by hash tables: vectors that are near fall into
// one bucket more often than others, and a search looks into the buckets where
// its neighbours are likeliest, then lets the vectors themselves decide.
//
// The hash is that of the cross-polytope, by pseudo-random rotations (Andoni et
// al., Practical and Optimal LSH for Angular Distance, arXiv 1509.02897); the
// buckets are probed in the order of their likelihood, over all tables at once
// (Lv et al., Multi-Probe LSH, VLDB 2007). Its strengths are that an insert costs
// the same however many there are, and that a dead slot is only a number in a
// bucket; a graph answers faster.
//
// Who calls: storage/shard builds and saves it, query searches it. It calls
// index/arena, index/block, index/flat, index/quant and index/simd. It knows slots only: what
// is alive is the caller's Accept set.
//
// Invariants:
//
//	L1. A slot of the index is in exactly one bucket of each table.
//	L2. A bucket is read with atomic loads and written under its stripe.
//	L3. Only the rows of accepted slots are read by a search.
package lsh

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

// Options shapes an index.
type Options struct {
	Dim      int
	Metric   index.Metric // not Manhattan
	Datatype index.Datatype
	Tables   int // 1 to 256; 0: DefaultTables
	Bits     int // a table has 2^Bits buckets, 1 to 24; 0: as the number of vectors asks
	Seed     uint64
}

// DefaultTables is the number of tables where none is given: each costs about 10
// bytes a vector.
const DefaultTables = 16

const (
	maxTables = 256
	maxBits   = 24
	minBits   = 4
)

func (o Options) withDefaults() Options {
	if o.Tables == 0 {
		o.Tables = DefaultTables
	}
	return o
}

func (o *Options) validate() error {
	switch {
	case o.Metric == index.Manhattan:
		return errors.New("lsh has no Manhattan distance: its hashes tell directions")
	case o.Dim < 1 || !o.Metric.Valid() || o.Tables < 1 || o.Tables > maxTables || o.Bits < 0 || o.Bits > maxBits:
		return fmt.Errorf("lsh options out of range: %+v", *o)
	}
	return nil
}

func (o *Options) space() index.Space { return index.Space{Metric: o.Metric, Datatype: o.Datatype} }

// Index is the index: it implements index.Trained.
//
// Concurrency: Insert and Search from any goroutine; Save and Repair not beside
// Insert. Lifetime: Close once no call is under way; the vectors outlive it.
type Index struct {
	o         Options
	vectors   *arena.Arena
	hash      atomic.Pointer[hasher] // nil until trained
	tables    *tables                // nil until trained; hash is stored after it
	members   *arena.Arena           // a bit for each slot, in words of 64
	grow      sync.Mutex             // guards growth of members
	guide     atomic.Pointer[guide]  // nil: vectors are compared
	count     atomic.Int64
	searchers sync.Pool
	hashers   sync.Pool
}

// New makes an empty index, to be trained. vectors must be pinned, its rows Dim
// values of the datatype.
func New(vectors *arena.Arena, o Options) (*Index, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if !vectors.Pinned() || vectors.Rows().Stride() != o.Datatype.Bytes()*o.Dim {
		return nil, errors.New("bug: an index needs pinned rows of its own dimension and datatype")
	}
	x := &Index{o: o, vectors: vectors, members: arena.New(arena.Options{RowBytes: wordBytes})}
	if err := x.members.Pin(); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// Train learns where the vectors lie, from a sample of live ones, and how many
// buckets their number asks for. It comes once, before the first Insert, and is soon
// done: it does not ask whether it is to go on.
func (x *Index) Train(live *index.Set, _ index.Pace) error {
	return x.settle(learn(&x.o, x.vectors.Rows(), live))
}

// settle takes over a frame and makes the tables for it.
func (x *Index) settle(f frame) (err error) {
	if x.hash.Load() != nil {
		return errors.New("bug: an index is trained once")
	}
	if x.tables, err = newTables(x.o.Tables, f.bits); err != nil {
		return err
	}
	x.hash.Store(newHasher(&x.o, f))
	return nil
}

// Stale reports whether there are so many more vectors than when it was trained
// that the buckets are too full.
func (x *Index) Stale() bool {
	h := x.hash.Load()
	return h != nil && x.o.Bits == 0 && bitsFor(x.Len()) >= h.bits+2
}

// Insert adds a slot whose row is written; one that is there stays.
func (x *Index) Insert(s index.Slot) error {
	h := x.hash.Load()
	if h == nil {
		return errors.New("bug: an index takes no vectors before it is trained")
	}
	if first, err := x.enter(s); !first || err != nil {
		return err
	}
	w, ok := x.hashers.Get().(*hashing)
	if !ok {
		w = h.hashing()
	}
	defer x.hashers.Put(w)
	x.o.Datatype.Decode(w.vector, x.vectors.Rows().Bytes(uint32(s)))
	w.place(w.vector)
	if at := x.guide.Load(); at != nil {
		if err := at.put(uint32(s), w.vector, &w.scratch); err != nil {
			return err
		}
	}
	for t := range x.o.Tables {
		if err := x.tables.add(t, w.bucket(t), uint32(s)); err != nil {
			return err
		}
	}
	x.count.Add(1)
	return nil
}

// Len is the number of slots.
func (x *Index) Len() int { return int(x.count.Load()) }

// Bytes is the memory of the tables and codes.
func (x *Index) Bytes() int64 {
	n := x.members.Resident()
	if x.hash.Load() != nil {
		n += x.tables.bytes()
	}
	if at := x.guide.Load(); at != nil {
		n += at.rows.Resident()
	}
	return n
}

// Close frees the tables.
func (x *Index) Close() error {
	err := x.members.Close()
	if x.tables != nil {
		err = errors.Join(err, x.tables.close())
	}
	if at := x.guide.Swap(nil); at != nil {
		err = errors.Join(err, at.rows.Close())
	}
	return err
}
