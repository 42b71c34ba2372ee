package query

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/simd"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
	"github.com/kithdb/kith/storage/shard"
)

// MatrixRequest asks how near the points of a sample are to each other.
type MatrixRequest struct {
	Filter *filter.Filter
	Using  string // name of the vector
	Sample int    // how many points, at least 2
	Limit  int    // how many neighbours of each, at least 1
}

// Matrix is a sample of points in id order, and for each its nearest ones in the
// sample, best first.
type Matrix struct {
	IDs  []point.ID
	Near [][]Neighbour
}

// Neighbour is a point of a sample, by its place there.
type Neighbour struct {
	At    int
	Score float32
}

// maxSample bounds a sample's memory; its pairs are what takes the time.
const maxSample = 1 << 16

// Distances answers the nearest neighbours within a random sample of the points
// that match and have the vector; each such sample is as likely as any other.
// Without two points there is no matrix, and no sample.
func Distances(ctx context.Context, shards []Shard, c *schema.Collection, r *MatrixRequest) (Matrix, error) {
	v, ok := c.Vector(r.Using)
	if !ok {
		return Matrix{}, unknownVector(r.Using)
	}
	s := &sampler{ctx: ctx, r: r}
	defer s.release()
	if err := s.open(shards); err != nil {
		return Matrix{}, err
	}
	drawn, err := s.draw()
	if err != nil {
		return Matrix{}, err
	}
	rows, err := s.rows(drawn)
	if err != nil || len(rows) < 2 {
		return Matrix{}, err
	}
	t := newTable(v.Space(), rows)
	out := Matrix{IDs: make([]point.ID, len(rows)), Near: make([][]Neighbour, len(rows))}
	for i := range rows {
		if err := ctx.Err(); err != nil {
			return Matrix{}, err
		}
		out.IDs[i] = rows[i].ID
		out.Near[i] = t.nearest(i, r.Limit)
	}
	return out, nil
}

// table is a sample's vectors in their stored form, row after row.
type table struct {
	space  index.Space
	stride int
	bytes  []byte
	all    []uint32
	dist   []float32
}

func newTable(s index.Space, rows []point.Point) *table {
	n := len(rows)
	t := &table{space: s, stride: s.Datatype.Bytes() * len(rows[0].Vectors[0].Values), all: make([]uint32, n), dist: make([]float32, n)}
	t.bytes = make([]byte, n*t.stride)
	for i := range rows {
		t.all[i] = uint32(i)
		s.Datatype.Encode(t.row(i), rows[i].Vectors[0].Values)
	}
	return t
}

func (t *table) row(i int) []byte { return t.bytes[i*t.stride : (i+1)*t.stride] }

// measured is how many distances one call of a kernel makes.
const measured = 1024

// nearest finds the rows nearest to one of them, equal distances in id order.
func (t *table) nearest(i, limit int) []Neighbour {
	q := simd.Row(t.space, t.row(i))
	var top flat.TopK
	top.Reset(min(limit, len(t.all)-1))
	for from := 0; from < len(t.all); from += measured {
		part := t.all[from:min(from+measured, len(t.all))]
		q.Distances(unsafe.Pointer(unsafe.SliceData(t.bytes)), t.stride, part, t.dist)
		for k, at := range part {
			if int(at) != i {
				top.Offer(index.Slot(at), t.dist[k])
			}
		}
	}
	out := make([]Neighbour, 0, top.Len())
	for _, h := range top.Hits() {
		out = append(out, Neighbour{At: int(h.Slot), Score: t.space.Metric.Score(h.Dist)})
	}
	return out
}

// sampler draws points from several shards as if they were one.
type sampler struct {
	ctx   context.Context
	r     *MatrixRequest
	pools []pool
}

// pool is the candidates of one shard.
type pool struct {
	q   *search
	set *index.Set
	v   *verifier // nil: every slot of the set matches
}

// drawn is one slot of one pool.
type drawn struct {
	pool *pool
	slot index.Slot
}

func (s *sampler) open(shards []Shard) error {
	for _, sh := range shards {
		view, m, err := sh.s.Matching(s.r.Filter)
		if err != nil {
			return err
		}
		p := pool{q: &search{ctx: s.ctx, r: &Request{Filter: s.r.Filter}, view: view}}
		if v, ok := view.Vectors(s.r.Using); ok {
			p.set = m.Set.And(v.Has)
		}
		if !m.Exact {
			p.v = p.q.verifier()
		}
		s.pools = append(s.pools, p)
	}
	return nil
}

func (s *sampler) release() {
	for i := range s.pools {
		s.pools[i].q.view.Release()
	}
}

// The number of candidates that are drawn before all of them are checked.
const (
	triesEach  = 20
	triesLeast = 1000
)

// draw takes a random sample of the matches. Candidates that no index decided
// are drawn in excess and checked; where few of them match, all are checked.
func (s *sampler) draw() ([]drawn, error) {
	if !s.unsure() {
		return s.take(s.r.Sample)
	}
	some, err := s.take(min(s.r.Sample, maxSample)*triesEach + triesLeast)
	if err != nil {
		return nil, err
	}
	rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	var kept []drawn
	for i, d := range some {
		if i%256 == 0 && s.ctx.Err() != nil {
			return nil, s.ctx.Err()
		}
		if d.pool.v == nil || d.pool.v.check(d.slot) {
			kept = append(kept, d)
		}
		if d.pool.q.fail != nil {
			return nil, d.pool.q.fail
		}
		if len(kept) == s.r.Sample {
			return kept, nil
		}
		if len(kept) > maxSample {
			return nil, tooMany()
		}
	}
	if len(some) == s.total() {
		return kept, nil
	}
	if err := s.decide(); err != nil {
		return nil, err
	}
	return s.take(s.r.Sample)
}

func tooMany() error {
	return &schema.FieldError{Field: "sample", Problem: fmt.Sprintf("more than %d points would be compared with each other; ask for fewer", maxSample)}
}

func (s *sampler) unsure() bool {
	return slices.ContainsFunc(s.pools, func(p pool) bool { return p.v != nil })
}

// decide checks every candidate.
func (s *sampler) decide() error {
	for i := range s.pools {
		p := &s.pools[i]
		if p.v == nil {
			continue
		}
		var err error
		if p.set, err = p.q.verified(shard.Matches{Set: p.set}); err != nil {
			return err
		}
		p.v = nil
	}
	return nil
}

func (s *sampler) total() int {
	n := 0
	for i := range s.pools {
		n += s.pools[i].set.Len()
	}
	return n
}

// take draws n of the candidates, or all.
func (s *sampler) take(n int) ([]drawn, error) {
	n = min(n, s.total())
	if !s.unsure() && n > maxSample {
		return nil, tooMany()
	}
	out := make([]drawn, 0, n)
	ranks := distinct(n, s.total())
	before := 0
	for i := range s.pools {
		p := &s.pools[i]
		var mine []int
		for len(ranks) > 0 && ranks[0] < before+p.set.Len() {
			mine = append(mine, ranks[0]-before)
			ranks = ranks[1:]
		}
		for _, slot := range p.set.At(mine, nil) {
			out = append(out, drawn{p, slot})
		}
		before += p.set.Len()
	}
	return out, nil
}

// rows reads the vectors of a sample, in id order.
func (s *sampler) rows(sample []drawn) ([]point.Point, error) {
	if len(sample) < 2 {
		return nil, nil
	}
	sel := point.Selector{Vector: point.VectorSelector{Enable: true, Names: []string{s.r.Using}}}
	out := make([]point.Point, 0, len(sample))
	for _, d := range sample {
		if err := s.ctx.Err(); err != nil {
			return nil, err
		}
		p, ok, err := d.pool.q.view.Found(d.slot, sel)
		if err != nil {
			return nil, err
		}
		if ok && len(p.Vectors) == 1 {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b point.Point) int { return point.Compare(a.ID, b.ID) })
	return out, nil
}
