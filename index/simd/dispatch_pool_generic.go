//go:build noasm || (!amd64 && !arm64)

package simd

func offer(p *Pool, slots []uint32, dist []float32) (first int) { return p.offerScalar(slots, dist) }
