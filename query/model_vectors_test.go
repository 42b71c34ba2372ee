package query_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
)

// condition gives an operation a condition, sometimes, and answers which of its
// points its mode and the condition let through.
func (w *world) condition(o *op.Op) map[point.ID]bool {
	var matching []point.ID
	if w.rng.IntN(3) == 0 {
		o.Filter = []byte(w.filter())
		matching = w.matching(o.Filter)
	}
	admitted := map[point.ID]bool{}
	for _, p := range o.Points {
		_, exists := w.model[p.ID]
		ok := o.Mode != op.UpdateOnly
		if exists {
			ok = o.Mode != op.InsertOnly && (o.Filter == nil || slices.Contains(matching, p.ID))
		}
		admitted[p.ID] = ok
	}
	return admitted
}

// present draws ids of points that are there, some of them twice.
func (w *world) present(n int) []point.ID {
	all := slices.SortedFunc(maps.Keys(w.model), point.Compare)
	ids := []point.ID{}
	for range min(n, len(all)) {
		ids = append(ids, all[w.rng.IntN(len(all))])
	}
	return ids
}

func (w *world) updateVectors(o *op.Op) {
	o.Kind, o.Points = op.UpdateVectors, []point.Point{}
	for _, id := range w.present(6) {
		p := point.Point{ID: id}
		if w.rng.IntN(3) > 0 {
			p.Vectors = append(p.Vectors, point.Vector{Name: "image", Values: w.vector(5)})
		}
		if w.rng.IntN(3) > 0 {
			p.Vectors = append(p.Vectors, point.Vector{Name: "", Values: w.vector(8)})
		}
		o.Points = append(o.Points, p)
	}
	if err := w.c.Prepare(o.Points); err != nil {
		w.t.Fatal(err)
	}
	admitted := w.condition(o)
	for _, p := range o.Points {
		if !admitted[p.ID] {
			continue
		}
		held := w.model[p.ID]
		fresh := w.rounded(p.Vectors)
		for _, v := range held.Vectors {
			if p.Vector(v.Name) == nil {
				fresh = append(fresh, v)
			}
		}
		held.Vectors = fresh
		w.model[p.ID] = held
	}
}

func (w *world) deleteVectors(o *op.Op) {
	o.Kind, o.Vectors = op.DeleteVectors, [][]string{{""}, {"image"}, {"image", ""}}[w.rng.IntN(3)]
	ids := w.present(5)
	if w.rng.IntN(3) == 0 {
		o.Filter = []byte(w.filter())
		ids = w.matching(o.Filter)
	} else {
		o.IDs = ids
	}
	for _, id := range ids {
		p := w.model[id]
		p.Vectors = slices.DeleteFunc(slices.Clone(p.Vectors), func(v point.Vector) bool { return slices.Contains(o.Vectors, v.Name) })
		w.model[id] = p
	}
}

// An entry with an operation that fails changes nothing, whatever stood before
// it in the entry, and the entries around it count.
func TestAnEntryIsAllOrNothing(t *testing.T) {
	w := newWorld(t, 3)
	for range 20 {
		w.step()
	}
	missing := point.Number(9999)
	for name, bad := range map[string]op.Op{
		"set payload":      {Kind: op.SetPayload, Payload: []byte(`{"a":1}`), IDs: []point.ID{missing}},
		"clear payload":    {Kind: op.ClearPayload, IDs: []point.ID{missing}},
		"delete vectors":   {Kind: op.DeleteVectors, Vectors: []string{"image"}, IDs: []point.ID{missing}},
		"update vectors":   {Kind: op.UpdateVectors, Points: []point.Point{{ID: missing}}},
		"unknown vector":   {Kind: op.UpdateVectors, Points: []point.Point{{ID: missing, Vectors: []point.Vector{{Name: "gone"}}}}},
		"a vector dropped": {Kind: op.DeleteVectors, Vectors: []string{"gone"}, Filter: []byte(`{}`)},
	} {
		good := op.Op{Shard: theShard, Kind: op.Upsert, Points: []point.Point{{ID: point.FromWords(7, 7, true), Payload: []byte(`{"city":"Berlin"}`)}}}
		clearAll := op.Op{Shard: theShard, Kind: op.ClearPayload, Filter: []byte(`{}`)}
		bad.Shard = theShard
		failed := false
		for _, r := range w.apply(good, clearAll, bad, good) {
			failed = failed || r.Err != nil
		}
		if !failed {
			t.Errorf("%s: the entry is taken", name)
		}
		w.check()
		w.step()
		w.check()
	}
	var notFound *op.NotFoundError
	r := w.apply(op.Op{Shard: theShard, Kind: op.DeleteVectors, Vectors: []string{"image"}, IDs: append(w.present(1), missing)})[0]
	if !errors.As(r.Err, &notFound) || notFound.ID != missing {
		t.Errorf("an id that is not there: %v", r.Err)
	}
	w.check()
}
