// Package payload holds a shard's indexes over payload values: which slots have
// which value under a field, in what order, and how many.
//
// Who calls: storage/shard, which keeps the rows in its store, changes the
// indexes as its only writer, and hands out versions of them with its views. It
// calls index/filter for paths and conditions, and index/text for words. It never
// decides what an operation does: it only narrows what is looked at.
//
// The rows in the store are the index. A field that is placed in memory has its
// values there as well, packed; until they are loaded, and for a field that is
// placed on disk always, questions are answered from the rows. An index whose
// rows are not all there yet takes the rows of new payloads, and answers nothing.
package payload

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// field is one index, of the writer or of a version.
type field struct {
	Schema
	mem *memory // nil: in the store alone, or not loaded

	versioned bool     // a state row says how far it is
	done      bool     // all rows are in
	next      point.ID // while they are not: the first point that is not in yet

	// grown is by how many points the index has grown since base was counted.
	grown int
	base  *atomic.Int64 // points when grown was 0, plus one; 0: not counted. Shared by versions.

	writer struct { // the writer's own
		dirty   bool // the published version is another
		loading int  // number of the load under way, 0: none
		pending []change
	}
}

// change is a row that came or went during a load.
type change struct {
	term []byte
	slot index.Slot
	add  bool
}

// Indexes is all payload indexes of one shard, as their writer has them.
//
// Concurrency: one goroutine; others read what Publish returned.
type Indexes struct {
	fields    map[string]*field
	published *Version          // nil: something has changed
	last      map[string]*field // as they were published last
	loads     int               // begun so far
	docs      [2]filter.Doc
	rows      [2]rower
	list      [2][][]byte
}

// New has no index.
func New() *Indexes { return &Indexes{fields: map[string]*field{}, published: &Version{}} }

// Add starts an empty index, which is not complete until a state row says so. An
// index that is placed in memory has the rows that are put there.
func (x *Indexes) Add(s Schema) {
	f := &field{Schema: s, base: new(atomic.Int64)}
	if !s.Cold() {
		f.mem = newMemory(s.Kind)
	}
	f.writer.dirty = true
	x.fields[s.Field] = f
	x.published = nil
}

// Restore takes up an index whose rows the store has. How far it is its state
// row tells; see Put.
func (x *Indexes) Restore(s Schema) {
	x.Add(s)
	x.fields[s.Field].mem = nil
}

// Place gives an index a schema that differs in its placement, and in what its
// rows do not depend on: see SameRows.
func (x *Indexes) Place(s Schema) {
	f, ok := x.fields[s.Field]
	if !ok {
		return
	}
	f.Schema = s
	if s.Cold() {
		f.mem, f.writer.loading, f.writer.pending = nil, 0, nil
	}
	f.writer.dirty = true
	x.published = nil
}

// Drop forgets an index; none is fine.
func (x *Indexes) Drop(field string) {
	delete(x.fields, field)
	x.published = nil
}

// Schemas lists the indexes by field.
func (x *Indexes) Schemas() []Schema { return schemas(x.fields) }

func schemas(fields map[string]*field) []Schema {
	out := make([]Schema, 0, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		out = append(out, fields[name].Schema)
	}
	return out
}

// Progress is how far an index is.
type Progress struct {
	Complete  bool     // all of its rows are in: it answers
	Versioned bool     // its rows are of this build's version
	Next      point.ID // first point that is not in, while it is not complete
}

func (f *field) progress() Progress {
	return Progress{Complete: f.done, Versioned: f.versioned, Next: f.next}
}

// Progress tells how far a field's index is; false when there is none.
func (x *Indexes) Progress(name string) (Progress, bool) {
	f, ok := x.fields[name]
	if !ok {
		return Progress{}, false
	}
	return f.progress(), true
}

// Diff calls emit with what changes in the indexes when a payload goes from old
// to fresh; nil payloads have no values. Rows are valid until emit returns.
// Writer only.
func (x *Indexes) Diff(old, fresh []byte, emit func(row []byte, add bool)) error {
	if len(x.fields) == 0 {
		return nil
	}
	for i, payload := range [][]byte{old, fresh} {
		if err := x.docs[i].Parse(payload); err != nil {
			return err
		}
	}
	for _, f := range x.fields {
		for i := range x.docs {
			x.list[i] = x.rows[i].rows(&f.Schema, &x.docs[i], x.list[i][:0])
		}
		prefix := RowPrefix(f.Field)
		difference(x.list[0], x.list[1], func(value []byte, add bool) {
			emit(append(prefix[:len(prefix):len(prefix)], value...), add)
		})
	}
	return nil
}

// difference walks two sorted lists.
func difference(old, fresh [][]byte, emit func(row []byte, add bool)) {
	for len(old) > 0 || len(fresh) > 0 {
		c := 0
		switch {
		case len(old) == 0:
			c = 1
		case len(fresh) == 0:
			c = -1
		default:
			c = bytes.Compare(old[0], fresh[0])
		}
		switch {
		case c < 0:
			emit(old[0], false)
			old = old[1:]
		case c > 0:
			emit(fresh[0], true)
			fresh = fresh[1:]
		default:
			old, fresh = old[1:], fresh[1:]
		}
	}
}

// Rows calls emit with each distinct row that a payload has in one index. Rows
// are valid until emit returns. Writer only.
func (x *Indexes) Rows(s *Schema, payload []byte, emit func(row []byte)) error {
	if err := x.docs[0].Parse(payload); err != nil {
		return err
	}
	prefix := RowPrefix(s.Field)
	x.list[0] = x.rows[0].rows(s, &x.docs[0], x.list[0][:0])
	for _, value := range x.list[0] {
		emit(append(prefix[:len(prefix):len(prefix)], value...))
	}
	return nil
}

// find splits a row; the field is nil when it has no index.
func (x *Indexes) find(row []byte) (*field, []byte) {
	if len(row) < 3 {
		return nil, nil
	}
	n := 2 + int(binary.BigEndian.Uint16(row))
	if len(row) <= n {
		return nil, nil
	}
	return x.fields[string(row[2:n])], row[n:]
}

// Put adds a slot to a row; a row of an unknown field is passed over. The row
// must stay unchanged.
func (x *Indexes) Put(row []byte, slot index.Slot) {
	f, term := x.find(row)
	switch {
	case f == nil:
		return
	case term[0] == tagIndex:
		f.state(term)
	default:
		f.change(term, slot, true)
	}
	f.writer.dirty = true
	x.published = nil
}

// Remove takes a slot out of a row; one that is not in it is fine. The row must
// stay unchanged.
func (x *Indexes) Remove(row []byte, slot index.Slot) {
	f, term := x.find(row)
	if f == nil || term[0] == tagIndex { // the state row that replaces it says more
		return
	}
	f.change(term, slot, false)
	f.writer.dirty = true
	x.published = nil
}

func (f *field) change(term []byte, slot index.Slot, add bool) {
	if f.done {
		f.grown += growth(term[0], add)
	}
	if f.writer.loading != 0 {
		f.writer.pending = append(f.writer.pending, change{term, slot, add})
	}
	if f.mem != nil {
		f.mem.change(term, slot, add)
	}
}

// growth is by how much a row changes the number of points in an index.
func growth(tag byte, add bool) int {
	n := 0
	switch tag {
	case tagHas:
		n = 1
	case tagOther: // whoever has it has tagHas too
		n = -1
	}
	if !add {
		return -n
	}
	return n
}

func (f *field) state(term []byte) {
	if len(term) < 3 || term[1] != rowsVersion {
		return
	}
	f.versioned, f.done = true, term[2] == complete
	if f.done {
		return
	}
	f.mem = nil // it is loaded when all rows are there, in their order
	if id, err := point.FromKey(term[3:]); err == nil {
		f.next = id
	}
}

// Publish is the indexes as they are now. It costs little where nothing has
// changed since the last call.
func (x *Indexes) Publish() *Version {
	if x.published != nil {
		return x.published
	}
	fields := make(map[string]*field, len(x.fields))
	for name, f := range x.fields {
		if have, ok := x.last[name]; ok && !f.writer.dirty {
			fields[name] = have
			continue
		}
		fields[name] = f.publish()
	}
	x.last = fields
	x.published = &Version{fields: fields}
	return x.published
}

func (f *field) publish() *field {
	f.writer.dirty = false
	out := &field{Schema: f.Schema, versioned: f.versioned, done: f.done, next: f.next, grown: f.grown, base: f.base}
	if f.mem != nil && f.done {
		out.mem = f.mem.publish()
	}
	return out
}
