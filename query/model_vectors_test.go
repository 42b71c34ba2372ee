package query_test

import (
	"errors"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
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
		p.Vectors = w.withExtra(p.Vectors)
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

// withExtra gives a point the vector that comes and goes, sometimes.
func (w *world) withExtra(vectors []point.Vector) []point.Vector {
	v, ok := w.c.Vector("extra")
	if !ok || w.rng.IntN(2) == 0 {
		return vectors
	}
	return append(vectors, point.Vector{Name: "extra", Values: w.vector(v.Size)})
}

// alterVectors adds a vector, or removes it; or removes it and adds another of
// its name, in one step, as a start mends what a crash has left.
func (w *world) alterVectors() {
	c := *w.c
	c.Vectors = slices.Clone(c.Vectors)
	if _, there := c.Vector("extra"); there {
		c.DropVector("extra")
		for id, p := range w.model {
			p.Vectors = slices.DeleteFunc(slices.Clone(p.Vectors), func(v point.Vector) bool { return v.Name == "extra" })
			w.model[id] = p
		}
	}
	if len(c.Vectors) == len(w.c.Vectors) || w.rng.IntN(3) == 0 {
		cold := w.rng.IntN(3) == 0
		v := schema.Vector{Name: "extra", Size: 3 + w.rng.IntN(3), Metric: index.Euclid, Datatype: index.Datatype(w.rng.IntN(4)), OnDisk: &cold}
		if err := c.AddVector(v); err != nil {
			w.t.Fatal(err)
		}
	}
	w.c = &c
	if r := w.apply(op.Op{Kind: op.UpdateShard, Shard: theShard, Schema: w.c})[0]; r.Err != nil {
		w.t.Fatal(r.Err)
	}
}

// Views that are older than a vector's removal read it to their end, while its
// graph, its file and its memory go.
func TestARemovedVectorIsReadToTheEnd(t *testing.T) {
	w := newWorld(t, 2)
	for len(w.model) < 200 {
		w.step()
	}
	w.toDisk()
	w.settle()
	s, _ := w.r.Shard(theShard)
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	all := point.Selector{Vector: point.VectorSelector{Enable: true}}
	before := w.model
	c := *w.c
	c.Vectors = slices.Clone(c.Vectors)
	number := c.Vectors[1].Number
	c.DropVector("image")
	if err := c.AddVector(schema.Vector{Name: "image", Size: 5, Metric: index.Euclid}); err != nil || c.Vectors[1].Number == number {
		t.Fatalf("added with number %d: %v", c.Vectors[1].Number, err)
	}
	w.apply(op.Op{Kind: op.UpdateShard, Shard: theShard, Schema: &c})
	w.settle()
	for range 5 { // writes go on, and the optimizer buries what was removed
		w.c = &c
		w.apply(op.Op{Kind: op.Upsert, Shard: theShard, Points: []point.Point{{ID: point.Number(1), Vectors: []point.Vector{{Name: "image", Values: w.vector(5)}}}}})
		w.settle()
		runtime.GC()
	}
	for id, want := range before {
		p, ok, err := v.Point(id, all)
		if err != nil || !ok || !slices.Equal(p.Vector("image"), want.Vector("image")) {
			t.Fatalf("point %v of the older view: %v %v %v, want %v", id, ok, err, p.Vector("image"), want.Vector("image"))
		}
	}
	if held, ok := v.Vectors("image"); !ok || held.Has.Len() == 0 {
		t.Errorf("the older view has %v %v", held, ok)
	}
	v.Release()
	v, err = s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Release()
	if held, ok := v.Vectors("image"); !ok || held.Has.Len() != 1 {
		t.Errorf("a view of now has %d vectors, %v; want the one that was stored since", held.Has.Len(), ok)
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
