package shard

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/index/payload"
)

// Status is what a shard can say of itself.
type Status struct {
	Points         int
	Vectors        int // stored vectors, over all names
	IndexedVectors int // of them, those in a graph
	Tail           int // vectors that wait for a graph
	Deleted        int // dead versions whose rows still stand
	Slots          int // those of the stretches that hold a point (Upkeep); memory goes by these
	Green          bool
	OptimizerError string // last failure of background work, "" when well
	// Paused says what background work waits for beside its turn, such as memory; ""
	// when it does not.
	Paused         string
	PayloadIndexes []PayloadIndex
	ResidentBytes  int64 // vectors and graphs in memory
	SpareBytes     int64 // of these, what links leave free; the calm gives it back
	MappedBytes    int64 // vectors mapped from files, which the system may evict
	Recall         []Recall
}

// PayloadIndex is one payload index and how far it is.
type PayloadIndex struct {
	payload.Schema
	payload.Progress
	payload.Size
}

// Status reads the shard's figures; safe from anywhere, also after a drop.
func (s *Shard) Status() Status {
	var out Status
	if !s.pins.take() {
		return out
	}
	defer s.pins.drop()
	st := s.current.Load()
	out.Slots = st.spread(s.upkeep().Stretch)
	out.Points, out.Deleted = st.live.Len(), int(s.garbage.Load())
	out.Recall = st.recalls()
	behind := false // an index or its codes are to be others, or trees are to grow
	for i := range st.fields {
		f := &st.fields[i]
		out.Vectors += f.has.Len()
		out.Tail += f.tail(st)
		behind = behind || f.treeless(st)
		if f.rows.OnDisk() && f.rows.Pinned() {
			out.MappedBytes += f.rows.Resident()
		} else {
			out.ResidentBytes += f.rows.Resident()
		}
		if g := f.pinGraph(); g != nil {
			if high := index.Slot(g.high.Load()); f.kind.Wanted(f.settings) {
				out.IndexedVectors += f.has.Count(0, high) - st.late.And(f.has).Count(0, high)
			}
			out.ResidentBytes += g.graph.Bytes()
			if graph, ok := g.graph.(*hnsw.Graph); ok {
				out.SpareBytes += graph.SpareBytes()
			}
			behind = behind || f.outdated(g) || f.uncoded(g) || f.unlined(g)
			g.pins.drop()
		}
	}
	out.Green = out.Tail == 0 && !behind
	if text := s.fault.Load(); text != nil {
		out.OptimizerError = *text
	}
	if text := s.paused.Load(); text != nil {
		out.Paused = *text
	}
	s.indexStatus(&out)
	return out
}

// indexStatus adds the figures of the payload indexes.
func (s *Shard) indexStatus(out *Status) {
	v, err := s.view()
	if err != nil {
		return // dropped meanwhile
	}
	defer v.Release()
	r := v.Indexes()
	for _, ix := range v.st.indexes.Schemas() {
		p, _ := v.st.indexes.Progress(ix.Field)
		size, err := r.Size(ix.Field)
		if err != nil {
			out.OptimizerError = err.Error()
		}
		out.PayloadIndexes = append(out.PayloadIndexes, PayloadIndex{ix, p, size})
		out.Green = out.Green && p.Complete
		out.ResidentBytes += size.Bytes
	}
}
