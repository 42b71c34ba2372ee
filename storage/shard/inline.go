package shard

import "github.com/kithdb/kith/index/hnsw"

// inlay puts codes beside the links of a graph, or takes them away, as the
// settings ask (inline_storage). Not while a tail is built: rows that are written
// at its end are written once. build must be held.
func (s *Shard) inlay(f *fieldState, g *indexed) error {
	to, ok := g.graph.(*hnsw.Graph)
	if !ok {
		return nil
	}
	before := to.Inlined()
	if err := to.Inline(f.settings.InlineStorage != nil && *f.settings.InlineStorage, s.o.Optimizer.o.Workers); err != nil {
		return err
	}
	if to.Inlined() != before {
		f.again.Store(true) // the breadth was measured without, or with
	}
	return nil
}
