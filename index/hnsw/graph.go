// Package hnsw is a hierarchical navigable small world graph over rows of
// float32, float16 or uint8
// (Malkov and Yashunin, arXiv 1603.09320). DESIGN.md says what differs from the
// paper, and what was measured.
//
// Who calls: storage/shard builds and saves it, query searches it. It calls
// index/arena and index/simd. It knows slots only: what is alive is the
// caller's Accept set.
//
// Invariants:
//
//	G1. A link names a slot that is, or was, in the graph and reaches the level.
//	G2. A list is read with atomic loads and written under its node's stripe.
//	G3. A node's own lists are complete before another node links to it.
package hnsw

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/simd"
)

// Options shapes a graph.
type Options struct {
	Dim         int
	Metric      index.Metric
	Datatype    index.Datatype
	M           int // links per node above level 0, 2 to 512; twice that at level 0
	EfConstruct int // breadth of the search that places a node, at least 1
	Seed        uint64
	// Loose has nodes without links: only the trees of tenants are walked (tree.go).
	Loose bool
	// Scanned has searches of a Loose graph compare the codes of all nodes, and measure
	// the Ef nearest by their vectors: a flat index with codes.
	Scanned bool
	// AsSaved has Load take a graph of another M and EfConstruct as it is.
	AsSaved bool
}

// Shape is the links per node and the breadth of inserts that a graph was made
// with.
func (g *Graph) Shape() (m, efConstruct int) { return g.o.M, g.o.EfConstruct }

// space is how the rows are compared.
func (o *Options) space() index.Space { return index.Space{Metric: o.Metric, Datatype: o.Datatype} }

func (o Options) validate() error {
	if o.Dim < 1 || !o.Metric.Valid() || o.M < 2 || o.M > 512 || o.EfConstruct < 1 {
		return fmt.Errorf("hnsw options out of range: %+v", o)
	}
	return nil
}

// most is how many links a list may have on a level.
func (o *Options) most(level int) int {
	if level == 0 {
		return 2 * o.M
	}
	return o.M
}

const (
	maxLevel = 16
	stripes  = 1024
	// maxSlot is above every slot of a graph: walkers use the highest bit.
	maxSlot = 1 << 31
)

// Graph is the index.
//
// Concurrency: Insert and Search from any goroutine; Save and Repair not beside
// Insert. Lifetime: Close once no call is under way; the vectors outlive it.
type Graph struct {
	o       Options
	vectors *arena.Arena
	base    *ground                // lists of level 0
	upper   *arena.Arena           // lists of the higher levels, a row each
	nodes   *arena.Arena           // by slot: block in base, then node word
	grow    sync.Mutex             // guards growth of nodes and upper
	rows    uint32                 // upper rows in use
	free    [maxLevel + 1][]uint32 // first upper rows that removed nodes left, by number of levels
	entry   atomic.Uint64
	count   atomic.Int64
	stripe  [stripes]sync.Mutex
	walkers sync.Pool
	// guide points to nil where walks go by the vectors. A grove has that of the
	// graph that it belongs to, and leaves the codes alone.
	guide  *atomic.Pointer[guide]
	grove  bool
	lent   bool                   // the codes and trees are another graph's (Packed)
	forest atomic.Pointer[forest] // nil: there are no trees
}

// A node's second word: the levels that it is on (0: not in the graph) in the
// low bits, above them its first upper row.
const (
	levelBits = 5
	nodeBytes = 8
)

func nodeWord(levels int, first uint32) uint32 { return first<<levelBits | uint32(levels) }
func levelsOf(word uint32) int                 { return int(word & (1<<levelBits - 1)) }
func firstOf(word uint32) uint32               { return word >> levelBits }

// New makes an empty graph. vectors must be pinned, its rows Dim values of
// the datatype.
func New(vectors *arena.Arena, o Options) (*Graph, error) {
	return newGraph(vectors, o, new(atomic.Pointer[guide]))
}

func newGraph(vectors *arena.Arena, o Options, by *atomic.Pointer[guide]) (*Graph, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if !vectors.Pinned() || vectors.Rows().Stride() != o.Datatype.Bytes()*o.Dim {
		return nil, errors.New("bug: a graph needs pinned rows of its own dimension and datatype")
	}
	g := &Graph{o: o, vectors: vectors, guide: by,
		base:  newGround(o.most(0)),
		upper: arena.New(arena.Options{RowBytes: 4 * (o.M + 1)}),
		nodes: arena.New(arena.Options{RowBytes: nodeBytes}),
	}
	for _, a := range []*arena.Arena{g.base.Arena, g.upper, g.nodes} {
		if err := a.Pin(); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	g.entry.Store(noEntry)
	return g, nil
}

// noEntry is the entry of an empty graph: no slot has this number.
const noEntry = uint64(index.NoSlot)

func packEntry(level int, s index.Slot) uint64 { return uint64(level)<<32 | uint64(s) }

// level draws a node's level from its slot, so that every replica builds alike.
func (g *Graph) level(s index.Slot) int {
	if g.o.Loose {
		return 0
	}
	h := uint64(s)*0x9e3779b97f4a7c15 ^ g.o.Seed*0xd1342543de82ef95
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	u := (float64(h>>11) + 1) / (1 << 53)
	return min(int(-math.Log(u)/math.Log(float64(g.o.M))), maxLevel)
}

// node is the levels that a slot is on, 0 when it is not in the graph.
func (g *Graph) levels(s uint32) int {
	rows := g.nodes.Rows()
	if int(s) >= rows.Len() {
		return 0
	}
	return levelsOf(atomic.LoadUint32(&rows.Uint32s(s)[1]))
}

// Contains reports whether a slot is in the graph.
func (g *Graph) Contains(s index.Slot) bool { return g.levels(uint32(s)) > 0 }

// Len is the number of nodes.
func (g *Graph) Len() int { return int(g.count.Load()) }

// Bytes is the memory of the links, the codes and the trees.
func (g *Graph) Bytes() int64 {
	n := g.LinkBytes()
	if !g.grove {
		n += g.guide.Load().bytes() + g.forest.Load().bytes()
	}
	return n
}

// Close frees the links, the codes and the trees.
func (g *Graph) Close() error {
	err := errors.Join(g.base.Close(), g.upper.Close(), g.nodes.Close())
	if g.lent {
		return err
	}
	err = errors.Join(err, g.forest.Load().close())
	if by := g.guide.Load(); by != nil && !g.grove {
		err = errors.Join(err, by.rows.Close(), by.sketch.close())
		if by.beside != nil {
			err = errors.Join(err, by.beside.Close())
		}
	}
	return err
}

// row is a slot's vector as a query.
func (g *Graph) row(s uint32) simd.Query { return simd.Row(g.o.space(), g.vectors.Rows().Bytes(s)) }

// list is a node's links on a level.
func (g *Graph) list(s uint32, level int) []uint32 {
	node := g.nodes.Rows().Uint32s(s)
	if level == 0 {
		return g.base.list(atomic.LoadUint32(&node[0]))
	}
	return g.upper.Rows().Uint32s(firstOf(atomic.LoadUint32(&node[1])) + uint32(level) - 1)
}
