package shard

import (
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index"
)

// tidy is what a shard knows of its own calm. While writes come in, dead slots
// gather until they are a large share (deleted_threshold); once none has come
// for a while, a small share is cleared away as well, so that what is left after
// any history is what a fresh build would have.
type tidy struct {
	changes atomic.Uint64 // publishes of the writer
	seen    uint64        // of them, at the last look; guarded by build
	since   time.Time     // when seen was set; guarded by build
	timed   atomic.Bool   // a look is due
	above   index.Slot    // points from here on move down; 0: none do; guarded by build
}

const (
	// calm is how long no write must have come.
	calm = 2 * time.Second
	// leastTidy is how many dead slots are worth a repair in calm, and tidyShare
	// the share of all that they must be: a repair visits every node.
	leastTidy = 512
	tidyShare = 50
)

// untidy says whether so many of so many are worth clearing away in calm.
func untidy(dead, all int) bool { return dead >= leastTidy && dead*tidyShare >= all }

// quiet says whether no write has come for a while. build must be held.
func (s *Shard) quiet() bool {
	if now := s.tidy.changes.Load(); now != s.tidy.seen || s.tidy.since.IsZero() {
		s.tidy.seen, s.tidy.since, s.tidy.above = now, time.Now(), 0
		return false
	}
	return time.Since(s.tidy.since) >= calm
}

// lookLater has the shard looked at once it may be calm, when there is something
// to clear away then.
func (s *Shard) lookLater(v *View) {
	if !s.untidy(v.st) || s.tidy.timed.Swap(true) {
		return
	}
	time.AfterFunc(calm+calm/4, func() {
		s.tidy.timed.Store(false)
		s.o.Optimizer.enqueue(s)
	})
}

// dead counts the nodes of the field's graph that are not live.
func (f *fieldState) dead(st *state, g *indexed) int {
	high := index.Slot(g.high.Load())
	return g.graph.Len() - f.has.Count(0, high) + len(f.lateOf(st, g))
}

func (s *Shard) untidy(st *state) bool {
	for i := range st.fields {
		f := &st.fields[i]
		g := f.pinGraph()
		if g == nil {
			continue
		}
		much := untidy(f.dead(st, g), g.graph.Len())
		g.pins.drop()
		if much {
			return true
		}
	}
	return untidy(int(s.garbage.Load()), st.live.Len()) || st.sparse(int(s.garbage.Load()))
}
