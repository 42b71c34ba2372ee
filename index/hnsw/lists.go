package hnsw

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index/arena"
)

// A list is a node's links on one level: a word of two halves, room in units
// (high) and number of links (low), then the links. Lists of the higher levels
// lie in rows of their own and leave the high half 0.
const (
	unitWords = 2 // room comes in units of 8 bytes
	unitBytes = 4 * unitWords
	countMask = 1<<16 - 1
)

func count(list []uint32) int {
	return min(int(atomic.LoadUint32(&list[0])&countMask), len(list)-1)
}

// links appends a copy of a list.
func links(dst, list []uint32) []uint32 {
	for i := range count(list) {
		dst = append(dst, atomic.LoadUint32(&list[i+1]))
	}
	return dst
}

// store replaces the links of a list that has room for them; its node's stripe
// is held, or the node is not linked yet.
func store(list, links []uint32) {
	for i, l := range links {
		atomic.StoreUint32(&list[i+1], l)
	}
	atomic.StoreUint32(&list[0], list[0]&^countMask|uint32(len(links)))
}

// ground holds the lists of level 0 in blocks of as many units as they need: on
// real data they are half full on average, so that rows of the longest possible
// list would waste almost half of the memory.
//
// A block that a list has left goes to the next list that needs its size. A
// search may still be reading it, and then sees another node's links: on level
// 0 every link is a good one.
type ground struct {
	*arena.Arena
	mu    sync.Mutex
	units uint32     // in use, the first is never given out
	free  [][]uint32 // blocks that were left, by units
	spare int        // units of these
}

func newGround(most int) *ground {
	return &ground{
		Arena: arena.New(arena.Options{RowBytes: unitBytes}),
		units: 1, free: make([][]uint32, unitsFor(most)+1),
	}
}

// unitsFor is the units of a list of so many links.
func unitsFor(links int) int { return (1 + links + unitWords - 1) / unitWords }

// take gives out a block with room for at least so many links, empty.
func (b *ground) take(links int) (at uint32, list []uint32, err error) {
	n := unitsFor(links)
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := b.free[n]; len(left) > 0 {
		at = left[len(left)-1]
		b.free[n] = left[:len(left)-1]
		b.spare -= n
	} else {
		if err := b.room(int(b.units) + n); err != nil {
			return 0, nil, err
		}
		at = b.units
		b.units += uint32(n)
	}
	list = blockAt(b.Rows().Base(), at, n)
	atomic.StoreUint32(&list[0], uint32(n)<<16)
	return at, list, nil
}

// room grows by whole pages: each growth publishes the rows anew.
func (b *ground) room(units int) error {
	const page = 4096 / unitBytes
	if units <= b.Rows().Len() {
		return nil
	}
	return b.Grow((units + page - 1) / page * page)
}

func (b *ground) leave(at uint32, list []uint32) {
	if at == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(list) / unitWords
	b.free[n] = append(b.free[n], at)
	b.spare += n
}

func blockAt(base unsafe.Pointer, at uint32, units int) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Add(base, int(at)*unitBytes)), units*unitWords)
}

// none is the list of a node that has no block.
var none = [1]uint32{}

// list is the block at a place, as long as its first word says.
func (b *ground) list(at uint32) []uint32 {
	if at == 0 {
		return none[:]
	}
	first := (*uint32)(unsafe.Add(b.Rows().Base(), int(at)*unitBytes))
	return unsafe.Slice(first, int(atomic.LoadUint32(first)>>16)*unitWords)
}
