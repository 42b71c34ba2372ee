package simd

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// asSlots is what guarded returns, as slots.
func asSlots(floats []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(floats))), len(floats))
}

// TestPoolTouchesNothingOutside: a pool that begins or ends where memory does, and
// what it is offered, too, of every length.
func TestPoolTouchesNothingOutside(t *testing.T) {
	each(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 4))
		for _, first := range []bool{true, false} {
			const most = 20
			slots, dist := asSlots(guarded(t, most, first)), guarded(t, most, first)
			for _, room := range []int{1, 4, 15, 16, 17, 31, 32, 48, 63, 64} {
				whole := (room + poolLanes - 1) / poolLanes * poolLanes
				p, model := &Pool{dist: guarded(t, whole, first), slot: asSlots(guarded(t, whole, first))}, &offeredOnce{room: room}
				p.Reset(room)
				if cap(p.dist) != whole || cap(p.slot) != whole {
					t.Fatal("the pool has other memory")
				}
				for round := range 6 * most {
					from, to := 0, 1+round%most
					if !first {
						from, to = most-to, most
					}
					for i := from; i < to; i++ {
						slots[i], dist[i] = random.Uint32()>>1, random.Float32()-0.5
					}
					p.Offer(slots[from:to], dist[from:to])
					model.offer(slots[from:to], dist[from:to])
				}
				for at, want := range model.all {
					if s, d := p.At(at); s != want.slot || d != want.dist {
						t.Fatalf("room for %d: place %d has %d at %v, want %+v", room, at, s, d, want)
					}
				}
			}
		}
	})
}
