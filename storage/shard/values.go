package shard

import (
	"errors"
	"sync"
	"time"

	"github.com/kithdb/kith/index/payload"
)

// fewPending changes are taken in while writers wait.
const fewPending = 500

// loadValues brings payload indexes that are placed in memory there, after an
// open or a build, and packs anew those that have changed a lot. Until then their
// rows answer. Several fields at once, as there are workers. build must be held.
func (s *Shard) loadValues(v *View) (loaded bool, err error) {
	fields := append(v.st.indexes.Unloaded(), v.st.indexes.Overgrown()...)
	if len(fields) == 0 {
		return false, nil
	}
	started := time.Now()
	turns := make(chan struct{}, s.o.Optimizer.o.Workers)
	faults := make([]error, len(fields))
	var wg sync.WaitGroup
	for i, field := range fields {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			faults[i] = s.loadField(field)
		})
	}
	wg.Wait()
	s.log.Debug("payload indexes packed", "fields", len(fields), "took", time.Since(started))
	return true, errors.Join(faults...)
}

func (s *Shard) loadField(field string) error {
	j := s.resume(Loading, field)
	v, load, err := s.beginLoad(field)
	if err != nil || load == 0 {
		s.cancel(j)
		return err
	}
	defer v.Release()
	l, err := v.pack(field)
	for l != nil {
		s.o.Apply.Lock()
		changes, ok := s.writer.payload.CatchUp(field, load)
		if !ok || len(changes) <= fewPending {
			l.Take(changes)
			s.endLoad(field, load, l)
			s.o.Apply.Unlock()
			break
		}
		s.o.Apply.Unlock()
		l.Take(changes) // so many that writers should not wait for them
	}
	if l == nil {
		s.o.Apply.Lock()
		s.endLoad(field, load, nil)
		s.o.Apply.Unlock()
	}
	s.finish(j, err)
	return err
}

// beginLoad takes a view from which on changes of the field are noted. 0: the
// index is gone, or is not to be in memory any more.
func (s *Shard) beginLoad(field string) (*View, int, error) {
	s.o.Apply.Lock()
	defer s.o.Apply.Unlock()
	load := s.writer.payload.BeginLoad(field)
	if load == 0 {
		return nil, 0, nil
	}
	v, err := s.view()
	if err != nil {
		return nil, 0, nil // dropped meanwhile
	}
	return v, load, nil
}

// endLoad needs Apply held.
func (s *Shard) endLoad(field string, load int, l *payload.Loaded) {
	if s.writer.payload.EndLoad(field, load, l) {
		s.republish()
	}
}

// pack is a field's values at the view's moment, from memory or from their rows;
// nil when the optimizer closes meanwhile.
func (v *View) pack(field string) (*payload.Loaded, error) {
	if l := v.st.indexes.Pack(field); l != nil {
		return l, nil
	}
	ix, _ := v.st.indexes.Schema(field)
	return payload.Load(&ix, v.postings, v.s.o.Optimizer.isClosed)
}
