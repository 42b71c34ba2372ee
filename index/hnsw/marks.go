package hnsw

import (
	"math/bits"
	"sync/atomic"
)

// marks are the slots that a walk has visited, a bit each: those of a million
// nodes fit a processor's second cache. What is set is listed, so that forgetting
// it costs what the walk cost and not a pass over all.
//
// The loops that put fresh ones into dst write every slot and count those that
// were new: a conditional move, since no predictor can know which they are.
type marks struct {
	words []uint64
	set   []uint32 // the slots that have a bit, while they are so few that reset goes by them
	end   uint32   // slots from here on are never new
}

// reset forgets what was visited, and makes the slots from n on count as visited.
func (m *marks) reset(n int) {
	if len(m.set) > len(m.words)/8 {
		clear(m.words)
	} else {
		for _, s := range m.set {
			m.words[s/64] = 0
		}
	}
	m.set = m.set[:0]
	if words := (n + 63) / 64; words > len(m.words) {
		m.words = make([]uint64, words+words/8)
	}
	m.end = uint32(n)
}

// add says whether a slot is new, and visits it.
func (m *marks) add(s uint32) bool {
	if m.has(s) {
		return false
	}
	m.words[s/64] |= 1 << (s % 64)
	m.note(s)
	return true
}

// note lists slots that have a bit now. Beyond what reset goes by it need not.
func (m *marks) note(slots ...uint32) {
	if len(m.set) <= len(m.words)/8 {
		m.set = append(m.set, slots...)
	}
}

// has says whether a slot was visited.
func (m *marks) has(s uint32) bool { return s >= m.end || m.words[s/64]>>(s%64)&1 != 0 }

// addList visits the slots of a list; the new ones are in dst, as many as it answers.
func (m *marks) addList(dst, list []uint32) int {
	words, end, k := m.words, m.end, 0
	dst = dst[:len(list)]
	for i := range list {
		s := atomic.LoadUint32(&list[i])
		if s >= end {
			continue
		}
		dst[k] = s
		word := words[s/64]
		words[s/64] = word | 1<<(s%64)
		k += int(^word >> (s % 64) & 1)
	}
	m.note(dst[:k]...)
	return k
}

// addLanes visits some lanes of a block; the new ones are in dst, as many as it
// answers. dst has room for a block.
func (m *marks) addLanes(dst []uint32, block *[lanes]uint32, some uint32) int {
	words, end, k := m.words, m.end, 0
	dst = dst[:lanes]
	for ; some != 0; some &= some - 1 {
		s := atomic.LoadUint32(&block[bits.TrailingZeros32(some)])
		if s >= end {
			continue
		}
		dst[k%lanes] = s
		word := words[s/64]
		words[s/64] = word | 1<<(s%64)
		k += int(^word >> (s % 64) & 1)
	}
	m.note(dst[:k]...)
	return k
}
