package lsh

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/kithdb/kith/index"
)

// Repair takes the slots that are not live out of all buckets, and answers how
// many there were. Stopped, it leaves buckets that are done and slots that wait
// for the next. Not beside Insert or Save; searches go on.
func (x *Index) Repair(live *index.Set, p index.Pace) (removed int, err error) {
	if x.hash.Load() == nil {
		return 0, nil
	}
	total := uint32(x.tables.heads.Rows().Len())
	var next atomic.Uint32
	faults := make([]error, p.Hands())
	p.Each(func(i int) {
		const stretch = 1 << 12
		for from := next.Add(stretch) - stretch; from < total && faults[i] == nil; from = next.Add(stretch) - stretch {
			if !p.Goes(i) {
				faults[i] = index.ErrStopped
				return
			}
			faults[i] = x.tables.sweep(from, min(from+stretch, total), live)
		}
	})
	if err := errors.Join(faults...); err != nil {
		return 0, err
	}
	removed = x.leave(live)
	x.count.Add(int64(-removed))
	return removed, nil
}

// sweep takes the slots that are not live out of a range of buckets.
func (t *tables) sweep(from, to uint32, live *index.Set) error {
	var slots []uint32
	for bucket := from; bucket < to; bucket++ {
		slots = t.slots(slots[:0], bucket)
		n := len(slots)
		slots = slices.DeleteFunc(slots, func(s uint32) bool { return !live.Contains(index.Slot(s)) })
		if len(slots) == n {
			continue
		}
		if err := t.set(bucket, slots); err != nil {
			return err
		}
	}
	return nil
}
