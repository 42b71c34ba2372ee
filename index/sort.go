package index

import (
	"math"
	"slices"
)

// SortHits brings hits into rising order, equal ones by slot. It sorts words that
// compare alike, which takes a third of the time of sorting hits by two fields, in
// the memory that it is given, and answers that for the next time.
func SortHits(hits []Hit, words []uint64) []uint64 {
	words = words[:0]
	for _, h := range hits {
		words = append(words, sortWord(h))
	}
	slices.Sort(words)
	for i, w := range words {
		hits[i] = hitOf(w)
	}
	return words
}

const topBit = 1 << 31

// sortWord is a hit as a word: the bits of the distance, turned so that they
// compare as unsigned words like the distances themselves, then the slot.
func sortWord(h Hit) uint64 {
	b := math.Float32bits(h.Dist + 0) // −0 is as near as 0
	b ^= uint32(int32(b)>>31) | topBit
	return uint64(b)<<32 | uint64(h.Slot)
}

// hitOf is the hit of a word.
func hitOf(w uint64) Hit {
	b := uint32(w >> 32)
	b ^= ^uint32(int32(b)>>31) | topBit
	return Hit{Slot: Slot(uint32(w)), Dist: math.Float32frombits(b)}
}
