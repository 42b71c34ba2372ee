package shard

import (
	"cmp"
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
	swept   int           // rows since disk space was last given back; guarded by build
	above   index.Slot    // points from here on move down; 0: none do; guarded by build
}

// Upkeep says when what dead slots leave is cleared away. What is 0 takes its
// default.
type Upkeep struct {
	Garbage int           // dead slots that are worth a sweep; 1000
	Calm    time.Duration // how long no write must have come for the shard to be calm; 2 s
	Tidy    int           // dead slots that are worth work in calm; 512
	// Stretch is the slots whose memory is in use when one of them is, about: free
	// ones between live ones keep their pages; 4096.
	Stretch int
	// Image is the bytes of a vector's rows in a shard from which on they are kept in
	// one file as well, so that a start need not gather them from the store; 256 MiB,
	// negative: never.
	Image int64
}

func (u Upkeep) withDefaults() Upkeep {
	u.Garbage, u.Tidy, u.Stretch = cmp.Or(u.Garbage, 1000), cmp.Or(u.Tidy, 512), cmp.Or(u.Stretch, 4096)
	u.Calm, u.Image = cmp.Or(u.Calm, 2*time.Second), cmp.Or(u.Image, 256<<20)
	return u
}

// tidyShare is the share of all that the dead must be: a repair visits every
// node.
const tidyShare = 50

// untidy says whether so many of so many are worth clearing away in calm.
func (u *Upkeep) untidy(dead, all int) bool { return dead >= u.Tidy && dead*tidyShare >= all }

func (s *Shard) upkeep() *Upkeep { return &s.o.Optimizer.o.Upkeep }

// quiet says whether no write has come for a while. build must be held.
func (s *Shard) quiet() bool {
	if now := s.tidy.changes.Load(); now != s.tidy.seen || s.tidy.since.IsZero() {
		s.tidy.seen, s.tidy.since, s.tidy.above = now, time.Now(), 0
		return false
	}
	return time.Since(s.tidy.since) >= s.upkeep().Calm
}

// lookLater has the shard looked at once it may be calm, when there is something
// to clear away then.
func (s *Shard) lookLater(v *View) {
	loose, _ := s.packable(v.st)
	if loose != nil || s.untidy(v.st) || s.reclaimable() || s.loose() || s.imageless(v.st) || s.sealable(v.st) {
		calm := s.upkeep().Calm
		s.o.Optimizer.later(s, calm+calm/4)
	}
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
		much := s.upkeep().untidy(f.dead(st, g), g.graph.Len())
		g.pins.drop()
		if much {
			return true
		}
	}
	return s.upkeep().untidy(int(s.garbage.Load()), st.live.Len()) || s.sparse(st)
}
