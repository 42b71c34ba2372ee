package hnsw

import "math"

const (
	// walkFactor is how many rows a sequential scan compares in the time that a
	// walk compares one, whose rows lie anywhere.
	walkFactor = 3
	// descent is about how many nodes the higher levels add.
	descent = 20
	// rarest is the most by which rare matches lengthen a walk.
	rarest = 4
)

// Cost implements index.Searcher: about M new neighbours for each of the ef nodes
// that are expanded, more of them where matches are rare, since the walk passes
// over the rest.
func (g *Graph) Cost(ef int, share float64) float64 {
	rare := math.Sqrt(1 / max(share, 1e-4))
	return walkFactor * float64(ef+descent) * float64(g.o.M) * min(rare, rarest)
}
