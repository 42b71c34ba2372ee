//go:build !noasm

package simd

// mostAVX2 is from where on moving each of a long pool once is cheaper than passing
// over it with AVX2 for each candidate.
const mostAVX2 = 256

func offer(p *Pool, slots []uint32, dist []float32) (first int) {
	var admitted int
	switch {
	case useAVX512:
		admitted, first = offerAVX512(p.dist, p.slot, p.room, p.n, slots, dist)
	case useAVX2 && p.n <= mostAVX2:
		admitted, first = offerAVX2(p.dist, p.slot, p.room, p.n, slots, dist)
	default:
		return p.offerScalar(slots, dist)
	}
	p.n = min(p.n+admitted, p.room)
	return min(first, p.room)
}
