package payload

import (
	"encoding/binary"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
)

// source is where the values of one field are looked up: memory, or stored, the
// rows of the shard's store.
type source interface {
	// into adds the slots of a term to a set.
	into(term string, to *index.Builder)
	// ascend visits the terms that begin so, in their order but for strings that
	// continue another with bytes of zero, until visit returns false.
	ascend(prefix string, visit func(term string, slots Slots) bool)
	// span adds the slots of numbers from one key to another, both included.
	span(floats bool, low, high uint64, to *index.Builder)
	// walk goes through numbers, from one on (nil: from the end).
	walk(floats bool, from *number, down bool) cursor
	// huge tells whether there are floats beyond 2⁵³.
	huge() bool
	// inside adds the slots that have a place for which the condition holds.
	inside(c *filter.Condition, to *index.Builder)
}

// cursor yields numbers in order. Close it.
type cursor interface {
	next() (number, bool)
	close()
}

// memory is a field's values in memory. What its kind does not have is nil.
type memory struct {
	terms   terms          // strings, bools, words and what is known of all values
	numbers *numbers       // of integer, float and datetime indexes
	places  *column[place] // of geo indexes
}

func newMemory(k Kind) *memory {
	m := &memory{terms: newTerms()}
	switch k {
	case Integer, Float, Datetime:
		m.numbers = newNumbers()
	case Geo:
		m.places = newColumn(comparePlaces)
	}
	return m
}

// publish is the values as they are now, for readers. Writer only.
func (m *memory) publish() *memory {
	out := &memory{terms: m.terms.publish()}
	if m.numbers != nil {
		out.numbers = m.numbers.publish()
	}
	if m.places != nil {
		out.places = m.places.publish()
	}
	return out
}

// overgrown tells whether so much has changed that it is time to pack anew.
func (m *memory) overgrown() bool {
	return m.terms.overgrown() || m.numbers != nil && (m.numbers.ints.overgrown() || m.numbers.floats.overgrown()) || m.places != nil && m.places.overgrown()
}

// pack is the same values in as few bytes as they need.
func (m *memory) pack() *memory {
	out := &memory{terms: newTerms()}
	out.terms.base = m.terms.pack()
	if m.numbers != nil {
		out.numbers = m.numbers.pack()
	}
	if m.places != nil {
		out.places = m.places.pack()
	}
	return out
}

func (m *memory) bytes() int64 {
	n := m.terms.bytes()
	if m.numbers != nil {
		n += m.numbers.ints.bytes() + m.numbers.floats.bytes()
		for _, o := range m.numbers.once {
			if o != nil {
				n += int64(8 * len(o.slots))
			}
		}
	}
	if m.places != nil {
		n += m.places.bytes()
	}
	return n
}

// change takes in a row, or takes it out. Writer only.
func (m *memory) change(term []byte, slot index.Slot, add bool) {
	if !m.typed(term) {
		m.terms.change(string(term), slot, add)
		return
	}
	value := binary.BigEndian.Uint64(term[1:])
	switch term[0] {
	case tagInt, tagTime:
		put(m.numbers.ints, newNumber(intKeyOf(term), uint32(slot)), add)
	case tagFloat:
		if put(m.numbers.floats, newNumber(value, uint32(slot)), add) && isHuge(unordered(value)) {
			if add {
				m.numbers.huge++
			} else {
				m.numbers.huge--
			}
		}
	case tagGeo:
		put(m.places, placeOf(term, slot), add)
	}
}

// typed tells whether a term belongs into a column.
func (m *memory) typed(term []byte) bool {
	switch term[0] {
	case tagInt:
		return m.numbers != nil && len(term) == 17
	case tagFloat, tagTime:
		return m.numbers != nil && len(term) == 9
	case tagGeo:
		return m.places != nil && len(term) == 17
	}
	return false
}

// intKeyOf is the key of an integer's row, or a datetime's.
func intKeyOf(term []byte) uint64 {
	if term[0] == tagTime {
		return binary.BigEndian.Uint64(term[1:])
	}
	return orderedInt(int64(binary.BigEndian.Uint64(term[9:])))
}

func placeOf(term []byte, slot index.Slot) place {
	g := filter.GeoPoint{Lon: unordered(binary.BigEndian.Uint64(term[1:])), Lat: unordered(binary.BigEndian.Uint64(term[9:]))}
	return newPlace(g, uint32(slot))
}

func put[E any](c *column[E], e E, add bool) bool {
	if add {
		return c.put(e)
	}
	return c.remove(e)
}

func (m *memory) into(term string, to *index.Builder) { m.terms.get(term).into(to) }

func (m *memory) ascend(prefix string, visit func(term string, slots Slots) bool) {
	m.terms.ascend(prefix, func(term string, p posting) bool { return visit(term, Slots{posting: p}) })
}

func (m *memory) span(floats bool, low, high uint64, to *index.Builder) {
	m.numbers.span(floats, low, high, to)
}

func (m *memory) walk(floats bool, from *number, down bool) cursor {
	return m.numbers.of(floats).walk(from, down)
}

func (m *memory) huge() bool { return m.numbers.huge > 0 }

func (m *memory) inside(c *filter.Condition, to *index.Builder) { inside(m.places, c, to) }

// points is the slots that have a value of the index's kind. A slot that has one
// of another kind as well is taken not to.
func (m *memory) points() int {
	has, other := m.terms.get(string(rune(tagHas))), m.terms.get(string(rune(tagOther)))
	return has.len() - other.len() // whoever has another has a value
}
