package hnsw

import (
	"errors"
	"sync/atomic"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/quant"
)

// guide is the codes that walks go by, a row for each slot.
type guide struct {
	code   quant.Code
	rows   *arena.Arena
	beside *inline // nil: nothing lies beside the links
	sketch *sketch // nil: there is none yet
}

// Guide has searches and inserts walk by codes, a small part of the vectors'
// memory, and measure the best by their vectors at the end. It encodes every
// node before the new code takes over from the old; nil takes the guide away.
// Not beside Insert; searches go on. On error nothing has changed.
func (g *Graph) Guide(code quant.Code, p index.Pace) error {
	old := g.guide.Load()
	if code == nil {
		g.guide.Store(nil)
		old.abandon()
		return nil
	}
	fresh := &guide{code: code, rows: arena.New(arena.Options{RowBytes: code.RowBytes()})}
	if err := errors.Join(fresh.rows.Pin(), fresh.rows.Grow(g.nodes.Rows().Len())); err != nil {
		return errors.Join(err, fresh.rows.Close())
	}
	if !g.encodeAll(fresh, p) {
		return errors.Join(index.ErrStopped, fresh.rows.Close())
	}
	g.guide.Store(fresh)
	old.abandon()
	return nil
}

// Code is the code that walks go by, nil when they go by the vectors.
func (g *Graph) Code() quant.Code {
	if at := g.guide.Load(); at != nil {
		return at.code
	}
	return nil
}

// encodeAll says whether it got to the end.
func (g *Graph) encodeAll(to *guide, p index.Pace) bool {
	return g.eachVector(0, uint32(g.nodes.Rows().Len()), p, func(w *walker, s uint32) {
		if g.levels(s) > 0 {
			w.encode(to, s)
		}
	})
}

// eachSlot does something for each slot of a range; false: it was stopped.
func (g *Graph) eachSlot(first, end uint32, p index.Pace, do func(w *walker, s uint32)) bool {
	return g.eachStretch(first, end, p, func(w *walker, from, to uint32) {
		for s := from; s < to; s++ {
			do(w, s)
		}
	})
}

// eachVector is eachSlot of what reads the slots' vectors: where these lie on disk,
// a stretch of them is asked for at once.
func (g *Graph) eachVector(first, end uint32, p index.Pace, do func(w *walker, s uint32)) bool {
	return g.eachStretch(first, end, p, func(w *walker, from, to uint32) {
		if g.vectors.OnDisk() {
			g.vectors.Rows().WantRange(from, to)
		}
		for s := from; s < to; s++ {
			do(w, s)
		}
	})
}

// eachStretch shares a range of slots among workers, a stretch at a time; false: it
// was stopped.
func (g *Graph) eachStretch(first, end uint32, p index.Pace, do func(w *walker, from, to uint32)) bool {
	var next atomic.Uint32
	var stopped atomic.Bool
	next.Store(first)
	p.Each(func(hand int) {
		w := g.walker(nil)
		defer g.release(w)
		const stretch = 64
		for from := next.Add(stretch) - stretch; from < end; from = next.Add(stretch) - stretch {
			if !p.Goes(hand) {
				stopped.Store(true)
				return
			}
			do(w, from, min(from+stretch, end))
		}
	})
	return !stopped.Load()
}

// encode writes the code of a slot, and leaves its vector in w.vector.
func (w *walker) encode(to *guide, s uint32) {
	w.decode(s)
	to.code.Encode(to.rows.Rows().Bytes(s), w.vector, &w.scratch)
}

// decode reads a slot's vector into w.vector.
func (w *walker) decode(s uint32) {
	if cap(w.vector) < w.g.o.Dim {
		w.vector = make([]float32, w.g.o.Dim)
	}
	w.vector = w.vector[:w.g.o.Dim]
	w.g.o.Datatype.Decode(w.vector, w.g.vectors.Rows().Bytes(s))
}

func (at *guide) abandon() {
	if at != nil {
		at.rows.Abandon()
		at.beside.abandon()
		at.sketch.abandon()
	}
}

// bytes is the memory of the codes.
func (at *guide) bytes() int64 {
	if at == nil {
		return 0
	}
	return at.rows.Resident() + at.beside.bytes() + at.sketch.bytes()
}
