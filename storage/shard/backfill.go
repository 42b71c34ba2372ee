package shard

import (
	"bytes"
	"errors"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index/payload"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/point"
)

const (
	// backfillPoints and backfillRows end a step of a build in the background.
	backfillPoints = 1000
	backfillRows   = 20_000
	// heldRows is about how many rows go in while writers wait: a few
	// milliseconds' worth.
	heldRows = 500
)

// built is a point on its way into a payload index.
type built struct {
	id   point.ID
	row  storage.PointRow // without its payload
	rows [][]byte
}

// backfill runs one step of the first payload index whose rows are not all in. It
// is local housekeeping and needs no entry in the log: what the index will hold
// follows from the stored points, and while it does not hold all of it, it
// answers nothing. How far it is goes into the step's own batch, so that a
// restart goes on from there. build must be held.
func (s *Shard) backfill(v *View) (more bool, err error) {
	for _, field := range v.st.indexes.Unbuilt() {
		return true, s.backfillField(v, field)
	}
	return false, nil
}

// backfillField reads points beside the writers, and makes them wait only while
// some of their rows go in.
func (s *Shard) backfillField(v *View, field string) error {
	j := s.resume(Backfilling, field)
	f := &filling{s: s, v: v}
	f.ix, _ = v.st.indexes.Schema(field)
	f.at, _ = v.st.indexes.Progress(field)
	points, next, done, err := f.collect()
	if err != nil {
		return err
	}
	for first := true; first || len(points) > 0; first = false {
		n := held(points)
		to, last := next, done && n == len(points)
		if n < len(points) {
			to = points[n].id
		}
		if ok, err := f.put(points[:n], to, last); err != nil || !ok {
			return err
		}
		points = points[n:]
		s.progress(j, n, max(v.st.live.Len()-j.Done-n, 0))
	}
	s.log.Debug("payload index step", "field", field, "writers_waited", f.held)
	if done {
		s.finish(j, nil)
		s.log.Info("payload index complete", "field", field, "kind", string(f.ix.Kind))
	}
	return nil
}

// held is how many points go in while writers wait.
func held(points []built) int {
	rows := 0
	for i := range points {
		if rows += len(points[i].rows); rows >= heldRows {
			return i + 1
		}
	}
	return len(points)
}

// filling is one step of a build. One goroutine.
type filling struct {
	s  *Shard
	v  *View // what points are read from
	ix payload.Schema
	at payload.Progress
	// held is the longest that writers had to wait.
	held time.Duration
}

// collect makes the rows of the next points; next is the one behind them.
func (f *filling) collect() (points []built, next point.ID, done bool, err error) {
	done = true
	rows := 0
	var fault error
	maker := payload.New()
	err = f.v.c.ScanPoints(f.s.id, f.at.Next, func(id point.ID, row storage.PointRow) bool {
		if len(points) == backfillPoints || rows >= backfillRows {
			next, done = id, false
			return false
		}
		p := built{id: id, row: row}
		p.rows, fault = f.rows(maker, row.Payload)
		p.row.Payload = nil
		rows += len(p.rows)
		points = append(points, p)
		return fault == nil
	})
	return points, next, done, errors.Join(err, fault)
}

func (f *filling) rows(maker *payload.Indexes, text []byte) (rows [][]byte, err error) {
	err = maker.Rows(&f.ix, text, func(r []byte) { rows = append(rows, bytes.Clone(r)) })
	return rows, err
}

// put brings points into the index, which is then built up to next, or complete.
// False: the index is another by now.
func (f *filling) put(points []built, next point.ID, done bool) (ok bool, err error) {
	s := f.s
	s.o.Apply.Lock()
	since := time.Now()
	defer func() {
		f.held = max(f.held, time.Since(since))
		s.o.Apply.Unlock()
	}()
	if s.pins.isClosed() {
		return false, nil // dropped meanwhile: its rows must not come back
	}
	indexes := s.writer.payload
	st := s.current.Load()
	ix, _ := st.indexes.Schema(f.ix.Field)
	if at, there := indexes.Progress(f.ix.Field); !there || at != f.at || !ix.SameRows(&f.ix) {
		return false, nil
	}
	b := s.o.Store.NewBatch()
	defer b.Close()
	for i := range points {
		if err := f.putPoint(b, &points[i], st.number != f.v.st.number && !st.still(&points[i].row)); err != nil {
			return false, err
		}
	}
	state := payload.StateRow(f.ix.Field, done, next)
	if f.at.Versioned {
		if err := b.DeletePosting(s.id, payload.StateRow(f.ix.Field, false, f.at.Next), 0); err != nil {
			return false, err
		}
	}
	if err := b.PutPosting(s.id, state, 0); err != nil {
		return false, err
	}
	if err := b.Commit(s.o.Store.Applied()); err != nil {
		return false, err
	}
	indexes.Put(state, 0)
	f.at, _ = indexes.Progress(f.ix.Field)
	if done {
		s.o.Cuts.Swap(s.o.Store.NewSnapshot(), s.republish) // views read the rows from it
	} else {
		s.republish()
	}
	return true, nil
}

// still tells, without reading it, that a point is the same as when its row was
// read.
func (st *state) still(row *storage.PointRow) bool {
	version := atomic.LoadUint32(&st.ids.version.Uint32s(uint32(row.Slot))[0])
	return st.live.Contains(row.Slot) && version != longVersion && uint64(version) == row.Version
}

// putPoint writes a point's rows; those of the moment, when it may have changed
// since they were made. The rows of a point that came since are there.
func (f *filling) putPoint(b *storage.Batch, p *built, changed bool) error {
	rows := p.rows
	if changed {
		row, ok, err := f.s.o.Store.GetPoint(f.s.id, p.id)
		if err != nil || !ok {
			return err
		}
		p.row.Slot = row.Slot
		if row.Version != p.row.Version {
			if rows, err = f.rows(f.s.writer.payload, row.Payload); err != nil {
				return err
			}
		}
	}
	for _, r := range rows {
		if err := b.PutPosting(f.s.id, r, p.row.Slot); err != nil {
			return err
		}
	}
	return nil
}

// republish makes the payload indexes as they are now current; all else of the
// state stays. Apply is held.
func (s *Shard) republish() {
	next := *s.current.Load()
	next.indexes = s.writer.payload.Publish()
	s.current.Store(&next)
}
