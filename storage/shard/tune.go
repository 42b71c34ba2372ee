package shard

import (
	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/flat"
)

const (
	// recallGoal is what the default ef must reach on the sample. It lies above
	// the 0.95 promised, since stored vectors are a little easier to find than
	// new ones.
	recallGoal = 0.975
	tuneSample = 512
	tuneK      = 10
)

// efSteps are the breadths tried, from narrow to wide.
var efSteps = [...]int{32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 448, 512, 640, 768, 1024}

// tune measures, after the graph has grown by half, the ef at which a sample of
// stored vectors find their true neighbours, and makes it the default.
// build must be held.
func (s *Shard) tune(f *fieldState, g *indexed) {
	n := g.graph.Len()
	if f.effort.Load() != 0 && n < g.tuned*3/2 {
		return
	}
	g.tuned = n
	j := s.resume(Tuning, f.conf.Name)
	defer s.finish(j, nil)
	samples := s.sample(f, index.Slot(g.high.Load()))
	if len(samples) == 0 {
		return
	}
	for _, ef := range efSteps {
		if recallAt(g, samples, ef) >= recallGoal || ef == efSteps[len(efSteps)-1] {
			f.effort.Store(int32(ef))
			s.log.Info("default ef measured", "vector", f.conf.Name, "points", n, "ef", ef)
			return
		}
	}
}

// sampled is a stored vector with its true neighbours.
type sampled struct {
	query index.Query
	truth []index.Hit
}

func (s *Shard) sample(f *fieldState, high index.Slot) []sampled {
	slots := f.has.AppendRange(nil, 0, high)
	count := min(tuneSample, len(slots)/(4*tuneK))
	out := make([]sampled, 0, count)
	for i := range count {
		if s.o.Optimizer.isClosed() {
			return nil
		}
		slot := slots[i*(len(slots)/count)]
		// The vector itself is left out: finding it says nothing.
		e := f.has.Edit()
		e.Remove(index.Slot(slot))
		q := index.Query{Vector: f.vector(index.Slot(slot)), K: tuneK, Accept: e.Done()}
		truth, _ := flat.Range(q, f.conf.Space(), f.data, 0, high, nil)
		out = append(out, sampled{q, truth})
	}
	return out
}

// recallAt is the share of true neighbours found. A hit as near as the last
// true one counts: among duplicates there is no one truth.
func recallAt(g *indexed, samples []sampled, ef int) float64 {
	found, wanted := 0, 0
	var hits []index.Hit
	for _, p := range samples {
		q := p.query
		q.Ef = ef
		hits, _ = g.graph.Search(q, hits[:0])
		wanted += len(p.truth)
		worst := p.truth[len(p.truth)-1].Dist
		for _, h := range hits {
			if h.Dist <= worst {
				found++
			}
		}
	}
	return float64(min(found, wanted)) / float64(wanted)
}
