package shard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/storage/bulk"
)

// The rows of a vector that is on_disk lie in a file that is written in place. A
// start takes that file over where it can, and reads from the store only what was
// written since. What it may take over a seal says: a small file that names some
// slots, and has the checksum of each of their rows. It is written after the store
// was flushed and the rows were made durable.
//
// A slot's row never changes until the slot was swept, so a seal stays true of its
// slots whatever is written meanwhile; a sweep takes slots out of the seal first,
// durably. The store stays the truth: each row has its checksum from when it was
// written to both, an open compares some rows with the store, and all of them are
// compared with their checksums behind. What differs is read from the store.

const (
	// sealShare: beside work, rows are sealed once the seal lacks one in so many.
	sealShare = 8
	// sealProbes is how many rows are compared with the store's at an open.
	sealProbes = 64
	// sumsReserve is address space for the checksums of 2³² rows.
	sumsReserve = 16 << 30
)

// filed is what a start may take over of a field's file of rows.
type filed struct {
	// sums are the checksums of the rows (bulk.Sum), by slot; 0: not known. Written
	// with the rows, by whoever writes these.
	sums *arena.Arena
	// checking: rows that were taken over are being compared with their checksums, or
	// will be.
	checking atomic.Bool
	begun    atomic.Bool // by a goroutine
	// mended: rows were read anew, and codes may be of what they were before.
	mended atomic.Bool
	// hurry: the check does not rest; stop: it ends.
	hurry, stop atomic.Bool

	mu   sync.Mutex
	has  *index.Set // slots of the seal; nil exactly when there is no file
	at   uint64     // raft index of a store that had all of them durably
	busy bool       // one is being written
	next time.Time  // none is begun before
}

func newFiled() filed {
	return filed{sums: arena.New(arena.Options{RowBytes: 4, Reserve: sumsReserve})}
}

// busy says whether the file of rows is being sealed, or is to be checked first: rows
// do not leave it before. The check makes haste then.
func (f *field) busy() bool {
	f.filed.hurry.Store(true)
	f.filed.mu.Lock()
	defer f.filed.mu.Unlock()
	return f.filed.busy || f.filed.checking.Load()
}

// sealPath is where the seal of a field's rows lies.
func (s *Shard) sealPath(f *field) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d.seal", f.number))
}

// inFile says whether the field's rows are mapped from a file.
func (f *field) inFile() bool { return f.rows.OnDisk() && f.rows.Pinned() }

// sumRoom makes room for the checksums of rows below a number, where there are to
// be any. Writer only.
func (f *field) sumRoom(rows int) error {
	if !f.inFile() {
		return nil
	}
	if err := f.filed.sums.Pin(); err != nil { // who writes rows must not see them move
		return err
	}
	return f.filed.sums.Grow(rows)
}

// noteSum keeps the checksum of a row that was written. There is room for it.
func (f *field) noteSum(s index.Slot, row []byte) {
	if f.inFile() {
		f.filed.sums.Rows().Uint32s(uint32(s))[0] = bulk.Sum(row)
	}
}

// sum is the checksum of a slot's row, 0 when it is not known.
func (f *field) sum(s index.Slot) uint32 {
	sums := f.filed.sums.Rows()
	if int(s) >= sums.Len() {
		return 0
	}
	return sums.Uint32s(uint32(s))[0]
}

// sound says whether a row is what was written, as far as that is known.
func (f *field) sound(s index.Slot, row []byte) bool {
	sum := f.sum(s)
	return !f.inFile() || sum == 0 || sum == bulk.Sum(row)
}

// unsealed says whether a field has rows in a file that its seal lacks, how many of
// all, and how long to wait before they are sealed.
func (f *fieldState) unsealed() (wants, much bool, wait time.Duration) {
	if f.data.File() == "" || f.has.Len() == 0 {
		return false, false, 0
	}
	k := &f.filed
	k.mu.Lock()
	defer k.mu.Unlock()
	n := f.has.AndNot(k.has).Len()
	return n > 0 && !k.busy, n*sealShare >= f.has.Len(), time.Until(k.next)
}

// toKeep says whether there is a file of rows to seal, or to check.
func (f *fieldState) toKeep() bool {
	wants, _, _ := f.unsealed()
	return wants || f.filed.checking.Load() && !f.filed.begun.Load()
}

// sealable says whether there are rows to seal now, were there calm.
func (s *Shard) sealable(st *state) bool {
	for i := range st.fields {
		if wants, _, wait := st.fields[i].unsealed(); wants && wait <= 0 {
			return true
		}
	}
	return false
}

// sealAll seals rows behind: many of them, or in the calm what there is. build must
// be held.
func (s *Shard) sealAll(v *View, quiet bool) {
	for i := range v.st.fields {
		f := &v.st.fields[i]
		wants, much, wait := f.unsealed()
		switch {
		case !wants, !quiet && !much:
			continue
		case wait > 0:
			s.o.Optimizer.later(s, wait)
			continue
		}
		of, now := s.viewOf(f.field)
		if of == nil {
			continue
		}
		f.filed.set(func(k *filed) { k.busy = true })
		s.o.Optimizer.done.Go(func() {
			defer of.Release()
			s.sealOne(now)
		})
	}
}

// viewOf is a view of a field's own, and the field in it: no slot that it has is
// swept while it is held. nil: the shard, or the field, is gone.
func (s *Shard) viewOf(f *field) (*View, *fieldState) {
	of, err := s.view()
	if err != nil {
		return nil, nil
	}
	now, ok := of.st.field(f.conf.Name)
	if !ok || now.field != f {
		of.Release()
		return nil, nil
	}
	return of, now
}

func (k *filed) set(change func(*filed)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k)
}

// sealOne seals a field's rows; the view that it is of is held.
func (s *Shard) sealOne(f *fieldState) {
	j, began := s.resume(Sealing, f.conf.Name), time.Now()
	err := s.seal(f)
	f.filed.set(func(k *filed) {
		k.busy, k.next = false, time.Now().Add(imagePause*time.Since(began))
		if err != nil {
			k.next = time.Now().Add(failedPause)
		}
	})
	if errors.Is(err, fs.ErrNotExist) { // the shard goes
		s.cancel(j)
		return
	}
	s.finish(j, err)
	if err != nil {
		s.log.Warn("rows on disk are not sealed: a start reads them from the store", "vector", f.conf.Name, "error", err)
	}
}

// seal makes the rows of a view durable, and then says so. The dead ones that were
// sealed stay: graphs walk through them.
func (s *Shard) seal(f *fieldState) error {
	applied := s.o.Store.Applied()
	if err := s.o.Store.Flush(); err != nil { // no crash may take from the store what the seal has
		return err
	}
	if err := f.data.Sync(); err != nil {
		return err
	}
	f.filed.mu.Lock()
	defer f.filed.mu.Unlock()
	return s.writeSeal(f, f.filed.has.Or(f.has), applied)
}

// writeSeal puts a seal of some slots in the place of the one before, durably.
// filed.mu is held.
func (s *Shard) writeSeal(f *fieldState, slots *index.Set, applied uint64) error {
	seal := bulk.Seal{
		File: filepath.Base(f.data.File()), RowBytes: f.conf.RowBytes(), Applied: applied,
		Slots: slots, Sums: make([]uint32, 0, slots.Len()),
	}
	for slot := range slots.All() {
		sum := f.sum(slot)
		if sum == 0 { // it was in memory when it was written
			sum = bulk.Sum(f.data.Bytes(uint32(slot)))
		}
		seal.Sums = append(seal.Sums, sum)
	}
	if err := writeFile(s.sealPath(f.field), func(w *os.File) error { return seal.Write(w) }); err != nil {
		return err
	}
	f.filed.has, f.filed.at = slots, applied
	return nil
}

// unseal takes slots that are about to be given up out of the seal, durably. build
// must be held.
func (s *Shard) unseal(f *fieldState, gone *index.Set) error {
	f.filed.mu.Lock()
	defer f.filed.mu.Unlock()
	if f.filed.has.And(gone).Len() == 0 {
		return nil
	}
	return s.writeSeal(f, f.filed.has.AndNot(gone), f.filed.at)
}

// breakSeal takes the seal away, durably: the file of rows goes.
func (s *Shard) breakSeal(f *field) error {
	f.filed.mu.Lock()
	defer f.filed.mu.Unlock()
	f.filed.has = nil
	return s.removeDurably(s.sealPath(f))
}

// sealed says whether the next start may take the file of rows over.
func (f *field) sealed() bool {
	f.filed.mu.Lock()
	defer f.filed.mu.Unlock()
	return f.filed.has != nil
}

// openSeal takes a field's file of rows over where there is one that can be
// trusted; nil where there is none. A seal that cannot be is deleted, since what is
// there is taken for true by the next start.
func (s *Shard) openSeal(f *fieldState, next index.Slot) (*bulk.Seal, error) {
	seal, err := bulk.ReadSeal(s.sealPath(f.field), f.conf.RowBytes())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
	case !f.rows.OnDisk():
		err = errors.New("the vectors lie in memory now")
	case seal.Applied > s.o.Store.Applied() || seal.End() > next:
		err = fmt.Errorf("it is of raft index %d and has slots below %d, the store stands at %d and %d", seal.Applied, seal.End(), s.o.Store.Applied(), next)
	case seal.File != filepath.Base(seal.File):
		err = fmt.Errorf("it is of a file %q elsewhere", seal.File)
	default:
		err = s.adoptRows(f, seal)
	}
	if err == nil {
		return seal, nil
	}
	s.log.Warn("rows on disk not usable; they are read from the store", "file", s.sealPath(f.field), "error", err)
	return nil, s.removeDurably(s.sealPath(f.field))
}

// adoptRows has the field's rows be those of the file that a seal is of.
func (s *Shard) adoptRows(f *fieldState, seal *bulk.Seal) error {
	if err := f.rows.Adopt(filepath.Join(s.dir, seal.File), int(seal.End())); err != nil {
		return err
	}
	err := f.sumRoom(int(seal.End()))
	if err == nil {
		sums, at := f.filed.sums.Rows(), 0
		for slot := range seal.Slots.All() {
			sums.Uint32s(uint32(slot))[0] = seal.Sums[at]
			at++
		}
		err = s.probeSeal(f, seal)
	}
	if err != nil { // the arena stays, empty
		f.filed.sums.Truncate(0)
		return errors.Join(err, f.rows.Close())
	}
	f.filed.has, f.filed.at = seal.Slots, seal.Applied
	f.filed.checking.Store(true)
	return nil
}

// probeSeal compares some checksums with the store's rows. The rules of the seal
// make them equal; who put files of two moments together by hand has not kept them.
func (s *Shard) probeSeal(f *fieldState, seal *bulk.Seal) error {
	ranks := spread(seal.Slots.Len(), sealProbes)
	var raw []byte
	for i, slot := range seal.Slots.At(ranks, nil) {
		var ok bool
		var err error
		if raw, ok, err = s.o.Store.GetVector(s.id, f.number, slot, raw[:0]); err != nil {
			return fmt.Errorf("%w: slot %d: %w", errOther, slot, err)
		}
		if !ok || bulk.Sum(raw) != seal.Sums[ranks[i]] {
			return fmt.Errorf("%w: slot %d", errOther, slot)
		}
	}
	return nil
}

// spread is so many numbers below n at most, evenly apart.
func spread(n, most int) []int {
	out := make([]int, min(n, most))
	for i := range out {
		out[i] = int(int64(i) * int64(n) / int64(len(out)))
	}
	return out
}
