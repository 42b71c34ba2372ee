package shard

import "context"

// reclaimShare: the store's tables are rewritten once so many parts of a hundred
// of the live points were swept, so that what was deleted leaves the disk now
// and not with some later compaction. Until then they take so much more of it: the
// tables that are there and a little above are to stay below 15 % more.
const reclaimShare = 12

// reclaimable says whether enough was swept. build must be held.
func (s *Shard) reclaimable() bool {
	n := s.tidy.swept
	return n >= s.upkeep().Tidy && n*100 >= s.current.Load().live.Len()*reclaimShare
}

// reclaim gives the disk space of swept rows back, in the calm and beside other
// work: one shard of the node at a time. build must be held.
func (s *Shard) reclaim() {
	o := s.o.Optimizer
	if !s.reclaimable() {
		return
	}
	if !o.reclaiming.TryLock() {
		o.later(s, s.upkeep().Calm)
		return
	}
	if !s.pins.take() {
		o.reclaiming.Unlock()
		return
	}
	s.tidy.swept = 0
	j := s.resume(Reclaiming, "")
	o.done.Go(func() {
		defer o.reclaiming.Unlock()
		defer s.pins.drop()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			select {
			case <-o.stop:
				cancel()
			case <-ctx.Done():
			}
		}()
		err := s.o.Store.Flush()
		if err == nil {
			err = s.o.Store.Reclaim(ctx, s.id, s.id)
		}
		if ctx.Err() != nil {
			err = nil // the next start goes on with compactions as ever
		}
		s.finish(j, err)
		o.Spent()
		if err != nil {
			s.log.Warn("give disk space back", "error", err)
		}
	})
}
