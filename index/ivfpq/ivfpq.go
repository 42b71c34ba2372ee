// Package ivfpq is an inverted file of product codes: vectors lie in lists by
// their nearest centroid, each as a code of a few bits a dimension, and a search
// looks through the lists nearest to the query, a block of 32 codes at a time.
// What looks nearest there is measured by the vectors themselves. DESIGN.md says
// what it is made of and what was measured.
//
// Who calls: storage/shard trains, builds and saves it, query searches it. It
// calls index/simd and index/quant, reads index/arena and keeps its codes there. It knows slots
// only: what is alive is the caller's Accept set.
//
// Invariants:
//
//	L1. Entry i of a list is whole before the list's length passes i.
//	L2. A slot is in one list, or waits; its bit in members is set after that.
//	L3. A generation's model never changes; its lists only grow.
package ivfpq

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

// Options shapes an index.
type Options struct {
	Dim      int
	Metric   index.Metric // not Manhattan, of which codes know nothing
	Datatype index.Datatype
	Lists    int // 0: four times the root of the number of vectors at training
	Probes   int // lists that a search reads; 0: as its Ef asks. Not saved
	// Axes is along how many axes vectors are looked at, those along which the
	// sample of the training varies most; 0: all dimensions. Vectors decide as ever.
	Axes int
	// Rotate turns vectors at random before they are coded, so that every
	// sub-quantiser has about as much to tell. Along Axes they always are.
	Rotate bool
	// CodeBytes is the bytes of a vector's code, up to Dim, or Axes; 0: one for four
	// dimensions. Each byte is two sub-quantisers.
	CodeBytes int
	Seed      uint64
	Workers   int // goroutines that put lists in order, at least 1
}

// MostLists is the greatest number of lists.
const MostLists = 1 << 18

func (o Options) validate() error {
	switch {
	case o.Metric == index.Manhattan:
		return errors.New("distance: Manhattan cannot be compared by product codes; use an hnsw or flat index, or another distance")
	case o.Dim < 1 || !o.Metric.Valid():
		return fmt.Errorf("bug: ivfpq options out of range: %+v", o)
	case o.Lists < 0 || o.Lists > MostLists:
		return fmt.Errorf("lists: %d is not between 0 and %d", o.Lists, MostLists)
	case o.Probes < 0:
		return fmt.Errorf("probes: %d is below 0", o.Probes)
	case o.Axes < 0 || o.Axes > o.Dim:
		return fmt.Errorf("pca: %d axes are not between 0 and the vector's %d dimensions", o.Axes, o.Dim)
	case o.CodeBytes < 0 || o.CodeBytes > o.inner():
		return fmt.Errorf("code: %d bytes are not between 0 and the %d dimensions that are coded", o.CodeBytes, o.inner())
	}
	return nil
}

func (o *Options) space() index.Space { return index.Space{Metric: o.Metric, Datatype: o.Datatype} }

// subs is the number of sub-quantisers.
func (o *Options) subs() int {
	if o.CodeBytes > 0 {
		return 2 * o.CodeBytes
	}
	return 2 * ((o.inner() + 3) / 4)
}

// inner is the dimensions that are coded.
func (o *Options) inner() int {
	if o.Axes > 0 {
		return o.Axes
	}
	return o.Dim
}

func (o *Options) turned() bool { return o.Rotate || o.Axes > 0 }

// Index is the index. Until it is trained, slots wait uncoded and every search
// measures all of them.
//
// Concurrency: Insert, Search and the rest that only looks from any goroutine;
// Insert waits while Train, Repair or Save are at work, Search does not.
// Lifetime: Close once no call is under way; the vectors outlive it.
type Index struct {
	o         Options
	vectors   *arena.Arena
	build     sync.RWMutex // shared by Insert; Train, Repair and Save are alone
	now       atomic.Pointer[generation]
	members   members
	probes    atomic.Int64
	scratches sync.Pool
}

// New makes an empty index that is not trained. vectors must be pinned, its rows
// Dim values of the datatype.
func New(vectors *arena.Arena, o Options) (*Index, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if !vectors.Pinned() || vectors.Rows().Stride() != o.Datatype.Bytes()*o.Dim {
		return nil, errors.New("bug: an index needs pinned rows of its own dimension and datatype")
	}
	x := &Index{o: o, vectors: vectors}
	x.members.words = arena.New(arena.Options{RowBytes: 8})
	if err := x.members.words.Pin(); err != nil {
		return nil, err
	}
	x.probes.Store(int64(o.Probes))
	x.now.Store(new(generation))
	return x, nil
}

// Probe sets how many lists a search reads; 0: as its Ef asks.
func (x *Index) Probe(lists int) { x.probes.Store(int64(max(lists, 0))) }

// Insert adds a slot whose vector row is written. A slot that is in is left
// alone; one slot is inserted by one goroutine at a time.
func (x *Index) Insert(s index.Slot) error {
	x.build.RLock()
	defer x.build.RUnlock()
	if x.Contains(s) {
		return nil
	}
	if err := x.members.grow(s); err != nil {
		return err
	}
	g := x.now.Load()
	if g.model == nil {
		g.wait(uint32(s))
	} else if err := x.code(g, uint32(s)); err != nil {
		return err
	}
	x.members.add(s)
	return nil
}

// code puts a slot into its list.
func (x *Index) code(g *generation, slot uint32) error {
	c := x.scratch(g.model)
	defer x.scratches.Put(c)
	c.read(g.model, x.vectors.Rows().Bytes(slot))
	list, _ := g.model.coarse.nearest(c.vector)
	c.entry.slot = slot
	spread := g.model.encode(list, c, &c.entry)
	if err := g.lists[list].append(&g.blocks, &c.entry); err != nil {
		return err
	}
	g.drift.note(spread)
	return nil
}

// Contains reports whether a slot is in the index.
func (x *Index) Contains(s index.Slot) bool { return x.members.has(s) }

// Len is the number of slots in the index.
func (x *Index) Len() int { return int(x.members.count.Load()) }

// Bytes is the memory beside the vectors.
func (x *Index) Bytes() int64 { return x.members.words.Resident() + x.now.Load().bytes() }

// Close frees the memory.
func (x *Index) Close() error {
	return errors.Join(x.members.words.Close(), x.now.Load().close())
}

// Stale reports whether the lists no longer fit: too many vectors still wait for
// a training, there are four times as many as it saw, those that came since lie
// half as far again from their centroids, or the lists have become twice as
// uneven.
func (x *Index) Stale() bool {
	g := x.now.Load()
	n := x.Len()
	if g.model == nil {
		return n >= worthTraining
	}
	const grown, farther, uneven, enough = 4, 1.5, 2, 1000
	if n > grown*max(g.drift.points, worthTraining) {
		return true
	}
	mean, came := g.drift.since()
	if came < max(enough, g.drift.points/10) {
		return false
	}
	return mean > farther*g.drift.spread || g.imbalance() > uneven*g.drift.imbalance
}

// worthTraining is from how many vectors on lists are faster than measuring all.
const worthTraining = 1024

// members is the set of slots that are in: a bit each.
type members struct {
	words *arena.Arena // 64 slots a row
	mu    sync.Mutex   // guards growth
	count atomic.Int64
}

func (m *members) grow(s index.Slot) error {
	rows := int(s)/64 + 1
	if m.words.Rows().Len() >= rows {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.words.Grow(rows)
}

// word is where a slot's bit is; its row is there.
func (m *members) word(s index.Slot) (at *uint32, bit uint32) {
	return &m.words.Rows().Uint32s(uint32(s) / 64)[s/32%2], 1 << (s % 32)
}

func (m *members) has(s index.Slot) bool {
	if int(s)/64 >= m.words.Rows().Len() {
		return false
	}
	at, bit := m.word(s)
	return atomic.LoadUint32(at)&bit != 0
}

// add puts a slot in that is not.
func (m *members) add(s index.Slot) {
	at, bit := m.word(s)
	atomic.OrUint32(at, bit)
	m.count.Add(1)
}

func (m *members) remove(s index.Slot) {
	at, bit := m.word(s)
	atomic.AndUint32(at, ^bit)
	m.count.Add(-1)
}

// all appends the slots, rising.
func (m *members) all(dst []uint32) []uint32 {
	for s := range index.Slot(m.words.Rows().Len() * 64) {
		if m.has(s) {
			dst = append(dst, uint32(s))
		}
	}
	return dst
}

// defaultLists is the number of lists for so many vectors.
func defaultLists(n int) int { return min(max(int(4*math.Sqrt(float64(n))), 1), MostLists) }
