package lsh

import (
	"errors"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index/arena"
)

const (
	stripes   = 1 << 10
	unitWords = 4 // the smallest block: a count and three slots
	maxClass  = 28
	// A head is the place of a bucket's block in units, and above it its class.
	classShift = 40
)

// tables are the buckets of all tables: a head for each, and blocks of slots.
// A block of class c has 4·2^c words, the first of which counts the slots.
//
// A bucket that has outgrown its block leaves it to another that needs its size.
// A search may still be reading it and then sees another bucket's slots, all of
// them slots of the index: it compares some vectors in vain.
type tables struct {
	bits   int
	heads  *arena.Arena // by table and bucket
	blocks *arena.Arena // units
	stripe [stripes]sync.Mutex
	mu     sync.Mutex // guards what follows, and growth of blocks
	units  int        // in use; the first is never given out
	free   [maxClass][]uint64
}

func newTables(count, bits int) (*tables, error) {
	t := &tables{bits: bits, units: 1,
		heads:  arena.New(arena.Options{RowBytes: wordBytes}),
		blocks: arena.New(arena.Options{RowBytes: 4 * unitWords}),
	}
	if err := errors.Join(t.heads.Pin(), t.blocks.Pin(), t.heads.Grow(count<<bits)); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *tables) close() error { return errors.Join(t.heads.Close(), t.blocks.Close()) }

func (t *tables) bytes() int64 { return t.heads.Resident() + t.blocks.Resident() }

func (t *tables) head(bucket uint32) *uint64 { return word(t.heads.Rows(), bucket) }

// bucketOf is a bucket's number over all tables.
func (t *tables) bucketOf(table int, b uint32) uint32 { return uint32(table)<<t.bits | b }

// block is the words of a head's block, nil when there is none.
func (t *tables) block(head uint64) []uint32 {
	if head == 0 {
		return nil
	}
	at, class := head&(1<<classShift-1), head>>classShift
	first := &t.blocks.Rows().Uint32s(uint32(at))[0]
	return unsafe.Slice(first, unitWords<<class)
}

// slots appends the slots of a bucket.
func (t *tables) slots(dst []uint32, bucket uint32) []uint32 {
	block := t.block(atomic.LoadUint64(t.head(bucket)))
	if block == nil {
		return dst
	}
	n := min(int(atomic.LoadUint32(&block[0])), len(block)-1)
	for i := range n {
		dst = append(dst, atomic.LoadUint32(&block[i+1]))
	}
	return dst
}

// add puts a slot into a bucket.
func (t *tables) add(table int, b, slot uint32) error {
	bucket := t.bucketOf(table, b)
	mu := &t.stripe[bucket%stripes]
	mu.Lock()
	defer mu.Unlock()
	head := t.head(bucket)
	old := *head
	block := t.block(old)
	n := 0
	if block != nil {
		n = int(block[0])
	}
	if n+1 < len(block) {
		atomic.StoreUint32(&block[n+1], slot)
		atomic.StoreUint32(&block[0], uint32(n+1))
		return nil
	}
	fresh, wide, err := t.take(n + 1)
	if err != nil {
		return err
	}
	if n > 0 {
		fill32(wide[1:], block[1:n+1])
	}
	atomic.StoreUint32(&wide[n+1], slot)
	atomic.StoreUint32(&wide[0], uint32(n+1))
	atomic.StoreUint64(head, fresh)
	t.leave(old)
	return nil
}

// set replaces a bucket's slots. Its stripe is held, or nobody inserts.
func (t *tables) set(bucket uint32, slots []uint32) error {
	head := t.head(bucket)
	old := *head
	if len(slots) == 0 {
		atomic.StoreUint64(head, 0)
		t.leave(old)
		return nil
	}
	fresh, block, err := t.take(len(slots))
	if err != nil {
		return err
	}
	fill32(block[1:], slots)
	atomic.StoreUint32(&block[0], uint32(len(slots)))
	atomic.StoreUint64(head, fresh)
	t.leave(old)
	return nil
}

func fill32(dst, src []uint32) {
	for i, s := range src {
		atomic.StoreUint32(&dst[i], s)
	}
}

// take gives out a block with room for so many slots, of count 0.
func (t *tables) take(slots int) (head uint64, block []uint32, err error) {
	class := 0
	for unitWords<<class < slots+1 {
		class++
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if left := t.free[class]; len(left) > 0 {
		head = left[len(left)-1]
		t.free[class] = left[:len(left)-1]
	} else {
		if err := t.blocks.Grow(t.units + 1<<class); err != nil {
			return 0, nil, err
		}
		head = uint64(class)<<classShift | uint64(t.units)
		t.units += 1 << class
	}
	block = t.block(head)
	atomic.StoreUint32(&block[0], 0)
	return head, block, nil
}

func (t *tables) leave(head uint64) {
	if head == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	class := head >> classShift
	t.free[class] = append(t.free[class], head)
}
