package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

// reader queries beside the writers and never may see half of an upsert.
type reader struct {
	rng   *rand.Rand
	asked int // answers checked
}

// read asks until the server or ctx is gone. It returns an error only for
// answers that no kill explains.
func (r *reader) read(ctx context.Context, kith *client.Client) error {
	for ctx.Err() == nil {
		found, err := kith.Query(ctx, collection, client.Query{
			Vector: vectorOf(r.rng.Uint64(), r.rng.Uint64()), Limit: neighbours,
			Params: &api.SearchParams{Exact: r.rng.IntN(2) == 0},
			Select: client.Select{Payload: true, Vector: true},
		})
		var refused *client.Error
		if errors.As(err, &refused) {
			return fmt.Errorf("reader: %w", err)
		}
		if err != nil {
			return nil // no answer: the kill
		}
		for i := range found {
			if _, _, err := readPoint(&found[i].Record); err != nil {
				return fmt.Errorf("a query beside the load: %w", err)
			}
		}
		if !slices.IsSortedFunc(found, func(a, b client.Scored) int { return cmp.Compare(a.Score, b.Score) }) {
			return fmt.Errorf("a query beside the load is out of order: %v", found)
		}
		r.asked++
	}
	return nil
}

// readPoint is a point as the server shows it; a payload and a vector of
// different upserts are an error.
func readPoint(r *client.Record) (uint64, stored, error) {
	id, ok := r.ID.Uint64()
	if !ok {
		return 0, stored{}, fmt.Errorf("point %s is a stranger", r.ID)
	}
	one := stored{vector: r.Vectors[""]}
	var payload struct{ Gen, Tag *uint64 }
	if err := r.Decode(&payload); err != nil {
		return 0, one, err
	}
	if payload.Gen == nil || payload.Tag == nil {
		return 0, one, fmt.Errorf("point %d is half-written: payload %s", id, r.Payload)
	}
	one.Gen, one.Tag = *payload.Gen, *payload.Tag
	if !slices.Equal(one.vector, vectorOf(id, one.Gen)) {
		return 0, one, fmt.Errorf("point %d is half-written: the payload is of upsert %d, the vector is not", id, one.Gen)
	}
	return id, one, nil
}
