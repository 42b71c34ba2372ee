package shard

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bulk"
)

// A large vector's rows are kept a second time, in one flat file beside the graph,
// its image: a start reads that at the speed of the disk, where gathering the rows
// from the store's tables takes a microsecond for each. The store stays the truth.
//
// A slot's row never changes until the slot was swept, so an image stays true of
// the slots that it has, whatever is written meanwhile; what it has not is read
// from the store. A sweep that takes a slot of the image takes the file away
// first, durably. It is written anew in the calm.

const (
	// imageShare: an image is written anew once it lacks one in so many rows.
	imageShare = 8
	// imageDense: and only where one in so many slots has a row, for it has room for
	// all of them.
	imageDense = 2
	// imagePause is how many times as long as the last image took the next one waits
	// at least, and failedPause how long after one that could not be written.
	imagePause  = 20
	failedPause = 10 * time.Minute
	// imageGrace is how long an image waits for the calm: where writes never end, it
	// is written beside them then.
	imageGrace = time.Minute
	// imageProbes is how many rows are compared with the store's at an open.
	imageProbes = 64
)

// imaged is what a field's image has.
type imaged struct {
	mu   sync.Mutex
	has  *index.Set // nil exactly when there is no file
	busy bool       // one is being written
	next time.Time  // none is begun before
	// since is when one was first found wanting, zero when none is.
	since time.Time
}

// imagePath is where a field's image lies, beside its graph.
func (s *Shard) imagePath(f *field) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d.image", f.number))
}

// there says whether there is an image, or one under way.
func (m *imaged) there() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy || m.has != nil
}

// large says whether the field has so many vectors in memory that an image pays.
func (f *fieldState) large(u *Upkeep) bool {
	return u.Image >= 0 && int64(f.has.Len())*f.stored() >= u.Image && !f.rows.OnDisk()
}

// lacks says whether a field should have an image and has none, or one that lacks
// too much, and how long to wait before one is written: in the calm, or beside
// writes.
func (f *fieldState) lacks(st *state, u *Upkeep) (wants bool, calm, beside time.Duration) {
	n, m := f.has.Len(), &f.image
	if !f.large(u) || n*imageDense < int(st.next) {
		return false, 0, 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy || m.has != nil && f.has.AndNot(m.has).Len()*imageShare < n {
		m.since = time.Time{}
		return false, 0, 0
	}
	if m.since.IsZero() {
		m.since = time.Now()
	}
	calm = time.Until(m.next)
	return true, calm, max(calm, time.Until(m.since.Add(imageGrace)))
}

// imageless says whether there is an image to write now, were there calm.
func (s *Shard) imageless(st *state) bool {
	for i := range st.fields {
		if wants, calm, _ := st.fields[i].lacks(st, s.upkeep()); wants && calm <= 0 {
			return true
		}
	}
	return false
}

// imprint writes the images that are wanted, behind and when nothing else is left
// to do: in the calm, or beside writes that have left none for long. build must be
// held.
func (s *Shard) imprint(v *View, quiet bool) {
	for i := range v.st.fields {
		f := &v.st.fields[i]
		wants, calm, beside := f.lacks(v.st, s.upkeep())
		switch {
		case !wants, !quiet && beside > 0:
			continue
		case calm > 0:
			s.o.Optimizer.later(s, calm)
			continue
		}
		of, now := s.viewOf(f.field)
		if of == nil {
			continue
		}
		f.image.set(func(m *imaged) { m.busy = true })
		s.o.Optimizer.done.Go(func() {
			defer of.Release()
			s.writeImage(of, now)
		})
	}
}

func (m *imaged) set(change func(*imaged)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// writeImage writes one image and puts it in the place of the one before.
func (s *Shard) writeImage(v *View, f *fieldState) {
	j, began := s.resume(Imaging, f.conf.Name), time.Now()
	err := s.tryImage(v, f)
	took := time.Since(began)
	f.image.set(func(m *imaged) {
		m.busy, m.next = false, time.Now().Add(imagePause*took)
		if err != nil {
			m.next = time.Now().Add(failedPause)
		}
	})
	if errors.Is(err, index.ErrStopped) || errors.Is(err, fs.ErrNotExist) { // the node stops, or the shard goes
		s.cancel(j)
		return
	}
	s.finish(j, err)
	if err != nil {
		s.log.Warn("no image of the vectors: a start reads them from the store", "vector", f.conf.Name, "error", err)
		return
	}
	s.log.Info("vectors imaged", "vector", f.conf.Name, "rows", f.has.Len(), "took", took.Round(time.Millisecond))
}

func (s *Shard) tryImage(v *View, f *fieldState) error {
	applied := s.o.Store.Applied()
	if err := s.o.Store.Flush(); err != nil { // no crash may take from the store what the image has
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	path, pace := s.imagePath(f.field), s.pace()
	c := bulk.Content{
		RowBytes: f.conf.RowBytes(), Applied: applied, Slots: f.has,
		Row:  func(slot index.Slot) []byte { return f.data.Bytes(uint32(slot)) },
		Goes: func() bool { return pace.Goes(pace.Hands() - 1) },
	}
	if err := bulk.Write(path+".tmp", &c); err != nil {
		return err
	}
	f.image.mu.Lock()
	defer f.image.mu.Unlock()
	if err := os.Rename(path+".tmp", path); err != nil {
		return errors.Join(err, os.Remove(path+".tmp"))
	}
	f.image.has = f.has
	return syncDir(s.dir)
}

// spoil takes away, durably, the images that have a slot that is about to be given
// up, and indexes that do not serve yet, and takes the slots out of seals. None that
// is made from now on has one: no view has it any more. build must be held.
func (s *Shard) spoil(st *state, gone *index.Set) error {
	for i := range st.fields {
		f := &st.fields[i]
		if err := errors.Join(s.unseal(f, gone), s.spoilImage(f.field, gone), s.forsake(f.field)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shard) spoilImage(f *field, gone *index.Set) error {
	f.image.mu.Lock()
	defer f.image.mu.Unlock()
	if f.image.has.And(gone).Len() == 0 {
		return nil
	}
	if err := s.removeDurably(s.imagePath(f)); err != nil {
		return err
	}
	f.image.has = nil
	return nil
}

// removeDurably deletes a file of the shard so that no crash brings it back; one
// that is not there is fine.
func (s *Shard) removeDurably(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncDir(s.dir))
}

// openImage opens the image that a field is to be read from, nil where there is
// none that can be trusted. One that cannot is deleted, since what is there is
// taken for true by the next start.
func (s *Shard) openImage(f *fieldState, next index.Slot) (*bulk.Image, error) {
	if err := ignoreMissing(os.Remove(s.imagePath(f.field) + ".tmp")); err != nil { // of a crash
		return nil, err
	}
	m, err := bulk.Open(s.imagePath(f.field), f.conf.RowBytes())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
	case s.upkeep().Image < 0:
		err = errors.New("no images are wanted")
	case f.rows.OnDisk():
		err = errors.New("the vectors lie on disk now")
	case m.Applied > s.o.Store.Applied() || m.End() > next:
		err = fmt.Errorf("it is of raft index %d and has slots below %d, the store stands at %d and %d", m.Applied, m.End(), s.o.Store.Applied(), next)
	default:
		return m, nil
	}
	if m != nil {
		err = errors.Join(err, m.Close())
	}
	return nil, s.refuseImage(f.field, err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Shard) refuseImage(f *field, why error) error {
	s.log.Warn("image of vectors not usable; they are read from the store", "file", s.imagePath(f), "error", why)
	return s.removeDurably(s.imagePath(f))
}

// imageLoad is a field's image on its way into memory.
type imageLoad struct {
	*bulk.Image
	intact *index.Set // what was read and is true
}

// read fills the rows from the image. Whatever it does not vouch for is left for
// scanRest.
func (f *rowsLoad) read() error {
	s, m, rows := f.l.s, f.image, f.state.rows.Rows()
	damage := m.Read(rows.All())
	if err := f.probe(rows); err != nil {
		return s.refuseImage(f.state.field, err)
	}
	m.intact = m.Slots
	if damage != nil { // what is left of it is as good as the store
		return s.refuseImage(f.state.field, damage)
	}
	f.state.image.has = m.Slots
	return nil
}

// errOther: the image is of other rows than the store's.
var errOther = errors.New("it disagrees with the store")

// probe compares some rows with the store's. The rules of the image make them
// equal; who put files of two moments together by hand has not kept them.
func (f *rowsLoad) probe(rows arena.Rows) error {
	slots := f.image.Slots
	ranks := spread(slots.Len(), imageProbes)
	var raw []byte
	for _, slot := range slots.At(ranks, nil) {
		var ok bool
		var err error
		if raw, ok, err = f.l.s.o.Store.GetVector(f.l.s.id, f.state.number, slot, raw[:0]); err != nil {
			return fmt.Errorf("%w: slot %d: %w", errOther, slot, err)
		}
		if !ok || !bytes.Equal(raw, rows.Bytes(uint32(slot))) {
			return fmt.Errorf("%w: slot %d", errOther, slot)
		}
	}
	return nil
}

// seekCost is how many rows a scan passes by in the time that a seek takes.
const seekCost = 8

// known are the slots whose rows the image, or the file of rows, has.
func (f *rowsLoad) known() *index.Set {
	if f.image != nil {
		return f.image.intact
	}
	return f.seal.Slots
}

// scanRest copies the rows of some slots that the image, or the file of rows, has
// not.
func (f *rowsLoad) scanRest(at span) error {
	end := min(at.to, f.l.st.next)
	has := f.known()
	known := has.Count(at.from, end)
	if known == 0 {
		return f.scan(at)
	}
	rest := missing(has, at)
	if len(rest)*seekCost > known {
		return f.scan(at)
	}
	return f.take(func(yield func(index.Slot, []byte) bool) error {
		return f.l.s.o.Store.ScanVectorSpans(f.l.s.id, f.state.number, rest, yield)
	})
}

// missing are the stretches of some slots that a set has not.
func missing(has *index.Set, at span) (out []storage.Span) {
	from := at.from
	for slot := range has.Range(at.from, at.to) {
		if slot > from {
			out = append(out, storage.Span{From: from, To: slot})
		}
		from = slot + 1
	}
	if from < at.to {
		out = append(out, storage.Span{From: from, To: at.to})
	}
	return out
}
