package ivfpq

import (
	"errors"
	"fmt"

	"github.com/kithdb/kith/index"
)

// Tidy puts lists in order that inserts have scattered, as Save does. An Insert waits.
func (x *Index) Tidy() error {
	x.build.Lock()
	defer x.build.Unlock()
	return x.tidy()
}

// tidy writes lists anew, each in one piece, when more than a quarter of the
// blocks do not follow on the one before: memory is read in stretches then, which
// makes a search up to half as fast again. The lock is held alone.
func (x *Index) tidy() error {
	g := x.now.Load()
	all, breaks := 0, 0
	for i := range g.lists {
		numbers, _ := g.lists[i].entries()
		for j := 1; j < len(numbers); j++ {
			if numbers[j] != numbers[j-1]+1 {
				breaks++
			}
		}
		all += len(numbers)
	}
	if 4*breaks <= all {
		return nil
	}
	fresh, err := g.without(nil, index.Pace{Workers: x.o.Workers})
	if err != nil {
		return fmt.Errorf("putting lists in order: %w", err)
	}
	x.now.Store(fresh)
	return nil
}

// Repair takes the slots that are not live out of the index, and answers how
// many. The lists are written anew, each in one piece, beside those that
// searches read; their memory goes once no search holds them. An Insert waits.
// Stopped, it has done nothing.
func (x *Index) Repair(live *index.Set, p index.Pace) (removed int, err error) {
	x.build.Lock()
	defer x.build.Unlock()
	var dead []index.Slot
	for _, s := range x.members.all(nil) {
		if !live.Contains(index.Slot(s)) {
			dead = append(dead, index.Slot(s))
		}
	}
	if len(dead) == 0 {
		return 0, nil
	}
	fresh, err := x.now.Load().without(live, p)
	if err != nil {
		return 0, fmt.Errorf("repair: %w", err)
	}
	x.now.Store(fresh)
	for _, s := range dead {
		x.members.remove(s)
	}
	return len(dead), nil
}

// without is a copy of a generation with live slots only, with all of them where
// live is nil.
func (g *generation) without(live *index.Set, p index.Pace) (*generation, error) {
	fresh := new(generation)
	if g.model != nil {
		var err error
		if fresh, err = newGeneration(g.model); err != nil {
			return nil, err
		}
	}
	for _, slot := range g.waits() {
		if live == nil || live.Contains(index.Slot(slot)) {
			fresh.wait(slot)
		}
	}
	faults := make([]error, len(g.lists))
	w := index.NewCrew(p)
	w.Each(len(g.lists), func(i int, _ *index.Crew) { faults[i] = g.lists[i].copyTo(&fresh.lists[i], g, fresh, live) })
	if w.Stopped() {
		faults = append(faults, index.ErrStopped)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, errors.Join(err, fresh.close())
	}
	fresh.drift.points, fresh.drift.spread, fresh.drift.imbalance = g.drift.points, g.drift.spread, g.drift.imbalance
	fresh.drift.sum, fresh.drift.came = g.drift.sum, g.drift.came
	return fresh, nil
}

// copyTo fills a list of another generation with the live entries of this one.
func (l *list) copyTo(to *list, from, fresh *generation, live *index.Set) error {
	numbers, n := l.entries()
	kept := make([]int, 0, n)
	for i := range n {
		if live == nil || live.Contains(index.Slot(from.blocks.head(numbers[i/blockSize]).slot[i%blockSize])) {
			kept = append(kept, i)
		}
	}
	return to.fill(&fresh.blocks, len(kept), func(i int, e *entry) {
		from.blocks.get(numbers[kept[i]/blockSize], kept[i]%blockSize, e)
	})
}
