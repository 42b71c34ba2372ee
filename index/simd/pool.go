package simd

import (
	"math"
	"slices"

	"github.com/kithdb/kith/index/invariant"
)

// Pool is the nearest of what it was offered, in rising order of distance: what a
// walk through a graph has found. Each has a bit that says whether it was taken.
// Equally near ones stand in the order in which they came. Slots are below 2^31.
//
// The zero value has room for none; Reset gives it some. Not for several at once.
type Pool struct {
	dist []float32 // whole blocks of poolLanes; +Inf, or pushed out, behind n
	slot []uint32  // as long; the bit taken is in it
	n    int
	room int

	near   []offering // of offerScalar: what is admitted
	places []int      // and where
}

// offering is one that is offered.
type offering struct {
	dist float32
	slot uint32
}

const (
	poolLanes = 16
	taken     = 1 << 31
	// offeredAtOnce is how many offerScalar sorts at once, by insertion.
	offeredAtOnce = 32
)

// Reset empties the pool and gives it room for so many, 1 or more.
func (p *Pool) Reset(room int) {
	invariant.Check(room > 0, "a pool without room")
	n := (room + poolLanes - 1) / poolLanes * poolLanes
	p.dist = slices.Grow(p.dist[:0], n)[:n]
	p.slot = slices.Grow(p.slot[:0], n)[:n]
	for i := range p.dist {
		p.dist[i] = float32(math.Inf(1))
	}
	p.n, p.room = 0, room
}

// Begin puts the first one into a pool that Reset has emptied, whatever its distance
// is: a walk goes on from it. One that is no number stands behind all.
func (p *Pool) Begin(slot uint32, dist float32) {
	if dist != dist {
		dist = float32(math.Inf(1))
	}
	p.dist[0], p.slot[0], p.n = dist, slot, 1
}

// Len is how many there are.
func (p *Pool) Len() int { return p.n }

// Free is how many more it has room for before the farthest give way.
func (p *Pool) Free() int { return p.room - p.n }

// Limit is what a distance must be below to be admitted: that of the farthest,
// +Inf while there is room.
func (p *Pool) Limit() float32 { return p.dist[p.room-1] }

// At is the slot and the distance at a place.
func (p *Pool) At(place int) (slot uint32, dist float32) {
	return p.slot[place] &^ taken, p.dist[place]
}

// Take marks the one at a place as taken, and answers it.
func (p *Pool) Take(place int) (slot uint32, dist float32) {
	slot = p.slot[place]
	p.slot[place] = slot | taken
	return slot &^ taken, p.dist[place]
}

// Next is the first place from a place on that was not taken; Len when there is none.
func (p *Pool) Next(from int) int {
	for from < p.n && p.slot[from]&taken != 0 {
		from++
	}
	return from
}

// Offer admits those of slots, at distances dist, that are nearer than Limit says,
// and answers the first place that changed; a place beyond Len when none did. One
// whose distance is no number is not admitted.
func (p *Pool) Offer(slots []uint32, dist []float32) (first int) {
	dist = dist[:len(slots)]
	if len(slots) == 0 {
		return p.room
	}
	return offer(p, slots, dist)
}

// offerScalar sorts what is admitted, finds its places one beside the other by a
// search without branches, and moves each that is behind once.
func (p *Pool) offerScalar(slots []uint32, dist []float32) (first int) {
	if len(slots) > offeredAtOnce { // the limit is nearer for those that come later
		first = p.offerScalar(slots[:offeredAtOnce], dist)
		return min(first, p.offerScalar(slots[offeredAtOnce:], dist[offeredAtOnce:]))
	}
	limit := p.Limit()
	p.near = slices.Grow(p.near[:0], len(slots))[:len(slots)]
	k := 0
	for i, s := range slots {
		p.near[k] = offering{dist[i], s}
		if dist[i] < limit { // a conditional move: the branch could not be predicted
			k++
		}
	}
	if k == 0 {
		return p.room
	}
	p.sortNear(k)
	p.places = p.places[:0]
	for _, c := range p.near[:k] {
		p.places = append(p.places, after(p.dist[:p.n], c.dist))
	}
	end := p.n
	p.n = min(p.n+k, p.room)
	for i := k - 1; i >= 0; i-- {
		place := p.places[i]
		if to := place + i + 1; to < len(p.dist) {
			copy(p.dist[to:], p.dist[place:end])
			copy(p.slot[to:], p.slot[place:end])
		}
		if to := place + i; to < len(p.dist) {
			p.dist[to], p.slot[to] = p.near[i].dist, p.near[i].slot
		}
		end = place
	}
	return p.places[0]
}

// sortNear sorts the first k, few as they are.
func (p *Pool) sortNear(k int) {
	list := p.near[:k]
	for i := 1; i < len(list); i++ {
		c, j := list[i], i
		for ; j > 0 && c.dist < list[j-1].dist; j-- {
			list[j] = list[j-1]
		}
		list[j] = c
	}
}

// after is the place behind all that are as near as dist. Its steps are the same
// whatever it finds: there is no branch to guess.
func after(list []float32, dist float32) int {
	at := 0
	for n := len(list); n > 0; n /= 2 {
		half, beyond := (n+1)/2, 0
		if list[at+half-1] <= dist {
			beyond = 1
		}
		at += half & -beyond
	}
	return at
}
