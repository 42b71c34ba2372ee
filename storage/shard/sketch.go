package shard

import "github.com/kithdb/kith/index/hnsw"

// sketch makes the next sketches of a graph's nodes, a block a call, where passes
// over many matches go by them. build must be held.
func (s *Shard) sketch(v *View, f *fieldState, g *indexed) (more bool, err error) {
	to, ok := g.graph.(*hnsw.Graph)
	if !ok || !to.Sketchable() || to.Unsketched() == 0 {
		return false, nil
	}
	if err := s.mayBuild(v, f, blockSlots/8); err != nil {
		return false, err
	}
	left, err := to.SketchSome(blockSlots, s.paced(s.builders(f, v.st.schema.Optimizers.MaxOptimizationThreads)))
	g.changed = true // a checkpoint has sketches
	return left > 0, err
}
