//go:build !noasm

package simd

// Beyond so many, Go takes fewer instructions: see mostAVX2. Their time is not known.
const mostNEON = 320

func offer(p *Pool, slots []uint32, dist []float32) (first int) {
	if !useNEON || p.n > mostNEON {
		return p.offerScalar(slots, dist)
	}
	p.n, first = offerNEON(p.dist, p.slot, p.room, p.n, slots, dist)
	return first
}

// offerNEON is Pool.Offer of at least one candidate to a pool of n: how many are in
// it then, and the first place of one.
//
//go:noescape
func offerNEON(dist []float32, slot []uint32, room, n int, slots []uint32, offered []float32) (filled, first int)
