// Package payload holds a shard's indexes over payload values: which slots have
// which value under a field, in what order, and how many.
//
// Who calls: storage/shard, which keeps the rows in its store and guards the
// indexes with its own lock (writers alone, readers together). It calls
// index/filter for paths and conditions, and index/text for words. It never
// decides what an operation does: it only narrows what is looked at.
//
// An index that is being built takes the rows of new payloads, and answers
// nothing until it is complete.
package payload

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/tidwall/btree"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
	"github.com/kithdb/kith/storage/point"
)

// field is one index in memory.
type field struct {
	Schema
	terms   btree.Map[string, *posting] // strings, bools, words and what is known of all values
	numbers *numbers                    // of integer, float and datetime indexes
	places  *column[place]              // of geo indexes
	// last is the term met last: rows come in their order from a load.
	lastTerm string
	last     *posting

	versioned bool     // a state row says how far it is
	done      bool     // it is complete
	next      point.ID // while it is not: the first point that is not in yet
}

// Indexes is all payload indexes of one shard. Not locked: see the package.
type Indexes struct {
	fields map[string]*field
	writer struct { // what the writer alone uses
		docs [2]filter.Doc
		rows [2]rower
		list [2][][]byte
	}
}

// New has no index.
func New() *Indexes { return &Indexes{fields: map[string]*field{}} }

// Add starts an empty index, which is not complete.
func (x *Indexes) Add(s Schema) {
	f := &field{Schema: s}
	switch s.Kind {
	case Integer, Float, Datetime:
		f.numbers = newNumbers()
	case Geo:
		f.places = newColumn(comparePlaces)
	}
	x.fields[s.Field] = f
}

// Drop forgets an index; none is fine.
func (x *Indexes) Drop(field string) { delete(x.fields, field) }

// Schemas lists the indexes by field.
func (x *Indexes) Schemas() []Schema {
	out := make([]Schema, 0, len(x.fields))
	for _, name := range slices.Sorted(maps.Keys(x.fields)) {
		out = append(out, x.fields[name].Schema)
	}
	return out
}

// Schema is a field's index; false when there is none.
func (x *Indexes) Schema(field string) (Schema, bool) {
	f, ok := x.fields[field]
	if !ok {
		return Schema{}, false
	}
	return f.Schema, true
}

// Progress is how far an index is.
type Progress struct {
	Complete  bool
	Versioned bool     // its rows are of this build's version
	Next      point.ID // first point that is not in, while it is not complete
}

// Size is how much an index holds.
type Size struct {
	Points int   // slots that have a value in it
	Bytes  int64 // about, in memory
}

// Size counts what a field's index holds. It goes through all terms: not for a
// loop.
func (x *Indexes) Size(name string) Size {
	f, ok := x.fields[name]
	if !ok {
		return Size{}
	}
	return Size{Points: f.points(), Bytes: f.bytes()}
}

// Progress tells how far a field's index is; false when there is none.
func (x *Indexes) Progress(name string) (Progress, bool) {
	f, ok := x.fields[name]
	if !ok {
		return Progress{}, false
	}
	return Progress{Complete: f.done, Versioned: f.versioned, Next: f.next}, true
}

// points is the slots that have a value of the index's kind. A slot that has one
// of another kind as well is taken not to.
func (f *field) points() int {
	return f.has().AndNot(f.posting(tagOther).set()).Len()
}

func (f *field) has() *index.Set { return f.posting(tagHas).set() }

// posting is the slots of a row that is a tag alone; nil when there are none.
func (f *field) posting(tag byte) *posting {
	p, _ := f.terms.Get(string([]byte{tag}))
	return p
}

const termBytes = 40 // of a term in the tree beside its own bytes, about

func (f *field) bytes() (n int64) {
	f.terms.Scan(func(term string, p *posting) bool {
		n += termBytes + int64(len(term)) + p.bytes()
		return true
	})
	if f.numbers != nil {
		n += 16 * int64(cap(f.numbers.ints.base)+cap(f.numbers.floats.base)+2*f.numbers.ints.delta.Len()+2*f.numbers.floats.delta.Len())
	}
	if f.places != nil {
		n += 32 * int64(cap(f.places.base)+2*f.places.delta.Len())
	}
	return n
}

// Unbuilt lists the fields whose indexes are not complete.
func (x *Indexes) Unbuilt() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(x.fields)) {
		if !x.fields[name].done {
			out = append(out, name)
		}
	}
	return out
}

// Diff calls emit with what changes in the indexes when a payload goes from old
// to fresh; nil payloads have no values. Rows are valid until emit returns.
// Writer only.
func (x *Indexes) Diff(old, fresh []byte, emit func(row []byte, add bool)) error {
	if len(x.fields) == 0 {
		return nil
	}
	w := &x.writer
	for i, payload := range [][]byte{old, fresh} {
		if err := w.docs[i].Parse(payload); err != nil {
			return err
		}
	}
	for _, f := range x.fields {
		for i := range w.docs {
			w.list[i] = w.rows[i].rows(&f.Schema, &w.docs[i], w.list[i][:0])
		}
		prefix := RowPrefix(f.Field)
		difference(w.list[0], w.list[1], func(value []byte, add bool) {
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
	w := &x.writer
	if err := w.docs[0].Parse(payload); err != nil {
		return err
	}
	prefix := RowPrefix(s.Field)
	w.list[0] = w.rows[0].rows(s, &w.docs[0], w.list[0][:0])
	for _, value := range w.list[0] {
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

// Put adds a slot to a row; once more is fine, and so is a row of an unknown
// field.
func (x *Indexes) Put(row []byte, slot index.Slot) {
	f, term := x.find(row)
	if f == nil {
		return
	}
	switch {
	case term[0] == tagIndex:
		f.state(term)
	case f.typed(term):
		f.column(term, slot, true)
	default:
		f.at(term).add(slot)
	}
}

// Remove takes a slot out of a row; one that is not in it is fine.
func (x *Indexes) Remove(row []byte, slot index.Slot) {
	f, term := x.find(row)
	switch {
	case f == nil || term[0] == tagIndex: // the state row that replaces it says more
	case f.typed(term):
		f.column(term, slot, false)
	default:
		p, ok := f.terms.Get(string(term))
		if ok && p.remove(slot) && p.len() == 0 {
			f.terms.Delete(string(term))
			f.last = nil
		}
	}
}

func (f *field) state(term []byte) {
	if len(term) < 3 || term[1] != rowsVersion {
		return
	}
	f.versioned, f.done = true, term[2] == complete
	if id, err := point.FromKey(term[3:]); err == nil && !f.done {
		f.next = id
	}
}

// at is the posting of a term, made when there is none.
func (f *field) at(term []byte) *posting {
	if f.last != nil && f.lastTerm == string(term) {
		return f.last
	}
	p, ok := f.terms.Get(string(term))
	if !ok {
		p = newPosting()
		f.terms.Set(string(term), p)
	}
	f.lastTerm, f.last = string(term), p
	return p
}

// typed tells whether a term belongs into a column.
func (f *field) typed(term []byte) bool {
	switch term[0] {
	case tagInt:
		return f.numbers != nil && len(term) == 17
	case tagFloat, tagTime:
		return f.numbers != nil && len(term) == 9
	case tagGeo:
		return f.places != nil && len(term) == 17
	}
	return false
}

func (f *field) column(term []byte, slot index.Slot, add bool) {
	value := binary.BigEndian.Uint64(term[1:])
	switch term[0] {
	case tagInt:
		key := orderedInt(int64(binary.BigEndian.Uint64(term[9:])))
		change(f.numbers.ints, number{key, uint32(slot)}, add)
	case tagTime:
		change(f.numbers.ints, number{value, uint32(slot)}, add)
	case tagFloat:
		if change(f.numbers.floats, number{value, uint32(slot)}, add) && isHuge(unordered(value)) {
			if add {
				f.numbers.huge++
			} else {
				f.numbers.huge--
			}
		}
	case tagGeo:
		g := filter.GeoPoint{Lon: unordered(value), Lat: unordered(binary.BigEndian.Uint64(term[9:]))}
		change(f.places, newPlace(g, uint32(slot)), add)
	}
}

func change[E any](c *column[E], e E, add bool) bool {
	if add {
		return c.put(e)
	}
	return c.remove(e)
}

// Settle ends a load or the build of a field's index: what came out of order is
// put in order.
func (x *Indexes) Settle(name string) {
	f, ok := x.fields[name]
	if !ok {
		return
	}
	if f.places != nil {
		f.places.merge()
	}
	if f.numbers != nil {
		f.numbers.ints.merge()
		f.numbers.floats.merge()
	}
}
