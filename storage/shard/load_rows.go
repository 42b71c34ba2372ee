package shard

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bulk"
)

// spanPages is how many pages of slots one scan of an open covers at most.
const spanPages = 8

// span is a stretch of slots.
type span struct{ from, to index.Slot }

// spans cuts the shard's slots into stretches; the last goes on to the end of the
// store's rows, so that one that should not be there is found.
func (l *loader) spans() (out []span) {
	pages := int(l.st.next)/index.PageSlots/runtime.GOMAXPROCS(0) + 1
	step := index.Slot(min(pages, spanPages) * index.PageSlots)
	for from := index.Slot(0); from < l.st.next; from += step {
		out = append(out, span{from, from + step})
	}
	if len(out) == 0 {
		return []span{{0, index.NoSlot}}
	}
	out[len(out)-1].to = index.NoSlot
	return out
}

// loadRows reads ids, vectors and graphs, on all cores: the graphs first, which
// nobody can share, then images of vectors, and beside them the store's rows in
// stretches. What an image has not comes after it.
func (l *loader) loadRows() error {
	fields := make([]*rowsLoad, len(l.schema.Vectors))
	for i := range fields {
		f, err := l.prepare(i)
		if err != nil {
			return errors.Join(err, closeAll(fields[:i]))
		}
		fields[i] = f
	}
	if err := l.s.removeRowsFiles(fields); err != nil {
		return errors.Join(err, closeAll(fields))
	}
	ids := &idsLoad{l: l}
	first, rest := l.jobs(ids, fields)
	if err := errors.Join(share(first), share(rest), closeAll(fields)); err != nil {
		return err
	}
	if err := ids.finish(); err != nil {
		return err
	}
	for _, f := range fields {
		f.finish()
	}
	return nil
}

// jobs is what there is to read, and what can only be read after that.
func (l *loader) jobs(ids *idsLoad, fields []*rowsLoad) (first, rest []func() error) {
	for _, f := range fields {
		if f.file != nil {
			first = append(first, func() error { l.s.loadGraph(&f.state, f.file, l.st.next); return nil })
		}
	}
	for _, f := range fields {
		if f.image != nil {
			first = append(first, f.read)
		}
	}
	for _, at := range l.spans() {
		first = append(first, func() error { return ids.scan(at) })
		for _, f := range fields {
			if f.image != nil {
				rest = append(rest, func() error { return f.scanRest(at) })
				continue
			}
			read := f.scan
			if f.seal != nil {
				read = f.scanRest
			}
			first = append(first, func() error { return read(at) })
		}
	}
	return first, rest
}

// share does jobs on as many goroutines as there are cores, the first ones
// first.
func share(jobs []func() error) error {
	var at atomic.Int64
	faults := make([]error, min(len(jobs), runtime.GOMAXPROCS(0)))
	var wg sync.WaitGroup
	for w := range faults {
		wg.Go(func() {
			for i := at.Add(1) - 1; i < int64(len(jobs)) && faults[w] == nil; i = at.Add(1) - 1 {
				faults[w] = jobs[i]()
			}
		})
	}
	wg.Wait()
	return errors.Join(faults...)
}

// parts are sets that scans of stretches have found.
type parts struct {
	mu   sync.Mutex
	sets []*index.Set
}

func (p *parts) add(e *index.Editor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sets = append(p.sets, e.Done())
}

// idsLoad reads which slots are live, and whose they are.
type idsLoad struct {
	l           *loader
	live, uuids parts
}

func (d *idsLoad) scan(at span) error {
	live, uuids := (*index.Set)(nil).Edit(), (*index.Set)(nil).Edit()
	s, next := d.l.s, d.l.st.next
	var fault error
	err := s.o.Store.ScanSlots(s.id, at.from, at.to, func(slot index.Slot, row storage.SlotRow) bool {
		if slot >= next {
			fault = fmt.Errorf("%w: slot %d is live, and %d is the next", storage.ErrCorrupt, slot, next)
			return false
		}
		live.Add(slot)
		if row.ID.IsUUID() {
			uuids.Add(slot)
		}
		fault = s.writer.ids.load(slot, row, next)
		return fault == nil
	})
	d.live.add(live)
	d.uuids.add(uuids)
	return errors.Join(err, fault)
}

func (d *idsLoad) finish() error {
	l := d.l
	l.st.live = index.Union(d.live.sets...)
	l.s.writer.ids.uuids = index.Union(d.uuids.sets...)
	l.st.ids = l.s.writer.ids.publish()
	if n := uint64(l.st.live.Len()); n != l.row.Live {
		return fmt.Errorf("%w: the shard counts %d points and has %d", storage.ErrCorrupt, l.row.Live, n)
	}
	return nil
}

// rowsLoad reads one vector's rows.
type rowsLoad struct {
	l     *loader
	state fieldState
	file  *graphFile // nil: there is none
	image *imageLoad // nil: there is none
	seal  *bulk.Seal // of the file of rows that was taken over; nil: there is none
	found parts
}

// prepare makes the field, with room for all of its rows, so that they do not
// move while several write to them.
func (l *loader) prepare(at int) (*rowsLoad, error) {
	v := &l.schema.Vectors[at]
	number, ok := l.number(v.Name)
	if !ok {
		return nil, fmt.Errorf("%w: vector %q has no number", storage.ErrCorrupt, v.Name)
	}
	f := &rowsLoad{l: l}
	f.state = fieldState{field: l.s.newField(v, number), settings: l.schema.HNSWFor(v), kind: v.Index.OrGraph()}
	var err error
	if f.seal, err = l.s.openSeal(&f.state, l.st.next); err != nil {
		return nil, err
	}
	image, err := l.s.openImage(&f.state, l.st.next)
	if err != nil {
		return nil, err
	}
	if image != nil {
		f.image = &imageLoad{Image: image}
	}
	f.file = l.s.openGraph(&f.state)
	if f.file != nil || f.image != nil {
		if err := f.state.rows.Pin(); err != nil {
			return nil, errors.Join(err, closeAll([]*rowsLoad{f}))
		}
	}
	if l.row.Live == 0 && f.file == nil && f.image == nil {
		return f, nil
	}
	if err := errors.Join(f.state.rows.Grow(int(l.st.next)), f.state.sumRoom(int(l.st.next))); err != nil {
		return nil, errors.Join(err, closeAll([]*rowsLoad{f}))
	}
	return f, nil
}

func closeAll(fields []*rowsLoad) (err error) {
	for _, f := range fields {
		if f.file != nil {
			err = errors.Join(err, f.file.Close())
		}
		if f.image != nil {
			err = errors.Join(err, f.image.Close())
		}
	}
	return err
}

// scan copies the rows of some slots. Those of the dead are wanted where a graph
// walks through them, which may not be known yet: all are taken, and the next
// sweep gives back what nobody needs.
func (f *rowsLoad) scan(at span) error {
	return f.take(func(yield func(index.Slot, []byte) bool) error {
		return f.l.s.o.Store.ScanVectors(f.l.s.id, f.state.number, at.from, at.to, yield)
	})
}

// take copies the rows that a scan yields.
func (f *rowsLoad) take(scan func(yield func(index.Slot, []byte) bool) error) (fault error) {
	found, data, conf := (*index.Set)(nil).Edit(), f.state.rows.Rows(), &f.state.conf
	err := scan(func(slot index.Slot, raw []byte) bool {
		if len(raw) != conf.RowBytes() || slot >= f.l.st.next {
			fault = fmt.Errorf("%w: vector %q of slot %d has %d bytes", storage.ErrCorrupt, conf.Name, slot, len(raw))
			return false
		}
		found.Add(slot)
		if int(slot) < data.Len() {
			copy(data.Bytes(uint32(slot)), raw)
			f.state.noteSum(slot, raw)
		}
		return true
	})
	f.found.add(found)
	return errors.Join(fault, err)
}

// finish puts the field into the state; dead rows are remembered for the sweep.
func (f *rowsLoad) finish() {
	if f.image != nil {
		f.found.sets = append(f.found.sets, f.image.intact)
	}
	if f.seal != nil {
		f.found.sets = append(f.found.sets, f.seal.Slots)
	}
	found := index.Union(f.found.sets...)
	f.state.has = found.And(f.l.st.live)
	f.state.data = f.state.rows.Rows()
	f.l.s.keepGarbage(slices.Collect(found.AndNot(f.l.st.live).All()))
	f.l.st.fields = append(f.l.st.fields, f.state)
}
