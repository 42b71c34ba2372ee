package ivfpq

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/simd"
)

// blockSize is the vectors of a block.
const blockSize = simd.FastScanRows

// head is what a block holds beside its codes: add and mul are bfloat16, whose error
// is small beside the estimate's own, and a search reads them all.
type head struct {
	add, mul [blockSize]uint16
	slot     [blockSize]uint32
}

// blocks is the memory of the lists of one generation: heads and codes of a block
// have the same number. Blocks are given out once and never taken back.
type blocks struct {
	subs  int
	heads *arena.Arena
	codes *arena.Arena
	mu    sync.Mutex
	used  uint32
}

func (b *blocks) open(subs int) error {
	b.subs = subs
	b.heads = arena.New(arena.Options{RowBytes: int(unsafe.Sizeof(head{}))})
	b.codes = arena.New(arena.Options{RowBytes: simd.FastScanBytes(subs)})
	return errors.Join(b.heads.Pin(), b.codes.Pin())
}

// take gives out n blocks that lie side by side, all zero, and answers the first.
func (b *blocks) take(n int) (uint32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := errors.Join(b.heads.Grow(int(b.used)+n), b.codes.Grow(int(b.used)+n)); err != nil {
		return 0, err
	}
	first := b.used
	b.used += uint32(n)
	return first, nil
}

func (b *blocks) head(number uint32) *head {
	return (*head)(unsafe.Pointer(unsafe.SliceData(b.heads.Rows().Bytes(number))))
}

func (b *blocks) code(number uint32) []byte { return b.codes.Rows().Bytes(number) }

// put writes an entry into its place of a block, which nobody reads yet. Other
// places of the block may be read meanwhile: a half byte that shares a byte with
// another's leaves that as it is.
func (b *blocks) put(number uint32, at int, e *entry) {
	h, code := b.head(number), b.code(number)
	h.add[at], h.mul[at], h.slot[at] = index.ToBfloat16(e.add), index.ToBfloat16(e.mul), e.slot
	for sub, c := range e.codes {
		simd.PutFastScan(code, sub, at, c)
	}
}

// get reads an entry.
func (b *blocks) get(number uint32, at int, e *entry) {
	h, code := b.head(number), b.code(number)
	e.add, e.mul, e.slot = index.FromBfloat16(h.add[at]), index.FromBfloat16(h.mul[at]), h.slot[at]
	for sub := range e.codes {
		e.codes[sub] = code[sub*blockSize/2+at%16] >> (at / 16 * 4) & 15
	}
}

// list is the vectors of one centroid.
type list struct {
	mu  sync.Mutex // of whoever appends
	now atomic.Pointer[run]
}

// run is a list's blocks, of which n entries are in use. It is replaced when it
// gets more blocks than it has room for; what readers hold stays right.
type run struct {
	blocks []uint32
	n      atomic.Uint32
}

// entries is a list as it is now.
func (l *list) entries() (blocks []uint32, n int) { return l.now.Load().entries() }

// entries of nil are none.
func (r *run) entries() (blocks []uint32, n int) {
	if r == nil {
		return nil, 0
	}
	n = int(r.n.Load())
	return r.blocks[:(n+blockSize-1)/blockSize], n
}

// append adds an entry and then makes it visible.
func (l *list) append(b *blocks, e *entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.now.Load()
	n := 0
	if r != nil {
		n = int(r.n.Load())
	}
	if n%blockSize == 0 {
		number, err := b.take(1)
		if err != nil {
			return err
		}
		if r == nil || n/blockSize == len(r.blocks) {
			r = l.widen(r, n)
		}
		r.blocks[n/blockSize] = number
	}
	b.put(r.blocks[n/blockSize], n%blockSize, e)
	r.n.Store(uint32(n + 1))
	return nil
}

// widen gives a list room for twice its blocks.
func (l *list) widen(old *run, n int) *run {
	fresh := &run{blocks: make([]uint32, max(1, 2*n/blockSize))}
	if old != nil {
		copy(fresh.blocks, old.blocks)
	}
	fresh.n.Store(uint32(n))
	l.now.Store(fresh)
	return fresh
}

// fill makes a new list of n entries in blocks side by side.
func (l *list) fill(b *blocks, n int, next func(i int, e *entry)) error {
	if n == 0 {
		return nil
	}
	count := (n + blockSize - 1) / blockSize
	first, err := b.take(count)
	if err != nil {
		return err
	}
	r := &run{blocks: make([]uint32, count)}
	e := entry{codes: make([]uint8, b.subs)}
	for i := range n {
		next(i, &e)
		r.blocks[i/blockSize] = first + uint32(i/blockSize)
		b.put(r.blocks[i/blockSize], i%blockSize, &e)
	}
	r.n.Store(uint32(n))
	l.now.Store(r)
	return nil
}

// mostAhead is how many blocks of a list are asked for before it is read: most lists
// have fewer, and the processor follows longer ones by itself.
const mostAhead = 8

// prefetch asks memory for a list: for what is summed of each vector, or for the
// slots alone where these are looked at first and few blocks are read.
func (g *generation) prefetch(l *near, slots bool) {
	numbers := l.numbers[:min(len(l.numbers), mostAhead)]
	heads, codes := g.blocks.heads.Rows(), g.blocks.codes.Rows()
	if slots {
		simd.PrefetchRows(heads.Base(), heads.Stride(), heads.Stride(), numbers)
		return
	}
	simd.PrefetchRows(heads.Base(), heads.Stride(), simd.SiftHead16, numbers)
	simd.PrefetchRows(codes.Base(), codes.Stride(), codes.Stride(), numbers)
}

// generation is a model and the lists that are made by it. Train and Repair make
// the next one beside it.
type generation struct {
	model   *model // nil: not trained
	blocks  blocks
	lists   []list
	drift   drift
	cleanup runtime.Cleanup // frees the blocks once no search holds the generation

	waitMu  sync.Mutex
	waiting atomic.Pointer[[]uint32] // slots that came before a training
}

// newGeneration makes empty lists for a model.
func newGeneration(m *model) (*generation, error) {
	g := &generation{model: m, lists: make([]list, m.coarse.lists())}
	if err := g.blocks.open(m.codes.subs); err != nil {
		return nil, errors.Join(err, g.blocks.heads.Close(), g.blocks.codes.Close())
	}
	type memory struct{ heads, codes *arena.Arena }
	g.cleanup = runtime.AddCleanup(g, func(m memory) {
		_, _ = m.heads.Close(), m.codes.Close() // unmapping what was mapped
	}, memory{g.blocks.heads, g.blocks.codes})
	return g, nil
}

func (g *generation) close() error {
	if g.model == nil {
		return nil
	}
	g.cleanup.Stop()
	return errors.Join(g.blocks.heads.Close(), g.blocks.codes.Close())
}

// wait keeps a slot until the index is trained.
func (g *generation) wait(slot uint32) {
	g.waitMu.Lock()
	defer g.waitMu.Unlock()
	slots := append(g.waits(), slot)
	g.waiting.Store(&slots)
}

// waits is the slots that wait; what is appended behind is not seen in it.
func (g *generation) waits() []uint32 {
	if p := g.waiting.Load(); p != nil {
		return *p
	}
	return nil
}

func (g *generation) bytes() int64 {
	n := 4 * int64(len(g.waits()))
	if g.model == nil {
		return n
	}
	n += g.blocks.heads.Resident() + g.blocks.codes.Resident()
	for i := range g.lists {
		n += int64(unsafe.Sizeof(list{}))
		if r := g.lists[i].now.Load(); r != nil {
			n += int64(unsafe.Sizeof(run{})) + 4*int64(cap(r.blocks))
		}
	}
	c := g.model.coarse
	return n + 4*int64(len(c.centroids.v)+len(c.tops.v)+len(g.model.codes.books)+len(g.model.frame.axes))
}

// imbalance is how many times more vectors a random vector's list has than the
// mean list: 1 when all are alike.
func (g *generation) imbalance() float64 {
	var sum, squares float64
	for i := range g.lists {
		_, n := g.lists[i].entries()
		sum += float64(n)
		squares += float64(n) * float64(n)
	}
	if sum == 0 {
		return 1
	}
	return squares * float64(len(g.lists)) / (sum * sum)
}

// drift compares the vectors that came since a training with those it saw.
type drift struct {
	points    int     // vectors that there were
	spread    float64 // their mean squared distance to their centroids
	imbalance float64

	mu   sync.Mutex
	sum  float64 // of squared distances since
	came int
}

func (d *drift) note(spread float32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.came++
	if finite(spread) {
		d.sum += float64(spread)
	}
}

// since is the mean squared distance of those that came since, and their number.
func (d *drift) since() (mean float64, came int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sum / float64(max(d.came, 1)), d.came
}
