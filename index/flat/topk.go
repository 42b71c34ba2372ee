package flat

import (
	"cmp"
	"math"
	"slices"

	"github.com/kithdb/kith/index"
)

// TopK keeps the k best hits offered to it, ordered by distance and then slot,
// so that the answer does not depend on the order of offers.
//
// It is a heap whose root is the worst hit kept. The zero value keeps nothing;
// Reset sets k and reuses the memory. One goroutine.
type TopK struct {
	hits []index.Hit
	k    int
}

// New makes an empty list of the k best; k below 1 keeps nothing.
func New(k int) *TopK {
	t := new(TopK)
	t.Reset(k)
	return t
}

// Reset empties the list and sets how many hits it keeps.
func (t *TopK) Reset(k int) {
	t.k = max(k, 0)
	t.hits = t.hits[:0]
}

// Len is the number of hits kept, at most k.
func (t *TopK) Len() int { return len(t.hits) }

// Worst is the distance that an offer must not exceed to be kept: +Inf until
// there are k hits, −Inf when k is 0.
func (t *TopK) Worst() float32 {
	if len(t.hits) < t.k {
		return float32(math.Inf(1))
	}
	if t.k == 0 {
		return float32(math.Inf(-1))
	}
	return t.hits[0].Dist
}

// Offer keeps the hit if it is among the k best so far. A distance that is not a
// number (sums that overflow both ways) counts as +Inf, the farthest.
func (t *TopK) Offer(s index.Slot, dist float32) {
	if len(t.hits) == t.k && (t.k == 0 || dist > t.hits[0].Dist) {
		return
	}
	t.insert(index.Hit{Slot: s, Dist: dist})
}

func (t *TopK) insert(h index.Hit) {
	if h.Dist != h.Dist {
		h.Dist = float32(math.Inf(1))
	}
	if len(t.hits) < t.k {
		t.hits = append(t.hits, h)
		t.up(len(t.hits) - 1)
		return
	}
	if worse(t.hits[0], h) {
		t.hits[0] = h
		t.down(0, len(t.hits))
	}
}

// Hits sorts the hits, nearest first, and lends them until the next call of any
// method but Len; offer no more before Reset.
func (t *TopK) Hits() []index.Hit {
	slices.SortFunc(t.hits, compare)
	return t.hits
}

// Append appends the hits to dst, nearest first. Offer no more before Reset.
func (t *TopK) Append(dst []index.Hit) []index.Hit { return append(dst, t.Hits()...) }

func (t *TopK) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !worse(t.hits[i], t.hits[parent]) {
			return
		}
		t.hits[i], t.hits[parent] = t.hits[parent], t.hits[i]
		i = parent
	}
}

func (t *TopK) down(i, n int) {
	for {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && worse(t.hits[child+1], t.hits[child]) {
			child++
		}
		if !worse(t.hits[child], t.hits[i]) {
			return
		}
		t.hits[i], t.hits[child] = t.hits[child], t.hits[i]
		i = child
	}
}

// worse reports that a comes after b.
func worse(a, b index.Hit) bool {
	return a.Dist > b.Dist || (a.Dist == b.Dist && a.Slot > b.Slot)
}

func compare(a, b index.Hit) int {
	if a.Dist != b.Dist {
		return cmp.Compare(a.Dist, b.Dist)
	}
	return cmp.Compare(a.Slot, b.Slot)
}
