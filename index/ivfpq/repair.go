package ivfpq

import (
	"errors"
	"fmt"

	"github.com/kithdb/kith/index"
)

// Repair takes the slots that are not live out of the index, and answers how
// many. The lists are written anew, each in one piece, beside those that
// searches read; their memory goes once no search holds them. An Insert waits.
func (x *Index) Repair(live *index.Set, workers int) (removed int, err error) {
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
	fresh, err := x.now.Load().without(live, workers)
	if err != nil {
		return 0, fmt.Errorf("repair: %w", err)
	}
	x.now.Store(fresh)
	for _, s := range dead {
		x.members.remove(s)
	}
	return len(dead), nil
}

// without is a copy of a generation with live slots only.
func (g *generation) without(live *index.Set, workers int) (*generation, error) {
	fresh := new(generation)
	if g.model != nil {
		var err error
		if fresh, err = newGeneration(g.model); err != nil {
			return nil, err
		}
	}
	for _, slot := range g.waits() {
		if live.Contains(index.Slot(slot)) {
			fresh.wait(slot)
		}
	}
	faults := make([]error, len(g.lists))
	each(len(g.lists), workers, func(i int) {
		faults[i] = g.lists[i].copyTo(&fresh.lists[i], g, fresh, live)
	})
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
		if live.Contains(index.Slot(from.blocks.head(numbers[i/blockSize]).slot[i%blockSize])) {
			kept = append(kept, i)
		}
	}
	return to.fill(&fresh.blocks, len(kept), func(i int, e *entry) {
		from.blocks.get(numbers[kept[i]/blockSize], kept[i]%blockSize, e)
	})
}
