package index

import "sync/atomic"

// Crew is the goroutines of a long piece of work, which step aside between small
// parts of it as its Pace says. Once the pace says stop, all of them leave out what
// is left, so that whoever gave them the work asks Stopped before the result is used.
//
// A crew is one goroutine's to give work to; those that do the work ask their own.
type Crew struct {
	pace  Pace
	first int // what the first of its workers is numbered
	halt  *atomic.Bool
}

// NewCrew makes a crew of a pace's workers.
func NewCrew(p Pace) *Crew { return &Crew{pace: p, halt: new(atomic.Bool)} }

// one is a crew of a single worker of this one, which stops with all.
func (c *Crew) one(worker int) *Crew {
	return &Crew{pace: Pace{Go: c.pace.Go}, first: c.first + worker, halt: c.halt}
}

// Goes asks whether its first worker is to go on. It may wait there.
func (c *Crew) Goes() bool {
	if !c.halt.Load() && !c.pace.Goes(c.first) {
		c.halt.Store(true)
	}
	return !c.halt.Load()
}

// Stopped says whether something was left out.
func (c *Crew) Stopped() bool { return c.halt.Load() }

// Each calls do for every number below n, one at a time a worker, and waits. What a
// call does must not depend on which worker does it. own is that worker's, to ask
// between small parts of a call that takes longer than a millisecond or so.
func (c *Crew) Each(n int, do func(i int, own *Crew)) {
	var next atomic.Int64
	workers := Pace{Workers: min(c.pace.Hands(), n)}
	workers.Each(func(worker int) {
		own := c.one(worker)
		for i := next.Add(1) - 1; i < int64(n) && own.Goes(); i = next.Add(1) - 1 {
			do(int(i), own)
		}
	})
}

// Spread calls do for [0, n) in stretches of so many at most, as Each does.
func (c *Crew) Spread(n, stretch int, do func(from, to int)) {
	c.Each((n+stretch-1)/stretch, func(i int, _ *Crew) { do(i*stretch, min((i+1)*stretch, n)) })
}
