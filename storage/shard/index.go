package shard

import (
	"bytes"
	"errors"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
)

// buildAtOnce is how many points an index takes in with the operation that
// creates it. More are left to the background.
const buildAtOnce = 1000

// createIndex starts a payload index: of a small shard it is complete at once, of
// a larger one it is built behind. The same index again is fine; one that differs
// in its place alone is moved there, and any other on the field replaces it.
func (t *stager) createIndex(o *op.Op) (op.Result, error) {
	ix, err := payload.ParseSchema(o.Field, o.FieldSchema)
	if err != nil {
		return op.Result{Err: err}, nil
	}
	if old, ok := t.s.current.Load().indexes.Schema(ix.Field); ok {
		switch {
		case bytes.Equal(old.Options, ix.Options):
			return op.Result{}, nil
		case old.SameRows(&ix):
			t.c.places = append(t.c.places, ix)
			return op.Result{}, nil
		}
		if r, err := t.dropIndex(o); err != nil || r.Err != nil {
			return r, err
		}
	}
	t.c.adds = append(t.c.adds, ix)
	small := t.s.current.Load().live.Len() <= buildAtOnce
	if small {
		if err := t.postAll(&ix); err != nil {
			return op.Result{}, err
		}
	}
	return op.Result{}, t.post(payload.StateRow(ix.Field, small, point.ID{}), 0, true)
}

// postAll stages the postings of a new index for every published point.
func (t *stager) postAll(ix *payload.Schema) error {
	v, err := t.s.view()
	if err != nil {
		return err
	}
	defer v.Release()
	var fault error
	err = v.c.ScanPoints(t.s.id, point.ID{}, func(_ point.ID, row storage.PointRow) bool {
		fault = errors.Join(fault, t.s.writer.payload.Rows(ix, row.Payload, func(r []byte) {
			fault = errors.Join(fault, t.post(r, row.Slot, true))
		}))
		return fault == nil
	})
	return errors.Join(err, fault)
}

// dropIndex removes a payload index; a field without one is fine.
func (t *stager) dropIndex(o *op.Op) (op.Result, error) {
	t.c.drops = append(t.c.drops, o.Field)
	return op.Result{}, t.b.DropPostings(t.s.id, payload.RowPrefix(o.Field))
}

// IndexComplete reports whether a payload index answers. A field without one is
// complete: nobody waits for what was dropped.
func (s *Shard) IndexComplete(field string) bool {
	p, ok := s.current.Load().indexes.Progress(field)
	return !ok || p.Complete
}

// analyzers is how the text indexes of a version cut text, by field.
func analyzers(v *payload.Version) map[string]filter.Analyze {
	var out map[string]filter.Analyze
	for _, ix := range v.Schemas() {
		if a := ix.Analyze(); a != nil {
			if out == nil {
				out = map[string]filter.Analyze{}
			}
			out[ix.Field] = a
		}
	}
	return out
}

// bind makes the text conditions of a filter those of this version's indexes.
func (st *state) bind(f *filter.Filter) *filter.Filter {
	if st.analyzers == nil {
		return f
	}
	return f.Bind(func(field string) filter.Analyze { return st.analyzers[field] })
}

// scope is the view as payload indexes see it.
func (v *View) scope() payload.Scope {
	return payload.Scope{Live: v.st.live, Slot: v.Slot, ID: v.ID, Vectors: func(name string) (*index.Set, bool) {
		f, ok := v.st.field(name)
		if !ok {
			return nil, false
		}
		return f.has, true
	}}
}
