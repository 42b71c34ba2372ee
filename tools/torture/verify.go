package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

const (
	questions   = 40
	neighbours  = 10
	leastRecall = 0.95
)

// stored is a point as the server shows it.
type stored struct {
	state
	vector []float32
}

// verify compares all that the server holds with what it may hold, then takes
// what it found as certain.
func (t *torture) verify(ctx context.Context, kith *client.Client) error {
	found, err := readAll(ctx, kith)
	if err != nil {
		return err
	}
	t.Points = len(found)
	known := 0
	for _, w := range t.writers {
		n, err := w.check(found, t.Groups == 1)
		if err != nil {
			return fmt.Errorf("writer %d: %w", w.number, err)
		}
		known += n
		match := client.Filter{Must: []client.Condition{client.Match("writer", w.number)}}
		count, err := kith.Count(ctx, collection, &match)
		if err != nil {
			return err
		}
		if count != n {
			return fmt.Errorf("the payload index counts %d points of writer %d, there are %d", count, w.number, n)
		}
	}
	if known != len(found) {
		return fmt.Errorf("%d points are there that nobody wrote", len(found)-known)
	}
	count, err := kith.Count(ctx, collection, nil)
	if err != nil {
		return err
	}
	if count != len(found) {
		return fmt.Errorf("count says %d points, scroll shows %d", count, len(found))
	}
	return t.search(ctx, kith, found)
}

func readAll(ctx context.Context, kith *client.Client) (map[uint64]stored, error) {
	found := map[uint64]stored{}
	everything := client.ScrollRequest{Select: client.Select{Payload: true, Vector: true}}
	for r, err := range kith.All(ctx, collection, everything) {
		if err != nil {
			return nil, err
		}
		id, one, err := readPoint(&r)
		if err != nil {
			return nil, err
		}
		if _, twice := found[id]; twice {
			return nil, fmt.Errorf("scroll shows point %d twice", id)
		}
		found[id] = one
	}
	return found, nil
}

// check holds a writer's ids against what was found and counts those that exist.
// With atomic, an operation without an answer must be applied whole or not at all.
func (w *writer) check(found map[uint64]stored, atomic bool) (int, error) {
	exist := 0
	applied := map[int]bool{} // by operation: whether its first id shows it
	for id, p := range w.ids {
		is := found[id].state
		if is.Gen != 0 {
			exist++
		}
		if p.open == 0 && is != p.new {
			return 0, fmt.Errorf("point %d is LOST: acknowledged %+v, found %+v", id, p.new, is)
		}
		if is != p.new && is != p.old {
			return 0, fmt.Errorf("point %d holds %+v: before the kill %+v, or %+v if the operation went through", id, is, p.old, p.new)
		}
		if p.open != 0 && p.old != p.new && atomic {
			through := is == p.new
			if first, seen := applied[p.open]; seen && first != through {
				return 0, fmt.Errorf("operation %d is applied in part: point %d is apart from the others", p.open, id)
			}
			applied[p.open] = through
		}
		p.old, p.new, p.open = is, is, 0
	}
	return exist, nil
}

// exam is questions with their true answers.
type exam struct {
	found   map[uint64]stored
	vectors [][]float32
	truth   [][]client.ID
}

func (t *torture) newExam(found map[uint64]stored) *exam {
	e := &exam{found: found}
	for range questions {
		v := vectorOf(t.rng.Uint64(), t.rng.Uint64())
		e.vectors, e.truth = append(e.vectors, v), append(e.truth, scan(found, v))
	}
	return e
}

// search compares exact search with a scan here, and the index with exact search:
// at once after the restart, and again when all is indexed.
func (t *torture) search(ctx context.Context, kith *client.Client, found map[uint64]stored) error {
	if len(found) < neighbours {
		return nil
	}
	e := t.newExam(found)
	for i, v := range e.vectors {
		got, err := ask(ctx, kith, collection, v, true)
		if err != nil {
			return err
		}
		if !slices.Equal(got, e.truth[i]) {
			return fmt.Errorf("exact search finds %v, a scan of what is stored finds %v", got, e.truth[i])
		}
	}
	if err := t.recall(ctx, kith, e); err != nil {
		return fmt.Errorf("after the restart: %w", err)
	}
	if err := waitGreen(ctx, kith, collection); err != nil {
		return err
	}
	if err := t.graphs(ctx, kith, len(found)); err != nil {
		return err
	}
	if err := t.recall(ctx, kith, e); err != nil {
		return fmt.Errorf("when all was indexed: %w", err)
	}
	return nil
}

// graphs makes sure that a graph answers, once every shard surely has enough
// vectors for one: recall of a scan would prove nothing.
func (t *torture) graphs(ctx context.Context, kith *client.Client, points int) error {
	if least := t.Shards * 4 * (graphKiB << 10) / (4 * dim); points < least {
		return nil
	}
	info, err := kith.Collection(ctx, collection)
	if err != nil {
		return err
	}
	if info.IndexedVectorsCount != points {
		return fmt.Errorf("the collection is green with %d of %d vectors in the graph", info.IndexedVectorsCount, points)
	}
	return nil
}

func (t *torture) recall(ctx context.Context, kith *client.Client, e *exam) error {
	r, err := e.recall(ctx, kith, collection)
	if err != nil {
		return err
	}
	t.WorstRecall = min(t.WorstRecall, r)
	if r < leastRecall {
		return fmt.Errorf("the index finds %.3f of what exact search does, less than %.2f", r, leastRecall)
	}
	return nil
}

// recall asks a collection through its index. A dead point in an answer is an
// error.
func (e *exam) recall(ctx context.Context, kith *client.Client, name string) (float64, error) {
	hits := 0
	for i, v := range e.vectors {
		got, err := ask(ctx, kith, name, v, false)
		if err != nil {
			return 0, err
		}
		for _, id := range got {
			n, _ := id.Uint64()
			if _, alive := e.found[n]; !alive {
				return 0, fmt.Errorf("the index finds point %d, which is DEAD", n)
			}
			if slices.Contains(e.truth[i], id) {
				hits++
			}
		}
	}
	return float64(hits) / float64(neighbours*len(e.vectors)), nil
}

// ask is one query's ids, best first.
func ask(ctx context.Context, kith *client.Client, name string, v []float32, exact bool) ([]client.ID, error) {
	found, err := kith.Query(ctx, name, client.Query{Vector: v, Limit: neighbours, Params: &api.SearchParams{Exact: exact}})
	if err != nil {
		return nil, err
	}
	ids := make([]client.ID, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	return ids, nil
}

// scan is the nearest ids by a plain loop, ties by id.
func scan(found map[uint64]stored, query []float32) []client.ID {
	type near struct {
		id   uint64
		dist float32
	}
	all := make([]near, 0, len(found))
	for id, one := range found {
		var d float32
		for i, x := range one.vector {
			d += (x - query[i]) * (x - query[i])
		}
		all = append(all, near{id, d})
	}
	slices.SortFunc(all, func(a, b near) int { return cmp.Or(cmp.Compare(a.dist, b.dist), cmp.Compare(a.id, b.id)) })
	ids := make([]client.ID, neighbours)
	for i := range ids {
		ids[i] = client.Number(all[i].id)
	}
	return ids
}

func waitGreen(ctx context.Context, kith *client.Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return kith.WaitGreen(ctx, name, 20*time.Millisecond)
}

// compareWithFresh stores the same points in a new collection and asks both.
func (t *torture) compareWithFresh(ctx context.Context, kith *client.Client) error {
	found, err := readAll(ctx, kith)
	if err != nil || len(found) < neighbours {
		return err
	}
	const fresh = "fresh"
	spec := client.Single(dim, api.Euclid)
	early(&spec.Other)
	if err := kith.CreateCollection(ctx, fresh, spec); err != nil {
		return err
	}
	up := kith.NewUploader(ctx, client.UploadOptions{Collection: fresh, Durability: client.Visible})
	for id, one := range found {
		if up.Add(client.Point{ID: client.Number(id), Vectors: client.Unnamed(one.vector)}) != nil {
			break // Close tells why
		}
	}
	if _, err := up.Close(); err != nil {
		return err
	}
	if err := errors.Join(waitGreen(ctx, kith, fresh), waitGreen(ctx, kith, collection)); err != nil {
		return err
	}
	e := t.newExam(found)
	tortured, err := e.recall(ctx, kith, collection)
	if err != nil {
		return err
	}
	built, err := e.recall(ctx, kith, fresh)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.Log, "recall@10: %.4f after %d kills, %.4f built afresh\n", tortured, t.Kills, built)
	if tortured < built-0.02 {
		return fmt.Errorf("the index after the kills finds %.3f, a fresh one %.3f", tortured, built)
	}
	return nil
}
