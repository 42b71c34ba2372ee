package shard

import "github.com/kithdb/kith/index/hnsw"

// inlay puts the next codes beside the links of a graph, a block a call, or takes
// them away, as the settings ask (inline_storage). Not while a tail is built: rows
// that are written at its end are written once. build must be held.
func (s *Shard) inlay(v *View, f *fieldState, g *indexed) (more bool, err error) {
	to, ok := g.graph.(*hnsw.Graph)
	if !ok {
		return false, nil
	}
	if !f.inlines() {
		return false, s.outlay(f, to)
	}
	if !f.unlined(g) {
		return false, nil
	}
	ahead := blockSlots
	if !to.Inlining() { // most of such an index is the rows that are to come
		ahead = f.has.Len()
	}
	if err := s.mayBuild(v, f, ahead); err != nil {
		s.halt(Inlining, f.conf.Name, err)
		return false, err
	}
	j := s.resume(Inlining, f.conf.Name)
	left, err := to.InlineSome(blockSlots, s.paced(s.builders(f, v.st.schema.Optimizers.MaxOptimizationThreads)))
	if err == nil {
		s.progress(j, blockSlots, left)
	}
	if err == nil && left > 0 {
		return true, nil
	}
	s.finish(j, err)
	f.again.Store(true) // the breadth was measured without
	return false, err
}

// inlines says whether codes are to lie beside the links.
func (f *fieldState) inlines() bool {
	return f.settings.InlineStorage != nil && *f.settings.InlineStorage
}

// unlined says whether codes are still to be laid beside an index's links.
func (f *fieldState) unlined(g *indexed) bool {
	graph, ok := g.graph.(*hnsw.Graph)
	return ok && f.inlines() && !graph.Inlined() && graph.Inlinable()
}

// outlay takes the codes beside the links away.
func (s *Shard) outlay(f *fieldState, to *hnsw.Graph) error {
	if !to.Inlining() {
		return nil
	}
	s.halt(Inlining, f.conf.Name, nil)
	f.again.Store(true) // the breadth was measured with them
	return to.Inline(false, 1)
}
