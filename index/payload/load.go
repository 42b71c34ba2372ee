package payload

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/kithdb/kith/index"
)

// Loaded is a field's values, packed, that are ready to be taken into memory.
type Loaded struct{ mem *memory }

// BeginLoad notes what changes in a field from now on, so that what is loaded of
// this moment can be brought up to date: see EndLoad. The number names the load;
// 0: there is no such complete index.
func (x *Indexes) BeginLoad(name string) int {
	f, ok := x.fields[name]
	if !ok || !f.done || f.Cold() {
		return 0
	}
	x.loads++
	f.writer.loading, f.writer.pending = x.loads, nil
	return x.loads
}

// Changes are what has changed in a field during a load.
type Changes []change

// CatchUp hands over what has changed since the load began, or since the last
// call, for Loaded.Take. False: the index, or its place, is another by now.
func (x *Indexes) CatchUp(name string, load int) (Changes, bool) {
	f, ok := x.fields[name]
	if !ok || f.writer.loading != load || load == 0 {
		return nil, false
	}
	out := f.writer.pending
	f.writer.pending = nil
	return out, true
}

// Take brings what was loaded up to date, before EndLoad.
func (l *Loaded) Take(changes Changes) {
	for _, c := range changes {
		l.mem.change(c.term, c.slot, c.add)
	}
}

// EndLoad takes in what was loaded; nil gives the load up. False: the index, or
// its place, is another by now.
func (x *Indexes) EndLoad(name string, load int, l *Loaded) bool {
	pending, ok := x.CatchUp(name, load)
	if !ok {
		return false
	}
	f := x.fields[name]
	f.writer.loading = 0
	if l == nil {
		return false
	}
	l.Take(pending)
	f.mem, f.writer.dirty = l.mem, true
	x.published = nil
	return true
}

// loader makes a field's values of its rows, which come in their order.
type loader struct {
	mem   *memory
	pack  packer
	term  []byte   // being read
	slots []uint32 // that it has
	last  []byte   // the last term packed
	late  []late
}

// late is a term whose slots come after those of a longer one: see stored.
type late struct {
	term  string
	slots []uint32
}

// Load reads a field's values from its rows. stop ends it early: then Loaded is
// nil, and so is the error.
func Load(s *Schema, scan Scan, stop func() bool) (*Loaded, error) {
	l := &loader{mem: newMemory(s.Kind)}
	prefix := RowPrefix(s.Field)
	stopped, n := false, 0
	// The row of the index's state lies below.
	err := scan(append(prefix[:len(prefix):len(prefix)], tagIndex+1), above(prefix), false, func(key []byte) bool {
		if n++; n%(1<<16) == 0 && stop() {
			stopped = true
			return false
		}
		l.row(key[len(prefix):])
		return true
	})
	if err != nil || stopped {
		return nil, err
	}
	return &Loaded{l.done()}, nil
}

func (l *loader) row(key []byte) {
	term, slot := key[:len(key)-4], slotOf(key)
	if l.mem.typed(term) {
		l.column(term, slot)
		return
	}
	if !bytes.Equal(term, l.term) {
		l.end()
		l.term = append(l.term[:0], term...)
	}
	l.slots = append(l.slots, uint32(slot))
}

// column takes a number or a place. Numbers come in their order.
func (l *loader) column(term []byte, slot index.Slot) {
	switch term[0] {
	case tagFloat:
		key := binary.BigEndian.Uint64(term[1:])
		l.mem.numbers.floats.base = append(l.mem.numbers.floats.base, newNumber(key, uint32(slot)))
		if isHuge(unordered(key)) {
			l.mem.numbers.huge++
		}
	case tagGeo:
		l.mem.places.base = append(l.mem.places.base, placeOf(term, slot))
	default:
		l.mem.numbers.ints.base = append(l.mem.numbers.ints.base, newNumber(intKeyOf(term), uint32(slot)))
	}
}

// end packs the term that was being read.
func (l *loader) end() {
	if len(l.slots) == 0 {
		return
	}
	switch {
	case l.pack.k.len() > 0 && bytes.Compare(l.term, l.last) <= 0:
		l.late = append(l.late, late{string(l.term), slices.Clone(l.slots)})
	case len(l.slots) == 1:
		l.pack.add(string(l.term), single(index.Slot(l.slots[0])))
		l.last = append(l.last[:0], l.term...)
	default:
		b := bitmapOf(l.slots...)
		b.RunOptimize()
		l.pack.add(string(l.term), posting{many: b})
		l.last = append(l.last[:0], l.term...)
	}
	l.slots = l.slots[:0]
}

func (l *loader) done() *memory {
	l.end()
	m := l.mem
	m.terms.base = l.pack.done()
	for _, t := range l.late {
		for _, s := range t.slots {
			m.terms.change(t.term, index.Slot(s), true)
		}
	}
	if m.numbers != nil {
		m.numbers.ints.base, m.numbers.floats.base = slices.Clone(m.numbers.ints.base), slices.Clone(m.numbers.floats.base)
		m.numbers.note()
	}
	if m.places != nil {
		m.places.base = sortPlaces(m.places.base)
	}
	return m
}

// sortPlaces is the places in the order of their cells, in an array that fits.
func sortPlaces(list []place) []place {
	type celled struct {
		cell uint64
		at   uint32
	}
	order := make([]celled, len(list))
	for i, p := range list {
		order[i] = celled{p.cell(), uint32(i)}
	}
	slices.SortFunc(order, func(a, b celled) int {
		switch {
		case a.cell < b.cell:
			return -1
		case a.cell > b.cell:
			return 1
		}
		return comparePlaces(list[a.at], list[b.at])
	})
	out := make([]place, len(list))
	for i, o := range order {
		out[i] = list[o.at]
	}
	return out
}
