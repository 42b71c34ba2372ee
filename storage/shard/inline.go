package shard

import "github.com/kithdb/kith/index/hnsw"

// inlay puts codes beside the links of a graph, or takes them away, as the
// settings ask (inline_storage). Not while a tail is built: rows that are written
// at its end are written once. build must be held.
func (s *Shard) inlay(v *View, f *fieldState, g *indexed) error {
	to, ok := g.graph.(*hnsw.Graph)
	if !ok {
		return nil
	}
	before, want := to.Inlined(), f.settings.InlineStorage != nil && *f.settings.InlineStorage
	if want && !before && to.Inlinable() { // most of such an index is the rows that are to come
		if err := s.mayBuild(v, f, f.has.Len()); err != nil {
			return err
		}
	}
	if err := to.Inline(want, s.o.Optimizer.o.Workers); err != nil {
		return err
	}
	if to.Inlined() != before {
		f.again.Store(true) // the breadth was measured without, or with
	}
	return nil
}
