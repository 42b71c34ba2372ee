package ivfpq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/block"
)

// Load reads an index that Save wrote, over the same vectors and with the same
// settings; Probes and Workers may be others. Every checksum and every slot is
// checked: a damaged file gives block.ErrCorrupt, never an index that could lead
// a search astray.
func Load(r io.Reader, vectors *arena.Arena, o Options) (*Index, index.Meta, error) {
	x, err := New(vectors, o)
	if err != nil {
		return nil, index.Meta{}, err
	}
	m, err := x.load(r)
	if err != nil {
		return nil, index.Meta{}, errors.Join(err, x.Close())
	}
	return x, m, nil
}

func (x *Index) load(r io.Reader) (m index.Meta, err error) {
	known, err := block.Open(r, magic)
	if err != nil {
		return m, err
	}
	if known < 1 || known > version {
		return m, fmt.Errorf("%w: %d, this build knows 1 to %d", ErrVersion, known, version)
	}
	in := block.NewReader(r)
	var h header
	var f framed
	if err := fixed(in, &h); err != nil {
		return m, err
	}
	if known > 1 {
		if err := fixed(in, &f); err != nil {
			return m, err
		}
	}
	if err := x.fits(&h, f); err != nil {
		return m, err
	}
	l := &loader{x: x, in: in, h: &h}
	if err := errors.Join(x.members.words.Grow((x.vectors.Rows().Len()+63)/64), l.read()); err != nil {
		return m, err
	}
	if x.Len() != int(h.Count) {
		return m, fmt.Errorf("%w: %d slots, the header says %d", block.ErrCorrupt, x.Len(), h.Count)
	}
	return index.Meta{High: index.Slot(h.High), Applied: h.Applied, Effort: int(h.Effort)}, in.End()
}

// fixed reads what has a size of its own.
func fixed(in *block.Reader, to any) error {
	raw, err := in.Next(binary.Size(to))
	if err != nil {
		return err
	}
	_, err = binary.Decode(raw, binary.LittleEndian, to)
	return err
}

// fits checks a header against the options.
func (x *Index) fits(h *header, f framed) error {
	want := x.header(new(generation), index.Meta{})
	switch {
	case h.Metric != want.Metric || h.Type != want.Type || h.Dim != want.Dim || h.Subs != want.Subs || h.Asked != want.Asked || h.Seed != want.Seed || f != x.framed():
		return fmt.Errorf("%w: %+v %+v", ErrSettings, *h, f)
	case h.Lists > MostLists || h.Groups > h.Lists || (h.Groups == 0) != (h.Lists == 0):
		return fmt.Errorf("%w: %d lists in %d groups", block.ErrCorrupt, h.Lists, h.Groups)
	case int64(h.Count) > int64(x.vectors.Rows().Len()) || h.Waiting > h.Count:
		return fmt.Errorf("%w: %d slots, there are %d vectors", block.ErrCorrupt, h.Count, x.vectors.Rows().Len())
	case !sound(h.Spread) || !sound(h.Imbalance) || !sound(h.Sum) || h.Points > 1<<32 || h.Came > 1<<32:
		return fmt.Errorf("%w: %+v", block.ErrCorrupt, *h)
	}
	return nil
}

func sound(f float64) bool { return f >= 0 && f-f == 0 }

// loader reads one checkpoint into an empty index.
type loader struct {
	x  *Index
	in *block.Reader
	h  *header
}

func (l *loader) read() error {
	if err := l.waiting(); err != nil || l.h.Lists == 0 {
		return err
	}
	m, err := l.model()
	if err != nil {
		return err
	}
	g, err := newGeneration(m)
	if err != nil {
		return err
	}
	g.drift.points, g.drift.spread, g.drift.imbalance = int(l.h.Points), l.h.Spread, l.h.Imbalance
	g.drift.sum, g.drift.came = l.h.Sum, int(l.h.Came)
	for i := range g.lists {
		if err := l.list(g, &g.lists[i]); err != nil {
			return errors.Join(err, g.close())
		}
	}
	g.waiting.Store(l.x.now.Load().waiting.Load())
	l.x.now.Store(g)
	return nil
}

// waiting reads the slots that no training has seen.
func (l *loader) waiting() error {
	for range l.h.Waiting {
		raw, err := l.in.Next(4)
		if err != nil {
			return err
		}
		slot := binary.LittleEndian.Uint32(raw)
		if err := l.join(slot); err != nil {
			return err
		}
		l.x.now.Load().wait(slot)
	}
	return nil
}

// join makes a slot a member; each is there once, and has a vector.
func (l *loader) join(slot uint32) error {
	s := index.Slot(slot)
	if int64(slot) >= int64(l.x.vectors.Rows().Len()) || l.x.members.has(s) {
		return fmt.Errorf("%w: slot %d is there twice, or has no vector", block.ErrCorrupt, slot)
	}
	l.x.members.add(s)
	return nil
}

// frame reads the axes, and makes what follows from them.
func (l *loader) frame() (*frame, error) {
	f, o := &frame{}, &l.x.o
	if o.Axes > 0 {
		f.mean, f.axes = make([]float32, o.Dim), make([]float32, o.Axes*o.Dim)
		if err := errors.Join(l.floats(f.mean), l.floats(f.axes)); err != nil {
			return nil, err
		}
	}
	f.ready(o)
	return f, nil
}

// model reads frame, groups, mean, codebooks and centroids.
func (l *loader) model() (*model, error) {
	f, err := l.frame()
	if err != nil {
		return nil, err
	}
	dim := l.x.o.inner()
	m := &model{o: l.x.o, frame: f, mean: make([]float32, dim)}
	c := &coarse{metric: l.x.o.Metric, centroids: matrix{dim: dim}}
	m.codes = &product{dim: dim, subs: l.x.o.subs(), books: make([]float32, words*dim)}
	first := make([]uint32, l.h.Groups+1)
	if err := fixed(l.in, first); err != nil {
		return nil, err
	}
	sizes := make([]int, l.h.Groups)
	for g := range sizes {
		if first[g] >= first[g+1] {
			return nil, fmt.Errorf("%w: group %d is empty", block.ErrCorrupt, g)
		}
		sizes[g] = int(first[g+1] - first[g])
	}
	if first[0] != 0 || first[l.h.Groups] != l.h.Lists {
		return nil, fmt.Errorf("%w: groups of %d lists, the header says %d", block.ErrCorrupt, first[l.h.Groups], l.h.Lists)
	}
	if err := errors.Join(l.floats(m.mean), l.floats(m.codes.books)); err != nil {
		return nil, err
	}
	row := make([]float32, dim)
	for range l.h.Lists { // grown as it is read: the header alone takes no memory
		if err := l.floats(row); err != nil {
			return nil, err
		}
		c.centroids.v = append(c.centroids.v, row...)
	}
	c.regroup(sizes)
	m.codes.finish()
	m.coarse = c
	return m, nil
}

func (l *loader) floats(v []float32) error {
	if err := fixed(l.in, v); err != nil {
		return err
	}
	for _, x := range v {
		if !finite(x) {
			return fmt.Errorf("%w: a value that is no number", block.ErrCorrupt)
		}
	}
	return nil
}

// list reads a list's entries.
func (l *loader) list(g *generation, to *list) error {
	raw, err := l.in.Next(4)
	if err != nil {
		return err
	}
	n := int(binary.LittleEndian.Uint32(raw))
	if n > int(l.h.Count)-l.x.Len() {
		return fmt.Errorf("%w: lists of more than %d slots", block.ErrCorrupt, l.h.Count)
	}
	full := to.fill(&g.blocks, n, func(_ int, e *entry) {
		if err != nil {
			return
		}
		if raw, err = l.in.Next(entryBytes(g.blocks.subs)); err != nil {
			return
		}
		takeEntry(raw, e)
		if !finite(e.add) || !finite(e.mul) {
			err = fmt.Errorf("%w: a value that is no number", block.ErrCorrupt)
			return
		}
		err = l.join(e.slot)
	})
	return errors.Join(full, err)
}
