package ivfpq

import (
	"math"
	"unsafe"

	"github.com/kithdb/kith/index"
)

// nearestFirst puts the n nearest hits before the others.
func nearestFirst(hits []index.Hit, n int) { firstOf(hits, n, n) }

// firstOf puts the nearest hits before the others, at least `least` of them and at
// most `most` (if there are), and answers how many, and a distance that none of them
// passes.
//
// It is quickselect with two habits. The pivot is of the wanted rank in a sample
// (Floyd and Rivest, CACM 1975), so that little is looked at twice. And no branch
// depends on a distance (Lomuto's partition): the processor would guess half of
// them wrong, and a search has thousands.
func firstOf(hits []index.Hit, least, most int) (n int, bound float32) {
	bound = float32(math.Inf(1))
	for low, high := 0, len(hits); ; {
		switch {
		case high <= least || high <= most:
			return high, bound
		case least <= low:
			return low, bound
		}
		pivot := ranked(hits[low:high], (least+most)/2-low)
		near := low + below(hits[low:high], pivot)
		switch {
		case near >= least && near > low:
			high, bound = near, pivot
			continue
		case near > low:
			low = near
			continue
		}
		// The pivot is the nearest of these: take all that are as near.
		as := low + within(hits[low:high], pivot)
		switch {
		case as == low: // no number
			return high, bound
		case as >= least:
			return min(max(least, low), as), pivot
		}
		low = as
	}
}

// sampled is how many hits a pivot is chosen from.
const sampled = 16

// ranked is about the distance that n of the hits are below; rather more are.
func ranked(hits []index.Hit, n int) float32 {
	var dists [sampled]float32
	step := max(len(hits)/sampled, 1)
	few := min(len(hits), sampled)
	for i := range few {
		d, j := hits[i*step].Dist, i
		for ; j > 0 && d < dists[j-1]; j-- {
			dists[j] = dists[j-1]
		}
		dists[j] = d
	}
	return dists[min(n*few/len(hits)+1, few-1)]
}

// below puts the hits below a distance before the others, and answers how many
// there are.
func below(hits []index.Hit, dist float32) (n int) {
	words := wordsOf(hits)
	for i, w := range words {
		near := hits[i].Dist < dist
		words[i] = words[n]
		words[n] = w
		is := 0
		if near { // set by a flag, not by a branch
			is = 1
		}
		n += is
	}
	return n
}

// within is below with those at the distance.
func within(hits []index.Hit, dist float32) (n int) {
	words := wordsOf(hits)
	for i, w := range words {
		near := hits[i].Dist <= dist
		words[i] = words[n]
		words[n] = w
		is := 0
		if near {
			is = 1
		}
		n += is
	}
	return n
}

// wordsOf is the hits as words, in the same memory. A hit that is stored in two
// halves and loaded as one again, as in a swap with a place that was just written,
// has the processor wait.
func wordsOf(hits []index.Hit) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(hits))), len(hits))
}

// A hit is a word.
var _ [8]byte = [unsafe.Sizeof(index.Hit{})]byte{}
