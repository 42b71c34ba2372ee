package hnsw

import (
	"math"

	"github.com/kithdb/kith/index/simd"
)

// rates are what the steps of a search take, in about nanoseconds: what counts
// is how they compare. DESIGN.md says how they were measured.
type rates struct {
	pass  float64 // a row that a pass over many compares
	stray float64 // a row that a walk compares: it may lie anywhere
	hop   float64 // a node that is expanded, with its distances

	sketch float64 // a sketch in a pass; 0: there are none
	slots  float64 // that have one
	glance float64 // what is measured before
}

const (
	// step is a node that is expanded, or looked behind, without its distances.
	step = 400
	// miss is how much later a row comes from anywhere.
	miss = 40
	// descent is about how many nodes the higher levels add.
	descent = 20
	// again is by how much a walk over accepted nodes alone expands more nodes than
	// it keeps: its lists lead less straight to the nearest.
	again = 1.4
	// sketchPass is a sketch that a pass compares, and sketchLeaves what the second
	// rows, codes and vectors that it then compares take, as a share of all codes.
	sketchPass, sketchLeaves = 2.5, 1. / 10
	// lookLess is by how much looking at sketches must be cheaper than the codes.
	lookLess = 4
	// measured is how many vectors are measured at the end, in rows of a pass.
	measured = 200
)

// vectorPass is what a row of so many bytes takes in a pass over vectors.
func vectorPass(bytes int) float64 { return 10 + float64(bytes)/8 }

// codePass is the same of codes, which are unpacked.
func codePass(bytes int) float64 { return 12 + float64(bytes)/4 }

// rates are those of a search by codes, or, where by is nil, by vectors.
func (g *Graph) rates(by *guide) (r rates) {
	if by == nil {
		r.pass = vectorPass(g.vectors.Rows().Stride())
	} else {
		r.pass = codePass(by.code.RowBytes())
	}
	r.stray = r.pass + miss
	r.hop = float64(g.o.M)*r.stray + step // about M new neighbours are measured
	if slots := g.nodes.Rows().Len(); by != nil && by.sketch.all(slots) {
		r.sketch, r.slots = sketchPass, float64(slots)
		r.glance = glanced*sketchPass + gauged*(r.stray+vectorPass(g.vectors.Rows().Stride())+miss)
	}
	return r
}

// look is what looking at the sketches of so many matches takes: they are read
// eight at a time, wherever one of them is of a match.
func (r rates) look(matches float64) float64 {
	return r.glance + r.sketch*r.slots*(1-math.Pow(1-min(matches/r.slots, 1), simd.SketchRows))
}

// sketches reports whether a pass over so many matches looks at sketches first:
// they may leave most of the codes.
func (r rates) sketches(matches float64) bool {
	return r.sketch > 0 && lookLess*r.look(matches) <= matches*r.pass
}

// scan is what a pass over so many matches takes.
func (r rates) scan(matches float64) float64 {
	if !r.sketches(matches) {
		return matches * r.pass
	}
	return r.look(matches) + matches*r.pass*sketchLeaves
}

// walk is what a walk takes that may return a share of the nodes: where many are
// accepted it passes through the others, and is the longer for it; where few are
// it looks behind others, more the fewer they are.
func (r rates) walk(ef, m int, share float64) float64 {
	share = max(share, 1e-4)
	through := (float64(ef)/share + descent) * r.hop
	if share >= dense {
		return through
	}
	lists := min(1/share, float64(m))
	return min(through, again*float64(ef)*(r.hop+lists*step)+(descent+probeHops)*r.hop)
}

// spent is what the walks have taken so far.
func (w *walker) spent() float64 {
	return float64(w.work.Distances)*w.terms.rates.stray + float64(w.work.Hops)*step
}

// Cost implements index.Searcher: that of the way that the search will take. A
// graph without links is no way at all, but for codes that are to be compared.
func (g *Graph) Cost(ef int, share float64) float64 {
	if g.o.Loose {
		by := g.guide.Load()
		if !g.o.Scanned || by == nil {
			return math.Inf(1)
		}
		row := vectorPass(g.vectors.Rows().Stride())
		return float64(g.Len())*share*codePass(by.code.RowBytes())/row + float64(ef)*(row+miss)/row
	}
	return g.cost(ef, share, g.Len())
}

// cost is that of a search among so many nodes.
func (g *Graph) cost(ef int, share float64, nodes int) float64 {
	by := g.guide.Load()
	r := g.rates(by)
	row := vectorPass(g.vectors.Rows().Stride())
	walk := r.walk(ef, g.o.M, share)
	if share >= 1 {
		return walk / row
	}
	return min(walk, float64(nodes)*share*r.pass)/row + measured
}
