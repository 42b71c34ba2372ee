package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

const (
	collection = "torture"
	dim        = 16
	longest    = 64 // points of a batch
)

// state is what a point holds: everything follows from it and from the id.
type state struct {
	Gen uint64 // which upsert, from 1; 0: there is no such point
	Tag uint64 // which payload change since
}

// vectorOf is the vector of an upsert: small integers and halves, so that
// distances are exact in float32 and equal on both sides.
func vectorOf(id, gen uint64) []float32 {
	r := rand.New(rand.NewPCG(id, gen))
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(r.IntN(2001)-1000) / 2
	}
	return v
}

// possible are the states that an id may be in: one once an answer came, two
// while an operation's fate is open.
type possible struct {
	old, new state
	open     int // number of the operation without an answer; 0: new is certain
}

// writer works on ids of its own, so that its operations on one are in order.
//
// Concurrency: write in one goroutine; the rest while it does not run.
type writer struct {
	number       int
	first        uint64
	rng          *rand.Rand
	ids          map[uint64]*possible
	count        uint64
	gen          uint64
	operation    int
	acknowledged int
	cutOff       int
	ballast      string
}

func newWriter(number int, c config) *writer {
	return &writer{number: number, first: uint64(number * c.IDs), count: uint64(c.IDs),
		rng: rand.New(rand.NewPCG(c.Seed, uint64(number)+1)), ids: map[uint64]*possible{}, ballast: strings.Repeat("x", c.Ballast)}
}

func createCollection(ctx context.Context, kith *client.Client, shards int) error {
	spec := client.Single(dim, api.Euclid)
	spec.Other.ShardNumber = &shards
	early(&spec.Other)
	if err := kith.CreateCollection(ctx, collection, spec); err != nil {
		return err
	}
	return kith.CreateIndex(ctx, collection, "writer", "integer")
}

// graphKiB is the size of a shard's vectors from which it gets a graph.
const graphKiB = 10

// early has graphs built almost from the first points on.
func early(c *api.CreateCollection) {
	c.HNSWConfig = fmt.Appendf(nil, `{"m": 16, "ef_construct": 100, "full_scan_threshold": %d}`, graphKiB)
	c.OptimizersConfig = fmt.Appendf(nil, `{"indexing_threshold": %d}`, graphKiB)
}

// write sends operations until the server or ctx is gone. It returns an error
// only for answers that no kill explains.
func (w *writer) write(ctx context.Context, kith *client.Client) error {
	for ctx.Err() == nil {
		w.operation++
		err := w.step(ctx, kith)
		var refused *client.Error
		switch {
		case err == nil:
			w.acknowledged++
		case errors.As(err, &refused): // a killed server refuses nothing
			return fmt.Errorf("writer %d: %w", w.number, err)
		default:
			w.cutOff++
			return nil // no answer: the kill
		}
	}
	return nil
}

// step is one operation on ids drawn at random. They are marked as open before
// it is sent, and as certain when the answer came.
func (w *writer) step(ctx context.Context, kith *client.Client) error {
	ids := w.draw(1 + w.rng.IntN(longest))
	durability := client.Durability(w.rng.IntN(2) == 0)
	var err error
	switch pick := w.rng.IntN(10); {
	case pick < 7:
		err = w.upsert(ctx, kith, ids, durability)
	case pick < 8:
		w.open(ids, func(state) state { return state{} })
		_, err = kith.Delete(ctx, collection, client.IDs(toIDs(ids)...), durability)
	default:
		err = w.tag(ctx, kith, ids, durability)
	}
	if err == nil {
		w.settle(ids)
	}
	return err
}

func (w *writer) upsert(ctx context.Context, kith *client.Client, ids []uint64, d client.Durability) error {
	w.gen++
	gen := w.gen
	points := make([]client.Point, len(ids))
	for i, id := range ids {
		points[i] = client.Point{ID: client.Number(id), Vectors: client.Unnamed(vectorOf(id, gen)),
			Payload: map[string]any{"gen": gen, "tag": 0, "writer": w.number, "text": w.ballast}}
	}
	w.open(ids, func(state) state { return state{Gen: gen} })
	_, err := kith.Upsert(ctx, collection, points, d)
	return err
}

// tag changes the payload of points that exist for certain; others it upserts.
func (w *writer) tag(ctx context.Context, kith *client.Client, ids []uint64, d client.Durability) error {
	for _, id := range ids {
		if p := w.ids[id]; p == nil || p.new.Gen == 0 {
			return w.upsert(ctx, kith, ids, d)
		}
	}
	w.gen++
	tag := w.gen
	w.open(ids, func(s state) state { return state{Gen: s.Gen, Tag: tag} })
	_, err := kith.SetPayload(ctx, collection, client.IDs(toIDs(ids)...), map[string]any{"tag": tag}, d)
	return err
}

func (w *writer) draw(n int) []uint64 {
	seen, ids := map[uint64]bool{}, make([]uint64, 0, n)
	for range n {
		id := w.first + w.rng.Uint64N(w.count)
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *writer) open(ids []uint64, change func(state) state) {
	for _, id := range ids {
		p := w.ids[id]
		if p == nil {
			p = &possible{}
			w.ids[id] = p
		}
		p.old, p.new, p.open = p.new, change(p.new), w.operation
	}
}

func (w *writer) settle(ids []uint64) {
	for _, id := range ids {
		p := w.ids[id]
		p.old, p.open = p.new, 0
	}
}

func toIDs(ids []uint64) []client.ID {
	out := make([]client.ID, len(ids))
	for i, id := range ids {
		out[i] = client.Number(id)
	}
	return out
}
