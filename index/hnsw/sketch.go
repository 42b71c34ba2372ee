package hnsw

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

// sketch is what passes over all matches look at before codes: a sketch for each
// slot, in blocks. It follows the nodes: those of slots below filled have theirs.
//
// A row is written by whoever inserts its slot, before any search may meet it.
type sketch struct {
	code   *quant.Sketch // nil: the vectors vary along too many axes
	rows   *arena.Arena  // a block each
	next   *arena.Arena  // a second row for each slot
	filled atomic.Uint32
}

const (
	// leastSketched is how many nodes sketches are worth making for: codes of fewer
	// are looked through in a tenth of a millisecond.
	leastSketched = 1 << 12
	// vectorPart is how much longer a vector is than a sketch at least. Beside
	// shorter ones sketches take memory that a walk through codes has more use for,
	// and a code is nearly as quickly read.
	vectorPart = 16
)

// sketchBytes is the memory of one sketch.
const sketchBytes = simd.SketchBytes / simd.SketchRows

// Sketchable reports whether passes over many matches would go by sketches, had
// all slots one: there are codes, and vectors that are long enough.
func (g *Graph) Sketchable() bool {
	by := g.guide.Load()
	switch {
	case by == nil || g.grove || g.Len() < leastSketched:
		return false
	case by.sketch != nil && by.sketch.code == nil:
		return false
	case g.o.Metric == index.Cosine && g.o.Datatype == index.Uint8: // rows have their length
		return false
	}
	return g.o.Metric != index.Manhattan && g.o.Dim >= quant.MinSketchDim && g.vectors.Rows().Stride() >= vectorPart*sketchBytes
}

// emptySketch has no slot's yet; nil: there will be none.
func emptySketch(code *quant.Sketch) *sketch {
	return &sketch{
		code: code,
		rows: arena.New(arena.Options{RowBytes: simd.SketchBytes}),
		next: arena.New(arena.Options{RowBytes: quant.SketchNextBytes()}),
	}
}

func (x *sketch) pin() error { return errors.Join(x.rows.Pin(), x.next.Pin()) }

// grow makes room for those of so many slots.
func (x *sketch) grow(slots int) error {
	return errors.Join(x.rows.Grow(blocksOf(slots)), x.next.Grow(slots))
}

// SketchSome makes the sketches of so many slots more and answers how many are
// left. Searches go by those that there are. The axes are those of the graph's own
// vectors at the first call; a new guide begins anew. Not beside Insert or
// Truncate; searches go on. On error nothing has changed, and stopped, none of these
// slots counts.
func (g *Graph) SketchSome(slots int, p index.Pace) (left int, err error) {
	if !g.Sketchable() {
		return 0, nil
	}
	now := g.guide.Load()
	x := now.sketch
	if x == nil {
		crew := index.NewCrew(p)
		code := g.trainSketch(crew)
		if crew.Stopped() {
			return g.Unsketched(), nil
		}
		x = emptySketch(code)
		if err := x.pin(); err != nil {
			return 0, errors.Join(err, x.close())
		}
		g.guide.Store(&guide{code: now.code, rows: now.rows, beside: now.beside, sketch: x})
		if x.code == nil {
			return 0, nil
		}
	}
	end := g.nodes.Rows().Len()
	from := min(int(x.filled.Load()), end)
	to := from + min(slots, end-from)
	if err := x.grow(to); err != nil {
		return 0, err
	}
	if !g.eachVector(uint32(from), uint32(to), p, func(w *walker, s uint32) {
		if g.levels(s) > 0 {
			w.decode(s)
			x.put(s, w)
		}
	}) {
		return end - from, nil
	}
	x.filled.Store(uint32(to))
	return end - to, nil
}

// Unsketched is how many slots SketchSome would still make sketches for.
func (g *Graph) Unsketched() int {
	if !g.Sketchable() {
		return 0
	}
	left := g.nodes.Rows().Len()
	if x := g.guide.Load().sketch; x != nil {
		left -= int(x.filled.Load())
	}
	return max(left, 0)
}

// trainSketch finds the axes of nodes from all over the graph; nil: they have none.
func (g *Graph) trainSketch(crew *index.Crew) *quant.Sketch {
	w := g.walker(nil)
	defer g.release(w)
	end := g.nodes.Rows().Len()
	step := max(end/quant.MaxSketchSamples, 1)
	var samples []float32
	for s := 0; s < end; s += step {
		if g.levels(uint32(s)) > 0 {
			w.decode(uint32(s))
			samples = append(samples, w.vector...)
		}
	}
	return quant.NewSketch(quant.ReducedOptions{Metric: g.o.Metric, Dim: g.o.Dim, Seed: g.o.Seed}, samples, crew)
}

// put writes the sketch of a slot, whose vector is in w.vector.
func (x *sketch) put(s uint32, w *walker) {
	x.code.Put(x.rows.Rows().Bytes(s/simd.SketchRows), int(s%simd.SketchRows), x.next.Rows().Bytes(s), w.vector, &w.scratch)
}

// follow has a slot's sketch be that of w.vector, if it was to have one by now.
func (x *sketch) follow(s uint32, w *walker) {
	if x != nil && s < x.filled.Load() {
		x.put(s, w)
	}
}

// all reports whether all but a few of so many slots have sketches.
func (x *sketch) all(slots int) bool {
	return x != nil && slots > 0 && int(x.filled.Load()) >= slots-slots/16
}

// blocks is the block of slot 0, the second rows, and below which slot there are
// sketches.
func (x *sketch) blocks() (rows, next arena.Rows, end int) {
	if x == nil || x.code == nil {
		return arena.Rows{}, arena.Rows{}, 0
	}
	rows, next = x.rows.Rows(), x.next.Rows() // none once they are abandoned
	return rows, next, min(int(x.filled.Load()), rows.Len()*simd.SketchRows, next.Len())
}

// sketchAt is a block of sketches.
func sketchAt(rows arena.Rows, i int) unsafe.Pointer {
	return unsafe.Add(rows.Base(), i*simd.SketchBytes)
}

func (x *sketch) abandon() {
	if x != nil {
		x.rows.Abandon()
		x.next.Abandon()
	}
}

func (x *sketch) close() error {
	if x == nil {
		return nil
	}
	return errors.Join(x.rows.Close(), x.next.Close())
}

func (x *sketch) bytes() int64 {
	if x == nil {
		return 0
	}
	return x.rows.Resident() + x.next.Resident()
}

// release gives the memory of slots back, as Graph.Release does.
func (x *sketch) release(from, to index.Slot) {
	if x != nil {
		x.rows.Release(int(from+simd.SketchRows-1)/simd.SketchRows, int(to)/simd.SketchRows)
		x.next.Release(int(from), int(to))
	}
}

// truncate forgets the slots from a number on.
func (x *sketch) truncate(next index.Slot) {
	if x == nil {
		return
	}
	x.filled.Store(min(x.filled.Load(), uint32(next)))
	x.rows.Truncate(blocksOf(int(next)))
	x.next.Truncate(int(next))
}
