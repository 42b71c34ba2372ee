package shard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// change is what a run of operations does to a shard's memory once its batch
// is in.
type change struct {
	live    *index.Editor
	late    *index.Editor
	has     []*index.Editor // by field
	next    index.Slot
	reused  int                   // slots taken from the free ones
	touched map[point.ID]struct{} // points written in this run
	garbage []index.Slot          // slots killed in this run
	payload int64                 // by how much the payloads have grown, in bytes
	posts   []posting
	adds    []payload.Schema
	places  []payload.Schema // indexes that get another place, or options that no row depends on
	drops   []string
	schema  *schema.Collection
	fields  []fieldState // as they will be, when schema is set; has is by these then
	gone    []*field     // vectors that were removed
}

type posting struct {
	row  []byte
	slot index.Slot
	add  bool
}

// begin starts a change over the published state.
func (s *Shard) begin() *change {
	if s.writer.change != nil {
		return s.writer.change
	}
	st := s.current.Load()
	c := &change{live: st.live.Edit(), late: st.late.Edit(), next: st.next, touched: map[point.ID]struct{}{}}
	for i := range st.fields {
		c.has = append(c.has, st.fields[i].has.Edit())
	}
	s.writer.change = c
	return c
}

// Alone reports whether an operation must stand alone in its batch: it changes
// the schema that the rows of other operations depend on.
func Alone(k op.Kind) bool {
	switch k {
	case op.CreateShard, op.DropShard, op.UpdateShard, op.CreateIndex, op.DropIndex:
		return true
	}
	return false
}

// Stage writes one operation's rows into b; nothing is visible before Publish.
// applied is the operation's raft index. An operation that fails (Result.Err)
// has staged nothing. The error is the store's, and fatal.
func (s *Shard) Stage(b *storage.Batch, o *op.Op, applied uint64) (op.Result, error) {
	t := &stager{s: s, b: b, c: s.begin(), applied: applied}
	var r op.Result
	var err error
	switch o.Kind {
	case op.Upsert:
		r, err = t.upsert(o)
	case op.UpdateVectors:
		r, err = t.updateVectors(o)
	case op.DeleteVectors:
		r, err = t.deleteVectors(o)
	case op.Delete:
		r, err = t.delete(o)
	case op.SetPayload:
		r, err = t.edit(o, func(old []byte) ([]byte, error) { return filter.Merge(old, o.Payload, o.Key) })
	case op.OverwritePayload:
		r, err = t.edit(o, func([]byte) ([]byte, error) { return o.Payload, nil })
	case op.DeletePayload:
		r, err = t.edit(o, func(old []byte) ([]byte, error) { return filter.DeleteKeys(old, o.Keys) })
	case op.ClearPayload:
		r, err = t.edit(o, func([]byte) ([]byte, error) { return nil, nil })
	case op.UpdateShard:
		r, err = t.update(o)
	case op.CreateIndex:
		r, err = t.createIndex(o)
	case op.DropIndex:
		r, err = t.dropIndex(o)
	default:
		r.Err = fmt.Errorf("operation %d is not known to this version", o.Kind)
	}
	return r, err
}

// Seal stages the shard's own row, what an open needs to know first: once, after
// the last operation of a batch.
func (s *Shard) Seal(b *storage.Batch) error {
	c, st := s.writer.change, s.current.Load()
	fields, sch := st.fields, st.schema
	if c.schema != nil {
		fields, sch = c.fields, c.schema
	}
	text, err := json.Marshal(sch)
	if err != nil {
		return err
	}
	row := storage.ShardRow{Schema: text, Next: c.next, Live: uint64(c.live.Len())}
	for i := range fields {
		row.Vectors = append(row.Vectors, storage.VectorNumber{Name: fields[i].conf.Name, Number: fields[i].number})
	}
	for _, ix := range s.indexSchemas(c) {
		row.Indexes = append(row.Indexes, storage.IndexRow{Field: ix.Field, Schema: ix.Options})
	}
	return b.PutShard(s.id, row)
}

// indexSchemas is the payload indexes as they will be after the change.
func (s *Shard) indexSchemas(c *change) []payload.Schema {
	var out []payload.Schema
	for _, ix := range s.writer.payload.Schemas() {
		if at := slices.IndexFunc(c.places, func(p payload.Schema) bool { return p.Field == ix.Field }); at >= 0 {
			ix = c.places[at]
		}
		if !slices.Contains(c.drops, ix.Field) {
			out = append(out, ix)
		}
	}
	return append(out, c.adds...)
}

// stager is one operation on its way into a batch.
type stager struct {
	s       *Shard
	b       *storage.Batch
	c       *change
	applied uint64
}

func (t *stager) upsert(o *op.Op) (op.Result, error) {
	for i := range o.Points {
		if err := t.fits(o.Points[i].Vectors); err != nil {
			return op.Result{Err: err}, nil
		}
	}
	points, err := t.admitted(o)
	if err != nil {
		return op.Result{}, err
	}
	for i := range points {
		if err := t.put(&points[i]); err != nil {
			return op.Result{}, err
		}
	}
	return op.Result{Points: len(points)}, nil
}

// fits repeats the part of the request's validation that a schema change
// between proposal and application could break.
func (t *stager) fits(vectors []point.Vector) error { return t.s.current.Load().fits(vectors) }

func (st *state) fits(vectors []point.Vector) error {
	for _, v := range vectors {
		f, ok := st.field(v.Name)
		if !ok {
			return noVector(v.Name)
		}
		if len(v.Values) != f.conf.Size {
			return &schema.FieldError{Field: "vector." + v.Name, Problem: fmt.Sprintf("expected dim: %d, got %d", f.conf.Size, len(v.Values))}
		}
	}
	return nil
}

// put stores one point whole.
func (t *stager) put(p *point.Point) error {
	old, exists, err := t.b.GetPoint(t.s.id, p.ID)
	if err != nil {
		return err
	}
	row := storage.PointRow{Slot: old.Slot, Version: t.applied, Payload: p.Payload}
	if exists && t.sameVectors(old.Slot, p.Vectors) {
		if err := t.repost(old.Slot, old.Payload, p.Payload); err != nil {
			return err
		}
		t.c.touched[p.ID] = struct{}{}
		return t.rewrite(p.ID, row)
	}
	if exists {
		if err := t.forget(old); err != nil {
			return err
		}
	}
	if row.Slot, err = t.take(p); err != nil {
		return err
	}
	if err := t.repost(row.Slot, nil, p.Payload); err != nil {
		return err
	}
	t.c.touched[p.ID] = struct{}{}
	return t.b.PutPoint(t.s.id, p.ID, row)
}

// sameVectors says whether a slot holds exactly these vectors: then an upsert
// need not touch any index of vectors.
func (t *stager) sameVectors(slot index.Slot, vectors []point.Vector) bool {
	fields := t.s.current.Load().fields
	held := 0
	for i := range fields {
		if t.c.has[i].Contains(slot) {
			held++
		}
	}
	if held != len(vectors) {
		return false
	}
	for _, v := range vectors {
		i := slices.IndexFunc(fields, func(f fieldState) bool { return f.conf.Name == v.Name })
		if !t.c.has[i].Contains(slot) || !fields[i].holds(slot, v.Values) {
			return false
		}
	}
	return true
}

// rewrite stores a point whose vectors stay where they are.
func (t *stager) rewrite(id point.ID, row storage.PointRow) error {
	slot := storage.SlotRow{ID: id, Version: row.Version}
	t.s.writer.ids.touch(row.Slot, row.Version)
	if err := t.b.PutSlot(t.s.id, row.Slot, slot); err != nil {
		return err
	}
	return t.b.PutPoint(t.s.id, id, row)
}

// take gives a point the next slot and writes its vectors there.
func (t *stager) take(p *point.Point) (index.Slot, error) {
	return t.takeAs(p, t.applied)
}

func (t *stager) takeAs(p *point.Point, version uint64) (index.Slot, error) {
	slot, again := t.nextSlot()
	switch {
	case slot == index.NoSlot-1:
		return 0, errors.New("the shard has used all of its 2³² slots")
	case again:
		t.c.reused++
		t.c.late.Add(slot)
	default:
		t.c.next++
	}
	row := storage.SlotRow{ID: p.ID, Version: version}
	if err := t.s.writer.ids.put(slot, row); err != nil {
		return 0, err
	}
	if err := t.b.PutSlot(t.s.id, slot, row); err != nil {
		return 0, err
	}
	fields := t.s.current.Load().fields
	for _, v := range p.Vectors {
		i := slices.IndexFunc(fields, func(f fieldState) bool { return f.conf.Name == v.Name })
		row, err := fields[i].write(slot, v.Values)
		if err != nil {
			return 0, err
		}
		if err := t.b.PutVector(t.s.id, fields[i].number, slot, row); err != nil {
			return 0, err
		}
		t.c.has[i].Add(slot)
	}
	t.c.live.Add(slot)
	return slot, nil
}

// forget takes a stored version out of every index. Its vector rows stay until
// a sweep, since a graph may still walk through them.
func (t *stager) forget(row storage.PointRow) error {
	if err := t.repost(row.Slot, row.Payload, nil); err != nil {
		return err
	}
	t.c.live.Remove(row.Slot)
	t.c.late.Remove(row.Slot)
	for _, has := range t.c.has {
		has.Remove(row.Slot)
	}
	t.c.garbage = append(t.c.garbage, row.Slot)
	return t.b.DeleteSlot(t.s.id, row.Slot)
}

// repost moves a slot's postings from one payload to another.
func (t *stager) repost(slot index.Slot, old, fresh []byte) error {
	t.c.payload += int64(len(fresh) - len(old))
	if bytes.Equal(old, fresh) {
		return nil
	}
	var fault error
	err := t.s.writer.payload.Diff(old, fresh, func(row []byte, add bool) {
		fault = errors.Join(fault, t.post(row, slot, add))
	})
	return errors.Join(err, fault)
}

func (t *stager) post(row []byte, slot index.Slot, add bool) error {
	row = bytes.Clone(row)
	t.c.posts = append(t.c.posts, posting{row: row, slot: slot, add: add})
	if add {
		return t.b.PutPosting(t.s.id, row, slot)
	}
	return t.b.DeletePosting(t.s.id, row, slot)
}

// edit changes the payloads of the selected points: all of them, or none.
func (t *stager) edit(o *op.Op, change func(old []byte) ([]byte, error)) (op.Result, error) {
	points, r, err := t.selected(o, true)
	if err != nil || r.Err != nil {
		return r, err
	}
	fresh := make([][]byte, len(points))
	for i, p := range points {
		if fresh[i], r.Err = change(p.row.Payload); r.Err != nil {
			return op.Result{Err: fmt.Errorf("point %s: %w", p.id, r.Err)}, nil
		}
	}
	for i, p := range points {
		if err := t.repost(p.row.Slot, p.row.Payload, fresh[i]); err != nil {
			return op.Result{}, err
		}
		p.row.Payload, p.row.Version = fresh[i], t.applied
		t.c.touched[p.id] = struct{}{}
		if err := t.rewrite(p.id, p.row); err != nil {
			return op.Result{}, err
		}
	}
	return r, nil
}

// delete removes the selected points; ids that are not there are fine.
func (t *stager) delete(o *op.Op) (op.Result, error) {
	points, r, err := t.selected(o, false)
	if err != nil {
		return r, err
	}
	for _, p := range points {
		if err := t.forget(p.row); err != nil {
			return op.Result{}, err
		}
		t.c.touched[p.id] = struct{}{}
		if err := t.b.DeletePoint(t.s.id, p.id); err != nil {
			return op.Result{}, err
		}
	}
	return r, nil
}

// selected is the points that an operation selects. With mustExist, an id that
// is not there fails the operation.
func (t *stager) selected(o *op.Op, mustExist bool) ([]picked, op.Result, error) {
	points, err := t.pick(o)
	var missing *op.NotFoundError
	if errors.As(err, &missing) {
		if mustExist {
			return nil, op.Result{Err: err}, nil
		}
		err = nil
	}
	return points, op.Result{Points: len(points)}, err
}

type picked struct {
	id  point.ID
	row storage.PointRow
}

// pick reads the selected points as this run has left them. A missing id is
// reported, beside the points that are there, as *op.NotFoundError.
func (t *stager) pick(o *op.Op) ([]picked, error) {
	if o.Filter != nil {
		return t.pickByFilter(o.Filter)
	}
	var out []picked
	var missing error
	seen := make(map[point.ID]struct{}, len(o.IDs))
	for _, id := range o.IDs {
		if _, twice := seen[id]; twice {
			continue
		}
		seen[id] = struct{}{}
		row, ok, err := t.b.GetPoint(t.s.id, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			missing = &op.NotFoundError{ID: id}
			continue
		}
		row.Payload = bytes.Clone(row.Payload)
		out = append(out, picked{id, row})
	}
	return out, missing
}

// pickByFilter evaluates the filter on stored payloads, so that every replica
// picks the same points. Indexes only narrow what is looked at.
func (t *stager) pickByFilter(text []byte) ([]picked, error) {
	f, err := filter.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("a filter that was validated does not parse: %w", err)
	}
	var out []picked
	j := t.judge(f)
	offer := func(id point.ID, row storage.PointRow) error {
		ok, err := j.Holds(id, row.Slot, row.Payload)
		if err != nil {
			return err
		}
		if ok {
			row.Payload = bytes.Clone(row.Payload)
			out = append(out, picked{id, row})
		}
		return nil
	}
	var fault error
	err = t.s.scanCommitted(f, func(id point.ID, row storage.PointRow) bool {
		if _, changed := t.c.touched[id]; !changed {
			fault = offer(id, row)
		}
		return fault == nil
	})
	if err = errors.Join(err, fault); err != nil {
		return nil, err
	}
	for id := range t.c.touched {
		row, ok, err := t.b.GetPoint(t.s.id, id)
		if err != nil {
			return nil, err
		}
		if ok {
			if err := offer(id, row); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(out, func(a, b picked) int { return point.Compare(a.id, b.id) })
	return out, nil
}

// scanCommitted visits a superset of the published points that match.
func (s *Shard) scanCommitted(f *filter.Filter, yield func(point.ID, storage.PointRow) bool) error {
	v, m, err := s.Matching(f)
	if err != nil {
		return err
	}
	defer v.Release()
	if m.Set.Len()*4 > v.Live().Len() {
		return v.c.ScanPoints(s.id, point.ID{}, yield)
	}
	for slot := range m.Set.All() {
		id := v.ID(slot)
		row, ok, err := v.c.GetPoint(s.id, id)
		if err != nil {
			return err
		}
		if ok && !yield(id, row) {
			return nil
		}
	}
	return nil
}
