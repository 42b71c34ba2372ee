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

const (
	// buildAtOnce is how many points an index takes in with the operation that
	// creates it. More are left to the background.
	buildAtOnce = 1000
	// backfillPoints and backfillRows end a step of a build in the background:
	// writers wait for it.
	backfillPoints = 1000
	backfillRows   = 20_000
)

// createIndex starts a payload index: of a small shard it is complete at once, of
// a larger one it is built behind. The same index again is fine; another one on
// the field replaces it.
func (t *stager) createIndex(o *op.Op) (op.Result, error) {
	ix, err := payload.ParseSchema(o.Field, o.FieldSchema)
	if err != nil {
		return op.Result{Err: err}, nil
	}
	for _, old := range t.s.mu.payload.Schemas() {
		if old.Field != ix.Field {
			continue
		}
		if bytes.Equal(old.Options, ix.Options) {
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
	v, err := t.s.View()
	if err != nil {
		return err
	}
	defer v.Release()
	var fault error
	err = v.c.ScanPoints(t.s.id, point.ID{}, func(_ point.ID, row storage.PointRow) bool {
		fault = errors.Join(fault, t.s.mu.payload.Rows(ix, row.Payload, func(r []byte) {
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

// unbuilt lists the fields whose payload indexes are not complete.
func (s *Shard) unbuilt() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.payload.Unbuilt()
}

// IndexComplete reports whether a payload index answers. A field without one is
// complete: nobody waits for what was dropped.
func (s *Shard) IndexComplete(field string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, ok := s.mu.payload.Progress(field)
	return !ok || p.Complete
}

// backfill runs one step of the first payload index that is not complete. It is
// local housekeeping and needs no entry in the log: what the index will hold
// follows from the stored points, and while it does not hold all of it, it
// answers nothing. How far it is goes into the step's own batch, so that a
// restart goes on from there. build must be held.
func (s *Shard) backfill() (more bool, err error) {
	fields := s.unbuilt()
	if len(fields) == 0 {
		return false, nil
	}
	s.o.Apply.Lock()
	defer s.o.Apply.Unlock()
	if s.pins.isClosed() {
		return false, nil // dropped meanwhile: its rows must not come back
	}
	for _, field := range s.mu.payload.Unbuilt() { // some may be gone
		return true, s.backfillField(field)
	}
	return false, nil
}

// step is a part of a payload index on its way in.
type step struct {
	posts []posting
	seen  int
	next  point.ID
	done  bool
}

func (s *Shard) backfillField(field string) (err error) {
	j := s.resume(Backfilling, field)
	p, _ := s.mu.payload.Progress(field)
	ix, _ := s.mu.payload.Schema(field)
	st, err := s.collect(&ix, p.Next)
	if err != nil {
		return err
	}
	b := s.o.Store.NewBatch()
	defer b.Close()
	state := payload.StateRow(field, st.done, st.next)
	if p.Versioned {
		if err := b.DeletePosting(s.id, payload.StateRow(field, false, p.Next), 0); err != nil {
			return err
		}
	}
	for _, p := range append(st.posts, posting{row: state, add: true}) {
		if err := b.PutPosting(s.id, p.row, p.slot); err != nil {
			return err
		}
	}
	if err := b.Commit(s.o.Store.Applied()); err != nil {
		return err
	}
	s.mu.Lock()
	for _, p := range st.posts {
		s.mu.payload.Put(p.row, p.slot)
	}
	s.mu.payload.Put(state, 0)
	if st.done {
		s.mu.payload.Settle(field)
	}
	s.mu.Unlock()
	s.progress(j, st.seen, max(s.current.Load().live.Len()-j.Done-st.seen, 0))
	if st.done {
		s.finish(j, nil)
		s.log.Info("payload index complete", "field", field, "kind", string(ix.Kind))
	}
	return nil
}

// collect makes the rows of some points from one on.
func (s *Shard) collect(ix *payload.Schema, from point.ID) (step, error) {
	st := step{done: true}
	var fault error
	err := s.o.Store.ScanPoints(s.id, from, func(id point.ID, row storage.PointRow) bool {
		if st.seen == backfillPoints || len(st.posts) >= backfillRows {
			st.next, st.done = id, false
			return false
		}
		st.seen++
		fault = s.mu.payload.Rows(ix, row.Payload, func(r []byte) {
			st.posts = append(st.posts, posting{row: bytes.Clone(r), slot: row.Slot, add: true})
		})
		return fault == nil
	})
	return st, errors.Join(err, fault)
}

// analyzers is how the text indexes of a version cut text, by field.
func (s *Shard) analyzers() map[string]filter.Analyze {
	var out map[string]filter.Analyze
	for _, ix := range s.mu.payload.Schemas() {
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
