package payload

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
)

// Scan visits a shard's postings from one key on and below another, rising or
// falling, until yield returns false. A key is a row and its slot (4 BE), and
// valid until yield returns. The rows are those of one moment, the same at every
// call.
type Scan func(from, to []byte, down bool, yield func(key []byte) bool) error

// stored is a field's values as they lie in the store. One goroutine; the first
// fault of the store is kept in fault, and what was answered is then not whole.
type stored struct {
	scan   Scan
	next   index.Slot // above every slot of the rows
	prefix []byte     // of the field's rows
	time   bool       // integers are datetimes
	fault  *error
}

func (s *stored) visit(from, to []byte, down bool, yield func(key []byte) bool) {
	if *s.fault != nil {
		return
	}
	if err := s.scan(from, to, down, yield); err != nil {
		*s.fault = err
	}
}

// row is the start of the keys of a term.
func (s *stored) row(term string) []byte {
	return append(s.prefix[:len(s.prefix):len(s.prefix)], term...)
}

func slotOf(key []byte) index.Slot {
	return index.Slot(binary.BigEndian.Uint32(key[len(key)-4:]))
}

// into reads the keys of one row. Keys of longer terms may lie between them.
func (s *stored) into(term string, to *index.Builder) {
	row := s.row(term)
	end := binary.BigEndian.AppendUint32(row[:len(row):len(row)], uint32(s.next))
	s.visit(row, end, false, func(key []byte) bool {
		if len(key) == len(row)+4 {
			to.Add(slotOf(key))
		}
		return true
	})
}

// open is a term whose slots are being read.
type open struct {
	row   []byte
	slots []index.Slot
}

// ascend reads the keys of many rows. A term may continue another so that its
// keys lie among the other's: then both are open.
func (s *stored) ascend(prefix string, visit func(term string, slots Slots) bool) {
	var stack []open
	stopped := false
	end := func() bool {
		last := &stack[len(stack)-1]
		stopped = !visit(string(last.row[len(s.prefix):]), Slots{few: last.slots})
		last.row, last.slots = last.row[:0], last.slots[:0]
		stack = stack[:len(stack)-1]
		return !stopped
	}
	from := s.row(prefix)
	s.visit(from, above(from), false, func(key []byte) bool {
		row := key[:len(key)-4]
		for len(stack) > 0 && !bytes.Equal(stack[len(stack)-1].row, row) {
			if s.among(key, stack[len(stack)-1].row) {
				break
			}
			if !end() {
				return false
			}
		}
		if len(stack) == 0 || !bytes.Equal(stack[len(stack)-1].row, row) {
			stack = push(stack, row)
		}
		last := &stack[len(stack)-1]
		last.slots = append(last.slots, slotOf(key))
		return true
	})
	for len(stack) > 0 && !stopped && *s.fault == nil {
		end()
	}
}

// push opens a row in the memory of one that was closed.
func push(stack []open, row []byte) []open {
	if n := len(stack); n < cap(stack) {
		stack = stack[:n+1]
		stack[n].row = append(stack[n].row[:0], row...)
		return stack
	}
	return append(stack, open{row: bytes.Clone(row)})
}

// among tells whether more keys of a row may follow a key of a longer one.
func (s *stored) among(key, row []byte) bool {
	return len(key) > len(row)+4 && bytes.HasPrefix(key, row) && binary.BigEndian.Uint32(key[len(row):]) < uint32(s.next)
}

// above is the least key above all that begin with a field's row.
func above(row []byte) []byte {
	end := bytes.Clone(row)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return end[:0] // not of a field's row, whose length is below 2¹⁶−1
}

// tag is what the rows of numbers begin with.
func (s *stored) tag(floats bool) byte {
	switch {
	case floats:
		return tagFloat
	case s.time:
		return tagTime
	}
	return tagInt
}

// numberRow is the row of a number.
func (s *stored) numberRow(floats bool, key uint64) []byte {
	row := append(s.row(""), s.tag(floats))
	if floats || s.time {
		return binary.BigEndian.AppendUint64(row, key)
	}
	n := unorderedInt(key)
	row = binary.BigEndian.AppendUint64(row, ordered(float64(n)))
	return binary.BigEndian.AppendUint64(row, uint64(n))
}

// numberOf reads the key of a number's row; false where it is of another form.
func (s *stored) numberOf(key []byte) (number, bool) {
	term := key[len(s.prefix) : len(key)-4]
	slot := uint32(slotOf(key))
	switch {
	case term[0] == tagInt && len(term) == 17, term[0] == tagTime && len(term) == 9:
		return newNumber(intKeyOf(term), slot), true
	case term[0] == tagFloat && len(term) == 9:
		return newNumber(binary.BigEndian.Uint64(term[1:]), slot), true
	}
	return number{}, false
}

func (s *stored) span(floats bool, low, high uint64, to *index.Builder) {
	if low > high {
		return
	}
	s.visit(s.numberRow(floats, low), above(s.numberRow(floats, high)), false, func(key []byte) bool {
		to.Add(slotOf(key))
		return true
	})
}

func (s *stored) huge() bool {
	found := false
	for _, part := range [][2]uint64{{0, ordered(-exactBelow)}, {ordered(exactBelow), math.MaxUint64}} {
		s.visit(s.numberRow(true, part[0]), above(s.numberRow(true, part[1])), false, func([]byte) bool {
			found = true
			return false
		})
	}
	return found
}

// pulled is a scan that is asked for one number after another.
type pulled struct {
	pull func() (number, bool)
	stop func()
}

func (p *pulled) next() (number, bool) { return p.pull() }
func (p *pulled) close()               { p.stop() }

func (s *stored) walk(floats bool, from *number, down bool) cursor {
	low, high := append(s.row(""), s.tag(floats)), above(append(s.row(""), s.tag(floats)))
	switch {
	case from == nil:
	case down:
		high = above(binary.BigEndian.AppendUint32(s.numberRow(floats, from.key()), from.slot))
	default:
		low = binary.BigEndian.AppendUint32(s.numberRow(floats, from.key()), from.slot)
	}
	pull, stop := iter.Pull(func(yield func(number) bool) {
		s.visit(low, high, down, func(key []byte) bool {
			n, ok := s.numberOf(key)
			return !ok || yield(n)
		})
	})
	return &pulled{pull, stop}
}

// inside reads the strip of longitudes of each box that covers the shape.
func (s *stored) inside(c *filter.Condition, to *index.Builder) {
	holds := holdsGeo(c)
	for _, b := range boxes(c) {
		b = b.wider()
		from := binary.BigEndian.AppendUint64(append(s.row(""), tagGeo), ordered(b.west))
		end := above(binary.BigEndian.AppendUint64(append(s.row(""), tagGeo), ordered(b.east)))
		s.visit(from, end, false, func(key []byte) bool {
			if term := key[len(s.prefix) : len(key)-4]; len(term) == 17 {
				p := placeOf(term, slotOf(key)).point()
				if p.Lat >= b.south && p.Lat <= b.north && holds(p) {
					to.Add(slotOf(key))
				}
			}
			return true
		})
	}
}

// points counts the slots that have a value of the index's kind.
func (s *stored) points() int { return s.count(tagHas) - s.count(tagOther) }

// count is the number of keys of a row that is a tag alone.
func (s *stored) count(tag byte) (n int) {
	row := append(s.row(""), tag)
	s.visit(row, above(row), false, func([]byte) bool {
		n++
		return true
	})
	return n
}
