//go:build !noasm

package simd

// Beyond so many, moving each of a long pool once is cheaper than passing over it
// for each candidate.
const mostAVX2, mostAVX512 = 256, 1024

func offer(p *Pool, slots []uint32, dist []float32) (first int) {
	var admitted int
	switch {
	case useAVX512 && p.n <= mostAVX512:
		admitted, first = offerAVX512(p.dist, p.slot, p.room, p.n, slots, dist)
	case useAVX2 && p.n <= mostAVX2:
		admitted, first = offerAVX2(p.dist, p.slot, p.room, p.n, slots, dist)
	default:
		return p.offerScalar(slots, dist)
	}
	p.n = min(p.n+admitted, p.room)
	return min(first, p.room)
}
