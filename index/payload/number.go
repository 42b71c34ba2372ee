package payload

import (
	"cmp"
	"math"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
)

// number is one value of a slot. Its key orders as the value does, and is kept in
// halves, so that a number takes twelve bytes.
type number struct{ high, low, slot uint32 }

func newNumber(key uint64, slot uint32) number {
	return number{uint32(key >> 32), uint32(key), slot}
}

func (n number) key() uint64 { return uint64(n.high)<<32 | uint64(n.low) }

func compareNumbers(a, b number) int {
	if c := cmp.Compare(a.key(), b.key()); c != 0 {
		return c
	}
	return cmp.Compare(a.slot, b.slot)
}

// ordered is a float64 as an unsigned integer of the same order.
func ordered(f float64) uint64 {
	b := math.Float64bits(f)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

func unordered(b uint64) float64 {
	if b>>63 != 0 {
		return math.Float64frombits(b &^ (1 << 63))
	}
	return math.Float64frombits(^b)
}

// orderedInt is an int64 as an unsigned integer of the same order.
func orderedInt(n int64) uint64   { return uint64(n) ^ 1<<63 }
func unorderedInt(b uint64) int64 { return int64(b ^ 1<<63) }

// numbers holds the values of a field: integers, and all other numbers, apart,
// since a float64 does not hold every integer.
type numbers struct {
	ints   *column[number]
	floats *column[number]
	huge   int      // floats beyond 2⁵³, which may stand for a number beside
	once   [2]*once // of ints, and of floats
}

// once is the slots of the numbers that a column was packed with, where no slot
// has two of them: of a long range it is less work to leave out the others than to
// add its slots. It never changes.
type once struct {
	n     int      // the numbers are the first n of base
	slots []uint64 // slot s is bit s%64 of word s/64
}

// newOnce is nil where a slot has several of the numbers, or few slots have one.
func newOnce(base []number) *once {
	most := uint32(0)
	for _, n := range base {
		most = max(most, n.slot)
	}
	if len(base) < int(most/64) {
		return nil
	}
	o := &once{n: len(base), slots: make([]uint64, most/64+1)}
	for _, n := range base {
		word, bit := &o.slots[n.slot/64], uint64(1)<<(n.slot%64)
		if *word&bit != 0 {
			return nil
		}
		*word |= bit
	}
	return o
}

// between adds the slots of those of base from first on and before end to a set.
func (o *once) between(c *column[number], first, end int, to *index.Builder) {
	slots := slices.Clone(o.slots)
	leave := func(n number) { slots[n.slot/64] &^= 1 << (n.slot % 64) }
	for _, n := range c.base[:first] {
		leave(n)
	}
	for _, n := range c.base[end:o.n] {
		leave(n)
	}
	gone := c.gone.Iterator()
	for gone.AdvanceIfNeeded(uint32(first)); gone.HasNext() && int(gone.PeekNext()) < end; {
		leave(c.base[gone.Next()])
	}
	to.AddWords(slots)
}

// note has columns that were just packed know the slots of their numbers.
func (n *numbers) note() { n.once = [2]*once{newOnce(n.ints.base), newOnce(n.floats.base)} }

func (n *numbers) onceOf(floats bool) *once {
	if floats {
		return n.once[1]
	}
	return n.once[0]
}

func newNumbers() *numbers {
	return &numbers{ints: newColumn(compareNumbers), floats: newColumn(compareNumbers)}
}

func (n *numbers) of(floats bool) *column[number] {
	if floats {
		return n.floats
	}
	return n.ints
}

// publish is the numbers as they are now, for readers. Writer only.
func (n *numbers) publish() *numbers {
	return &numbers{ints: n.ints.publish(), floats: n.floats.publish(), huge: n.huge, once: n.once}
}

func (n *numbers) pack() *numbers {
	out := &numbers{ints: n.ints.pack(), floats: n.floats.pack(), huge: n.huge}
	out.note()
	return out
}

const exactBelow = 1 << 53

func isHuge(f float64) bool { return math.Abs(f) >= exactBelow }

// span adds the slots of keys from low to high, both included, to a set: a set
// needs no order, so that what is packed and what has changed since are passed one
// after the other, run by run.
func (n *numbers) span(floats bool, low, high uint64, to *index.Builder) {
	if low > high {
		return
	}
	c := n.of(floats)
	from := newNumber(low, 0)
	first, _ := slices.BinarySearchFunc(c.base, from, c.compare)
	end, _ := slices.BinarySearchFunc(c.base, high, func(n number, high uint64) int {
		if n.key() <= high {
			return -1
		}
		return 1
	})
	if o := n.onceOf(floats); o != nil {
		if last := min(end, o.n); last-first > o.n/2 {
			o.between(c, first, last, to)
			first = last
		}
	}
	c.runs(first, end, func(run []number) {
		for i := range run {
			to.Add(index.Slot(run[i].slot))
		}
	})
	c.delta.Ascend(from, func(n number) bool {
		if n.key() > high {
			return false
		}
		to.Add(index.Slot(n.slot))
		return true
	})
}

// within adds the slots that have a number in the range; exact is false where
// the set may hold a few too many.
func within(s source, r *filter.Range, to *index.Builder) (exact bool) {
	if low, high, ok := intBounds(r); ok {
		s.span(false, orderedInt(low), orderedInt(high), to)
	}
	exact = !farBound(r) || !s.huge()
	low, high := ordered(math.Inf(-1)), ordered(math.Inf(1))
	for _, b := range []struct {
		bound         *float64
		strict, lower bool
	}{{r.GT, true, true}, {r.GTE, false, true}, {r.LT, true, false}, {r.LTE, false, false}} {
		if b.bound == nil {
			continue
		}
		key := ordered(*b.bound + 0) // −0 and 0 are one number
		switch {
		case b.lower && b.strict && exact:
			key++
		case b.strict && exact:
			key--
		}
		if b.lower {
			low = max(low, key)
		} else {
			high = min(high, key)
		}
	}
	s.span(true, low, high, to)
	return exact
}

// farBound tells whether a bound lies where a float64 stands for several numbers.
func farBound(r *filter.Range) bool {
	for _, b := range []*float64{r.GT, r.GTE, r.LT, r.LTE} {
		if b != nil && isHuge(*b) {
			return true
		}
	}
	return false
}

// intBounds is the integers of a range; false when there are none.
func intBounds(r *filter.Range) (low, high int64, ok bool) {
	low, high = math.MinInt64, math.MaxInt64
	for _, b := range []struct {
		bound  *float64
		strict bool
	}{{r.GT, true}, {r.GTE, false}} {
		if b.bound == nil {
			continue
		}
		least := math.Ceil(*b.bound)
		if b.strict {
			least = math.Floor(*b.bound)
		}
		switch {
		case least >= 1<<63:
			return 0, 0, false
		case least < -(1 << 63):
			continue
		}
		n := int64(least)
		if b.strict {
			if n == math.MaxInt64 {
				return 0, 0, false
			}
			n++
		}
		low = max(low, n)
	}
	for _, b := range []struct {
		bound  *float64
		strict bool
	}{{r.LT, true}, {r.LTE, false}} {
		if b.bound == nil {
			continue
		}
		most := math.Floor(*b.bound)
		if b.strict {
			most = math.Ceil(*b.bound)
		}
		switch {
		case most >= 1<<63:
			continue
		case most < -(1 << 63):
			return 0, 0, false
		}
		n := int64(most)
		if b.strict {
			if n == math.MinInt64 {
				return 0, 0, false
			}
			n--
		}
		high = min(high, n)
	}
	return low, high, low <= high
}

// instants adds the slots that have a time in the range.
func instants(s source, r *filter.DatetimeRange, to *index.Builder) {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	if r.GTE != nil {
		low = max(low, *r.GTE)
	}
	if r.LTE != nil {
		high = min(high, *r.LTE)
	}
	if r.GT != nil {
		if *r.GT == math.MaxInt64 {
			return
		}
		low = max(low, *r.GT+1)
	}
	if r.LT != nil {
		if *r.LT == math.MinInt64 {
			return
		}
		high = min(high, *r.LT-1)
	}
	if low <= high {
		s.span(false, orderedInt(low), orderedInt(high), to)
	}
}

// integer adds the slots that have an integer.
func integer(s source, v int64, to *index.Builder) {
	s.span(false, orderedInt(v), orderedInt(v), to)
}

// otherNumbers adds the slots that have a number which is none of the integers.
func otherNumbers(s source, not map[int64]struct{}, to *index.Builder) {
	w := s.walk(false, nil, false)
	defer w.close()
	for v, ok := w.next(); ok; v, ok = w.next() {
		if _, named := not[unorderedInt(v.key())]; !named {
			to.Add(index.Slot(v.slot))
		}
	}
	s.span(true, 0, math.MaxUint64, to)
}
