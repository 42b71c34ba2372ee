package hnsw

import (
	"errors"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/quant"
	"github.com/kithdb/kith/index/simd"
)

// inline is the lists once more, each link with a code of the neighbour as it is
// seen from the node: which neighbours are worth measuring stands in one row, so
// that a walk looks at a few places in memory instead of one for each link. Those
// of the higher levels are in its ladder.
//
// A row is blocks of 32 lanes: their slots, then the block of quant.Beside. Lanes
// that the list leaves free hold nodes two links away, which cost nothing. A lane
// may be behind its list: it then names a node that is, or was, in the graph.
//
// Before the blocks of level 0 stands the node's own code once more, where it is
// long: a walk measures a node by its code, then often reads its row, and finds
// both in one page.
//
// A row is written under its node's stripe; searches read beside it. A lane read
// half may be passed over or measured in vain, and nothing worse.
type inline struct {
	code   *quant.Beside
	codes  *arena.Arena // the guide's rows, that code stands on
	rows   *arena.Arena
	own    int // bytes of a row before its blocks; 0: without the node's code
	blocks int // in a row
	stride int // bytes from block to block
	ladder *ladder
	// filled: the rows of slots below follow their lists; whole when all do.
	filled atomic.Uint32
}

// whole is above every slot.
const whole = math.MaxUint32

const (
	lanes     = quant.BesideLanes
	slotBytes = 4 * lanes
	rowAlign  = 16
	// leastOwn is how many bytes a code has at least that stands in its node's row,
	// too, and that there is a ladder beside. Shorter ones gain nothing by either.
	leastOwn = 256
)

// Inline has searches read codes beside the links before they measure (the
// contract's inline_storage), or takes those codes away. It needs a guide of codes
// that a Beside can stand on, and does nothing without. A new guide takes them
// away. Not beside Insert or Repair; searches go on. On error nothing has changed.
func (g *Graph) Inline(on bool, workers int) error {
	if on {
		_, err := g.InlineSome(math.MaxInt, index.Pace{Workers: workers})
		return err
	}
	if now := g.guide.Load(); now != nil && now.beside != nil {
		g.guide.Store(&guide{code: now.code, rows: now.rows, sketch: now.sketch})
		now.beside.abandon()
	}
	return nil
}

// InlineSome is the next piece of Inline(true): it fills the rows of so many slots
// and answers how many are left. Between two pieces there may be inserts and
// repairs, which what is filled follows; searches go by the links until all is.
// Stopped, none of these slots counts.
func (g *Graph) InlineSome(slots int, p index.Pace) (left int, err error) {
	now := g.guide.Load()
	if !g.Inlinable() || g.Inlined() {
		return 0, nil
	}
	end := g.nodes.Rows().Len()
	if now.beside == nil {
		next := &guide{code: now.code, rows: now.rows, sketch: now.sketch, beside: newInline(&g.o, now)}
		if err := errors.Join(next.beside.rows.Pin(), next.beside.ladder.pin(), next.beside.grow(end, g)); err != nil {
			return 0, errors.Join(err, next.beside.Close())
		}
		g.guide.Store(next)
		now = next
	}
	x := now.beside
	from := min(int(x.filled.Load()), end) // slots may have been cut off
	to := from + min(slots, end-from)
	if !x.fill(g, uint32(from), uint32(to), p) {
		return end - from, nil
	}
	if to < end {
		x.filled.Store(uint32(to))
		return end - to, nil
	}
	x.filled.Store(whole)
	return 0, nil
}

// Inlining reports whether codes lie beside some of the links at least.
func (g *Graph) Inlining() bool {
	by := g.guide.Load()
	return by != nil && by.beside != nil
}

// Inlinable reports whether walks go by codes that others can stand beside.
func (g *Graph) Inlinable() bool {
	affine, ok := g.Code().(*quant.Affine)
	return ok && quant.Besides(affine) && !g.o.Loose
}

// Inlined reports whether codes lie beside all links.
func (g *Graph) Inlined() bool {
	by := g.guide.Load()
	return by != nil && by.beside != nil && by.beside.filled.Load() == whole
}

func newInline(o *Options, by *guide) *inline {
	x := &inline{code: quant.NewBeside(by.code.(*quant.Affine)), codes: by.rows, blocks: (o.most(0) + lanes - 1) / lanes}
	x.stride = (slotBytes + x.code.BlockBytes() + rowAlign - 1) / rowAlign * rowAlign
	if n := by.code.RowBytes(); n >= leastOwn {
		x.own = (n + rowAlign - 1) / rowAlign * rowAlign
		x.ladder = newLadder((o.M + lanes - 1) / lanes * x.stride)
	}
	x.rows = arena.New(arena.Options{RowBytes: x.own + x.blocks*x.stride})
	return x
}

// grow makes room for slots below n. The graph's growth is locked, or nobody
// knows the rows yet.
func (x *inline) grow(n int, g *Graph) error {
	return errors.Join(x.ladder.grow(n, g), x.rows.Grow(n))
}

// release and truncate are Graph's.
func (x *inline) release(from, to index.Slot) {
	x.rows.Release(int(from), int(to))
	x.ladder.release(from, to)
}

func (x *inline) truncate(next index.Slot) {
	x.rows.Truncate(int(next))
	x.ladder.truncate(next)
}

// Close frees the rows.
func (x *inline) Close() error { return errors.Join(x.rows.Close(), x.ladder.close()) }

// fill writes the rows of all nodes in a range of slots; false: it was stopped.
func (x *inline) fill(g *Graph, from, to uint32, p index.Pace) bool {
	by := g.guide.Load()
	return g.eachSlot(from, to, p, func(w *walker, s uint32) {
		w.guide, w.codesOnly = by, g.byCodes(by)
		x.blank(s)
		x.copyCode(s)
		for level := range g.levels(s) {
			if row := x.row(s, level); row != nil {
				w.list = w.further(s, level, links(w.list[:0], g.list(s, level)), len(row)/x.stride*lanes)
				w.layOut(x, s, row, w.list)
			}
		}
	})
}

// follows reports whether a slot's row is filled, so that it must follow its list.
func (x *inline) follows(s uint32) bool { return s < x.filled.Load() }

func (x *inline) abandon() {
	if x != nil {
		x.rows.Abandon()
		x.ladder.abandon()
	}
}

func (x *inline) bytes() int64 {
	if x == nil {
		return 0
	}
	return x.rows.Resident() + x.ladder.bytes()
}

// row is the blocks of a node on a level, nil where a walk reads the list.
func (x *inline) row(s uint32, level int) []byte {
	if level > 0 {
		now := x.ladder.steps()
		return now.row(s, level)
	}
	return x.rows.Rows().Bytes(s)[x.own:]
}

// eachRow passes the blocks of a slot on every level that it may be on.
func (x *inline) eachRow(s uint32, do func(row []byte)) {
	row := x.row(s, 0)
	for level := 1; row != nil; level++ {
		do(row)
		row = x.row(s, level)
	}
}

// block is the block of a row that a lane is in.
func (x *inline) block(row []byte, lane int) []byte {
	return row[lane/lanes*x.stride:][:x.stride]
}

// encoded has a node's row follow its code, before anyone links to the node.
func (x *inline) encoded(s uint32) {
	if x != nil && x.follows(s) {
		x.copyCode(s)
	}
}

// copyCode puts a node's own code into its row, if it belongs there.
func (x *inline) copyCode(s uint32) {
	if x.own > 0 {
		copy(x.rows.Rows().Bytes(s)[:x.own], x.codes.Rows().Bytes(s))
	}
}

// slot is where a lane's neighbour stands.
func slot(block []byte, lane int) *uint32 { return (*uint32)(unsafe.Pointer(&block[4*(lane%lanes)])) }

// blank empties a slot's rows.
func (x *inline) blank(s uint32) {
	x.eachRow(s, func(row []byte) {
		for lane := range len(row) / x.stride * lanes {
			x.clear(row, lane)
		}
	})
}

func (x *inline) clear(row []byte, lane int) {
	block := x.block(row, lane)
	atomic.StoreUint32(slot(block, lane), noLane)
	x.code.Clear(block[slotBytes:], lane%lanes)
}

// noLane stands in empty lanes: no slot has this number.
const noLane = math.MaxUint32

// layOut puts those of a list into a node's row that are not in it, each in the
// place of one that is not in the list.
func (w *walker) layOut(x *inline, s uint32, row []byte, list []uint32) {
	codes := x.codes.Rows()
	lane, stood := 0, false
	for _, to := range list {
		if x.holds(row, to) {
			continue
		}
		for slices.Contains(list, *slot(x.block(row, lane), lane)) {
			lane++
		}
		if !stood {
			w.decode(s)
			x.code.Stand(&w.place, w.vector)
			stood = true
		}
		block := x.block(row, lane)
		x.code.Put(block[slotBytes:], lane%lanes, &w.place, codes.Bytes(to))
		atomic.StoreUint32(slot(block, lane), to)
	}
}

// holds reports whether a row has a neighbour.
func (x *inline) holds(row []byte, to uint32) bool {
	for k := range len(row) / x.stride {
		ids := (*[lanes]uint32)(unsafe.Pointer(&row[k*x.stride]))
		if slices.Contains(ids[:], to) {
			return true
		}
	}
	return false
}

// inlay has a node's row follow its list. Its stripe is held.
func (w *walker) inlay(s uint32, level int) {
	if w.g.grove || w.guide == nil || w.guide.beside == nil || !w.guide.beside.follows(s) {
		return
	}
	if row := w.guide.beside.row(s, level); row != nil {
		w.list = links(w.list[:0], w.g.list(s, level))
		w.layOut(w.guide.beside, s, row, w.list)
	}
}

// forget empties the lanes of a node's rows that hold none of the live.
func (x *inline) forget(s uint32, live *index.Set) {
	x.eachRow(s, func(row []byte) {
		for lane := range len(row) / x.stride * lanes {
			if to := *slot(x.block(row, lane), lane); to != noLane && !live.Contains(index.Slot(to)) {
				x.clear(row, lane)
			}
		}
	})
}

// further adds to a node's list on a level the nearest of the nodes that its links
// link to.
func (w *walker) further(s uint32, level int, list []uint32, most int) []uint32 {
	own := len(list)
	if own >= most {
		return list
	}
	w.begin()
	w.marks.add(s)
	for _, to := range list {
		w.marks.add(to)
	}
	w.fresh = w.fresh[:0]
	for _, to := range list {
		next := w.g.list(to, level)
		n, at := count(next), len(w.fresh)
		w.fresh = slices.Grow(w.fresh, n)
		w.fresh = w.fresh[:at+w.marks.addList(w.fresh[at:at+n], next[1:n+1])]
	}
	if len(w.fresh) == 0 {
		return list
	}
	w.room()
	w.standAt(s)
	w.apart(w.fresh, w.dist)
	w.filling.Reset(most - own)
	w.filling.Offer(w.fresh, w.dist)
	for at := range w.filling.Len() {
		to, _ := w.filling.At(at)
		list = append(list, to)
	}
	return list
}

// siftLinks has the walk read codes beside the links where there are some. The
// guide's code was asked before.
func (w *walker) siftLinks() {
	if w.g.grove || w.guide == nil || w.guide.beside == nil || w.guide.beside.filled.Load() != whole {
		return
	}
	rows := w.guide.beside.rows.Rows()
	if rows.Len() == 0 { // taken away since the guide was read
		return
	}
	w.sifting, w.besideRows, w.stepRows = w.guide.beside, rows, w.guide.beside.ladder.steps()
	if w.sifting.own > 0 {
		w.codeRows = rows
	}
	w.sifting.code.Ask(&w.asked, &w.look)
}

// sift puts into dst the neighbours of a node at a distance that were not visited
// and, by the codes beside the links, are nearer than the pool's last. While the
// pool has room, those are the nearest that fill it.
func (w *walker) sift(dst []uint32, slot uint32, dist float32) []uint32 {
	x := w.sifting
	if most := x.blocks * lanes; cap(dst) < most {
		dst = make([]uint32, 0, most)
	}
	fresh := dst[:x.blocks*lanes]
	row := unsafe.Add(w.besideRows.Base(), int(slot)*w.besideRows.Stride()+x.own)
	n, room := 0, w.pool.Free()
	w.few, w.fewAt = w.few[:0], w.fewAt[:0]
	for k, some := range w.look.Below(unsafe.Add(row, slotBytes), x.blocks, x.stride, dist, w.pool.Limit()) {
		block := unsafe.Add(row, k*x.stride)
		if room > 0 {
			w.collect(block, k, some)
		} else {
			n += w.marks.addLanes(fresh[n:], (*[lanes]uint32)(block), some)
		}
	}
	w.work.Hops++
	if room > 0 {
		return w.nearest(dst[:0], room)
	}
	return fresh[:n]
}

// collect appends lanes of a block that were not visited to w.few.
func (w *walker) collect(block unsafe.Pointer, k int, some uint32) {
	slots, codes := (*[lanes]uint32)(block), unsafe.Add(block, slotBytes)
	for ; some != 0; some &= some - 1 {
		lane := bits.TrailingZeros32(some)
		if to := atomic.LoadUint32(&slots[lane]); !w.marks.has(to) {
			w.few, w.fewAt = append(w.few, to), append(w.fewAt, w.look.At(codes, k, lane))
		}
	}
}

// nearest appends the nearest of w.few to dst, so many at most. They are visited
// from now on; the others may be found again.
func (w *walker) nearest(dst []uint32, most int) []uint32 {
	w.filling.Reset(min(most, max(len(w.few), 1)))
	w.filling.Offer(w.few, w.fewAt)
	for at := range w.filling.Len() {
		if s, _ := w.filling.At(at); w.marks.add(s) {
			dst = append(dst, s)
		}
	}
	return dst
}

// prefetchInline asks memory for the row of the pool's next node to expand.
func (w *walker) prefetchInline(from int) {
	const most = 16 * 64
	if from = w.pool.Next(from); from >= w.pool.Len() {
		return
	}
	slot, _ := w.pool.At(from)
	stride, own := w.besideRows.Stride(), w.sifting.own
	simd.PrefetchRows(unsafe.Add(w.besideRows.Base(), own), stride, min(stride-own, most), []uint32{slot})
}
