package shard

import (
	"fmt"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/op"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

// admitted is the points that an operation's mode and condition let through.
// Both are asked about the points as they were before the operation, so that of
// an id given twice the later one does not depend on the earlier.
func (t *stager) admitted(o *op.Op) ([]point.Point, error) {
	if o.Mode == op.InsertOrUpdate && o.Filter == nil {
		return o.Points, nil
	}
	f, err := filter.Parse(o.Filter)
	if err != nil && o.Filter != nil {
		return nil, fmt.Errorf("a condition that was validated does not parse: %w", err)
	}
	j := t.judge(f)
	verdicts := make(map[point.ID]bool, len(o.Points))
	out := make([]point.Point, 0, len(o.Points))
	for i := range o.Points {
		id := o.Points[i].ID
		ok, known := verdicts[id]
		if !known {
			if ok, err = t.admits(o, j, id); err != nil {
				return nil, err
			}
			verdicts[id] = ok
		}
		if ok {
			out = append(out, o.Points[i])
		}
	}
	return out, nil
}

func (t *stager) admits(o *op.Op, j *Judge, id point.ID) (bool, error) {
	row, exists, err := t.b.GetPoint(t.s.id, id)
	if err != nil || !exists {
		return o.Mode != op.UpdateOnly, err
	}
	if o.Mode == op.InsertOnly || o.Filter == nil {
		return o.Mode != op.InsertOnly, nil
	}
	return j.Holds(id, row.Slot, row.Payload)
}

// updateVectors gives points new vectors; those of other names stay. All ids
// must exist, or nothing is changed.
func (t *stager) updateVectors(o *op.Op) (op.Result, error) {
	for i := range o.Points {
		if err := t.fits(o.Points[i].Vectors); err != nil {
			return op.Result{Err: err}, nil
		}
		_, exists, err := t.b.GetPoint(t.s.id, o.Points[i].ID)
		if err != nil {
			return op.Result{}, err
		}
		if !exists {
			return op.Result{Err: &op.NotFoundError{ID: o.Points[i].ID}}, nil
		}
	}
	points, err := t.admitted(o)
	if err != nil {
		return op.Result{}, err
	}
	for i := range points {
		row, _, err := t.b.GetPoint(t.s.id, points[i].ID)
		if err == nil {
			err = t.revise(picked{points[i].ID, row}, points[i].Vectors, nil)
		}
		if err != nil {
			return op.Result{}, err
		}
	}
	return op.Result{Points: len(points)}, nil
}

// deleteVectors takes vectors from the selected points. All ids must exist, or
// nothing is changed; a point that lacks a vector is fine.
func (t *stager) deleteVectors(o *op.Op) (op.Result, error) {
	st := t.s.current.Load()
	for _, name := range o.Vectors {
		if _, ok := st.field(name); !ok {
			return op.Result{Err: noVector(name)}, nil
		}
	}
	points, r, err := t.selected(o, true)
	if err != nil || r.Err != nil {
		return r, err
	}
	for _, p := range points {
		if err := t.revise(p, nil, o.Vectors); err != nil {
			return op.Result{}, err
		}
	}
	return r, nil
}

func noVector(name string) error {
	field := "vector"
	if name != "" {
		field += "." + name
	}
	return &schema.FieldError{Field: field, Problem: "the collection does not have this vector any more, or not yet"}
}

// revise stores a point with some vectors set and others dropped. One whose
// vectors do change takes a new slot, to which its postings move; the rows of
// the vectors that stay are copied as they are.
func (t *stager) revise(p picked, set []point.Vector, drop []string) error {
	old := p.row
	t.c.touched[p.id] = struct{}{}
	p.row.Version = t.applied
	if !t.changes(old.Slot, set, drop) {
		return t.rewrite(p.id, p.row)
	}
	stay := t.staying(old.Slot, set, drop)
	if err := t.forget(old); err != nil {
		return err
	}
	slot, err := t.take(&point.Point{ID: p.id, Vectors: set})
	if err != nil {
		return err
	}
	for _, at := range stay {
		if err := t.carry(at, old.Slot, slot); err != nil {
			return err
		}
	}
	p.row.Slot = slot
	if err := t.repost(slot, nil, p.row.Payload); err != nil {
		return err
	}
	return t.b.PutPoint(t.s.id, p.id, p.row)
}

// changes says whether a slot's vectors would be others.
func (t *stager) changes(slot index.Slot, set []point.Vector, drop []string) bool {
	fields := t.s.current.Load().fields
	for i := range fields {
		has := t.c.has[i].Contains(slot)
		if has && slices.Contains(drop, fields[i].conf.Name) {
			return true
		}
		for _, v := range set {
			if v.Name == fields[i].conf.Name && !(has && fields[i].holds(slot, v.Values)) {
				return true
			}
		}
	}
	return false
}

// staying lists, by number of field, the vectors of a slot that neither set nor
// drop names.
func (t *stager) staying(slot index.Slot, set []point.Vector, drop []string) (at []int) {
	fields := t.s.current.Load().fields
	for i := range fields {
		name := fields[i].conf.Name
		named := slices.Contains(drop, name) || slices.ContainsFunc(set, func(v point.Vector) bool { return v.Name == name })
		if t.c.has[i].Contains(slot) && !named {
			at = append(at, i)
		}
	}
	return at
}

// carry copies one vector's row from a slot to a later one.
func (t *stager) carry(at int, from, to index.Slot) error {
	f := t.s.current.Load().fields[at].field
	if err := f.rows.Grow(int(to) + 1); err != nil {
		return err
	}
	if err := f.sumRoom(int(to) + 1); err != nil {
		return err
	}
	rows := f.rows.Rows()
	row := rows.Bytes(uint32(to))
	copy(row, rows.Bytes(uint32(from)))
	if !f.sound(from, row) { // the store must not learn it
		raw, ok, err := t.s.o.Store.GetVector(t.s.id, f.number, from, nil)
		if err != nil {
			return err
		}
		if !ok || copy(row, raw) != len(raw) {
			return fmt.Errorf("%w: vector %q of slot %d has %d bytes", storage.ErrCorrupt, f.conf.Name, from, len(raw))
		}
	}
	f.noteSum(to, row)
	t.c.has[at].Add(to)
	return t.b.PutVector(t.s.id, f.number, to, row)
}

// Fits says whether an operation's points fit the shard as it is: what a change
// of the schema between proposal and application can break.
func (s *Shard) Fits(o *op.Op) error {
	st := s.current.Load()
	for i := range o.Points {
		if err := st.fits(o.Points[i].Vectors); err != nil {
			return err
		}
	}
	return nil
}

// Discard drops what was staged, whose batch never goes in.
func (s *Shard) Discard() error {
	c := s.writer.change
	if c == nil {
		return nil
	}
	s.writer.change = nil
	s.writer.ids.discard()
	for id := range c.touched { // whose versions were noted ahead of the batch
		row, ok, err := s.o.Store.GetPoint(s.id, id)
		if err != nil {
			return err
		}
		if ok {
			s.writer.ids.touch(row.Slot, row.Version)
		}
	}
	return nil
}
