package lsh

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

const (
	wordBits  = 64
	wordBytes = wordBits / 8
)

// word is a row of 8 bytes, for atomic access. Such rows are aligned.
func word(r arena.Rows, i uint32) *uint64 {
	return (*uint64)(unsafe.Pointer(&r.Uint32s(i)[0]))
}

// enter makes a slot a member, and says whether it was none.
func (x *Index) enter(s index.Slot) (first bool, err error) {
	at := uint32(s) / wordBits
	if int(at) >= x.members.Rows().Len() {
		x.grow.Lock()
		err = x.members.Grow(int(at) + 1)
		x.grow.Unlock()
		if err != nil {
			return false, err
		}
	}
	bit := uint64(1) << (s % wordBits)
	return atomic.OrUint64(word(x.members.Rows(), at), bit)&bit == 0, nil
}

// Contains reports whether a slot is in the index.
func (x *Index) Contains(s index.Slot) bool { return member(x.members.Rows(), uint32(s)) }

func member(rows arena.Rows, s uint32) bool {
	at := s / wordBits
	return int(at) < rows.Len() && atomic.LoadUint64(word(rows, at))>>(s%wordBits)&1 == 1
}

// leave takes the members out that are not live, and answers how many.
func (x *Index) leave(live *index.Set) (left int) {
	rows := x.members.Rows()
	for at := range uint32(rows.Len()) {
		w := word(rows, at)
		gone := uint64(0)
		for rest := atomic.LoadUint64(w); rest != 0; rest &= rest - 1 {
			bit := bits.TrailingZeros64(rest)
			if !live.Contains(index.Slot(at)*wordBits + index.Slot(bit)) {
				gone |= 1 << bit
			}
		}
		atomic.AndUint64(w, ^gone)
		left += bits.OnesCount64(gone)
	}
	return left
}
