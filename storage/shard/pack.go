package shard

import (
	"errors"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
)

const (
	// packShare: a graph's links are packed once one part in so many of their memory
	// is to spare. Right after a build it is a thousandth.
	packShare = 8
	// packLeast is what must be to spare for each slot that is worth work (Tidy), in
	// bytes, about a list.
	packLeast = 80
)

// packable answers a graph of a view's whose links take much more memory than they
// need, and its field; nil when there is none.
func (s *Shard) packable(st *state) (*fieldState, *hnsw.Graph) {
	for i := range st.fields {
		f := &st.fields[i]
		g := f.pinGraph()
		if g == nil {
			continue
		}
		graph, ok := g.graph.(*hnsw.Graph)
		loose := ok && s.spares(graph)
		g.pins.drop()
		if loose {
			return f, graph
		}
	}
	return nil, nil
}

// spares says whether so much of the links' memory is to spare that it is worth a copy.
func (s *Shard) spares(g *hnsw.Graph) bool {
	spare := g.SpareBytes()
	return spare >= int64(s.upkeep().Tidy)*packLeast && spare*packShare >= g.LinkBytes()
}

// pack has one graph's links take no more memory than they need: they are copied,
// and the copy serves once it is whole. Nothing on the disk changes. Where there is
// no memory for the copy, a later calm may have it. build must be held.
func (s *Shard) pack(v *View) (more bool, err error) {
	f, graph := s.packable(v.st)
	if f == nil {
		return false, nil
	}
	if s.ask(f, graph.LinkBytes()) != nil {
		return false, nil
	}
	j, began, before := s.resume(Packing, f.conf.Name), time.Now(), graph.LinkBytes()
	packed, err := graph.Packed(s.pace())
	if errors.Is(err, index.ErrStopped) {
		s.cancel(j)
		return false, nil
	}
	if s.finish(j, err); err != nil {
		return false, err
	}
	f.replaceGraph(packed)
	s.log.Info("links packed", "vector", f.conf.Name, "before", before, "after", packed.LinkBytes(), "took", time.Since(began).Round(time.Millisecond))
	return true, nil
}

// replaceGraph has a copy of a field's graph serve in its place. The copy has what
// belongs to both; so it stays until the last reader of the old one has gone.
// build must be held.
func (f *field) replaceGraph(packed *hnsw.Graph) {
	old := f.graph.Load()
	next := &indexed{graph: packed, standing: old.standing}
	next.high.Store(old.high.Load())
	next.goesBy.Store(old.goesBy.Load())
	next.trees.follow(&old.trees)
	next.pins.take()
	f.graph.Store(next)
	old.pins.close(func() {
		old.graph.Close()
		next.pins.drop()
	})
}
