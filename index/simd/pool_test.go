package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// offeredOnce is what a pool must be: everything that it was ever offered, sorted,
// the first first of equals.
type offeredOnce struct {
	all  []offering
	room int
}

func (m *offeredOnce) offer(slots []uint32, dist []float32) {
	for i, s := range slots {
		if !math.IsNaN(float64(dist[i])) && !math.IsInf(float64(dist[i]), 1) {
			m.all = append(m.all, offering{dist[i], s})
		}
	}
	slices.SortStableFunc(m.all, func(a, b offering) int {
		switch {
		case a.dist < b.dist:
			return -1
		case a.dist > b.dist:
			return 1
		}
		return 0
	})
	m.all = m.all[:min(len(m.all), m.room)]
}

// poolHolds offers a pool lists and takes some, and compares it with its model
// after each, and the first place that is said to have changed with what did.
func poolHolds(t *testing.T, room int, random *rand.Rand, some func() float32) {
	p, model, gone := &Pool{}, &offeredOnce{room: room}, map[uint32]bool{}
	p.Reset(room)
	slot := uint32(0)
	for range 1 + random.IntN(40+room/10) {
		slots, dist := []uint32{}, []float32{}
		for range random.IntN(40) {
			slots, dist = append(slots, slot), append(dist, some())
			slot++
		}
		was := slices.Clone(model.all)
		model.offer(slots, dist)
		first := p.Offer(slots, dist)
		if p.Len() != len(model.all) || p.Free() != room-p.Len() {
			t.Fatalf("room for %d: %d in it, room for %d; want %d", room, p.Len(), p.Free(), len(model.all))
		}
		changed := 0
		for changed < len(was) && changed < p.Len() && was[changed] == model.all[changed] {
			changed++
		}
		if changed == p.Len() && len(was) == p.Len() {
			changed = first // nothing did
			if first < p.Len() {
				t.Fatalf("place %d of %d is said to have changed, and none did", first, p.Len())
			}
		}
		if first != changed {
			t.Fatalf("place %d changed, %d is said to have", changed, first)
		}
		next := p.Len()
		for at, want := range model.all {
			s, d := p.At(at)
			if s != want.slot || d != want.dist {
				t.Fatalf("place %d has %d at %v, want %+v", at, s, d, want)
			}
			if !gone[s] {
				next = min(next, at)
			}
		}
		if got := p.Next(0); got != next {
			t.Fatalf("the next is at %d, want %d", got, next)
		}
		limit := float32(math.Inf(1))
		if p.Free() == 0 {
			limit = model.all[room-1].dist
		}
		if p.Limit() != limit {
			t.Fatalf("the limit is %v, want %v", p.Limit(), limit)
		}
		if next < p.Len() {
			s, _ := p.Take(next)
			gone[s] = true
		}
	}
}

// TestPoolKeepsTheNearest: for every room up to a few blocks, equal distances,
// negative ones, and such that are no numbers.
func TestPoolKeepsTheNearest(t *testing.T) {
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)), math.MaxFloat32, -math.MaxFloat32}
	each(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for room := 1; room < 75; room++ {
			poolHolds(t, room, random, func() float32 { return float32(random.IntN(50)) - 25 })
			poolHolds(t, room, random, func() float32 { return random.Float32() })
			poolHolds(t, room, random, func() float32 { return odd[random.IntN(len(odd))] })
		}
		poolHolds(t, 250, random, random.Float32) // kernels end at 256, 320 and 1,024
		poolHolds(t, 1100, random, random.Float32)
	})
}

// FuzzPool: as TestPoolKeepsTheNearest, with the room and what is offered drawn.
func FuzzPool(f *testing.F) {
	f.Add(uint16(24), uint64(7), uint16(9))
	f.Fuzz(func(t *testing.T, room uint16, seed uint64, values uint16) {
		each(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 5))
			poolHolds(t, 1+int(room%1200), random, func() float32 { return float32(random.IntN(1 + int(values))) })
		})
	})
}

// TestPoolIsUsedAgain: a smaller room after a larger one shows nothing of it.
func TestPoolIsUsedAgain(t *testing.T) {
	each(t, func(t *testing.T) {
		p := &Pool{}
		for _, room := range []int{100, 3, 50} {
			p.Reset(room)
			if p.Len() != 0 || p.Limit() != float32(math.Inf(1)) {
				t.Fatalf("%d in an empty pool, limit %v", p.Len(), p.Limit())
			}
			for i := range 120 {
				p.Offer([]uint32{uint32(i)}, []float32{float32(120 - i)})
			}
			if s, d := p.At(0); p.Len() != room || s != 119 || d != 1 {
				t.Fatalf("room for %d: %d in it, the first %d at %v", room, p.Len(), s, d)
			}
		}
	})
}

// TestAfter: the place is behind equals, at every length.
func TestAfter(t *testing.T) {
	for n := range 40 {
		list := make([]float32, n)
		for i := range list {
			list[i] = float32(i / 3)
		}
		for at := float32(-1); at < 15; at += 0.5 {
			want := 0
			for want < n && list[want] <= at {
				want++
			}
			if got := after(list, at); got != want {
				t.Fatalf("%d: %v goes to %d, not %d", n, at, got, want)
			}
		}
	}
}

func BenchmarkPool(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	slots := make([]uint32, 4)
	dist := make([]float32, 4096)
	for _, room := range []int{12, 24, 64, 300, 900, 3000} {
		for _, v := range variants() {
			b.Run(v.name+"/"+strconv.Itoa(room), func(b *testing.B) {
				best := variants()
				defer best[len(best)-1].use()
				v.use()
				p := &Pool{}
				// What a walk offers comes nearer at first, and then no more.
				for i := range dist {
					dist[i] = random.Float32() + 8/(1+float32(i)*32/float32(room))
				}
				at := len(dist)
				for b.Loop() {
					if at+4 > min(len(dist), 4*room) {
						p.Reset(room)
						at = 0
					}
					p.Offer(slots, dist[at:at+4])
					at += 4
				}
			})
		}
	}
}

// TestPoolBegins: the first one stays whatever its distance is, until nearer ones
// fill the room.
func TestPoolBegins(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, dist := range []float32{float32(math.NaN()), float32(math.Inf(1)), 7} {
			p := &Pool{}
			p.Reset(3)
			p.Begin(9, dist)
			if s, _ := p.At(0); p.Len() != 1 || s != 9 || p.Next(0) != 0 {
				t.Fatalf("%v: %d in it, the first %d", dist, p.Len(), s)
			}
			p.Offer([]uint32{1, 2}, []float32{5, 6})
			if s, _ := p.At(2); p.Len() != 3 || s != 9 {
				t.Fatalf("%v: %d in it, the last %d", dist, p.Len(), s)
			}
			if p.Offer([]uint32{3}, []float32{4}); p.Limit() != 6 {
				t.Fatalf("%v: the limit is %v", dist, p.Limit())
			}
		}
	})
}
