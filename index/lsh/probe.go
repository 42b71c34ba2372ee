package lsh

import "math"

// vertices are the values that one digit of a query may take, from the likeliest
// on. They are ordered as far as they are asked for: a heap, whose least is moved
// behind it each time.
type vertices struct {
	heap   []vertex // the rest, least loss first
	sorted []vertex // behind the heap, in falling order
}

// vertex is one value, and how much less likely it is than the likeliest: the
// square of how far the coordinate is below the largest (Lv et al.).
type vertex struct {
	loss  float32
	value uint32
}

// begin takes the coordinates of a digit; room has twice as many places.
func (x *vertices) begin(coordinates []float32, room []vertex) {
	most := float32(0)
	for _, c := range coordinates {
		most = max(most, c, -c)
	}
	for i, c := range coordinates {
		up, down := most-c, most+c
		room[2*i] = vertex{up * up, uint32(2 * i)}
		room[2*i+1] = vertex{down * down, uint32(2*i) + 1}
	}
	x.heap, x.sorted = room, room[len(room):]
	for i := len(room)/2 - 1; i >= 0; i-- {
		sink(room, i, func(a, b vertex) bool { return a.loss < b.loss })
	}
}

// at is the value of a rank, 0 being the likeliest; false behind the last.
func (x *vertices) at(rank int) (vertex, bool) {
	for len(x.sorted) <= rank && len(x.heap) > 0 {
		last := len(x.heap) - 1
		x.heap[0], x.heap[last] = x.heap[last], x.heap[0]
		x.sorted = x.heap[last : last+1+len(x.sorted)]
		x.heap = x.heap[:last]
		sink(x.heap, 0, func(a, b vertex) bool { return a.loss < b.loss })
	}
	if rank >= len(x.sorted) {
		return vertex{}, false
	}
	return x.sorted[len(x.sorted)-1-rank], true
}

// sink puts element i of a heap into its place.
func sink[T any](heap []T, i int, less func(a, b T) bool) {
	for c := 2*i + 1; c < len(heap); c = 2*i + 1 {
		if c+1 < len(heap) && less(heap[c+1], heap[c]) {
			c++
		}
		if !less(heap[c], heap[i]) {
			return
		}
		heap[i], heap[c] = heap[c], heap[i]
		i = c
	}
}

// probe is a bucket to look into: the rank of each digit's value.
type probe struct {
	loss  float32
	table int32
	ranks [maxDigits]uint16
}

func likelier(a, b probe) bool { return a.loss < b.loss }

// probes are the buckets of all tables, from the likeliest on.
type probes struct {
	h      *hasher
	digits []vertices
	room   []vertex
	queue  []probe
}

// begin takes a query's rotated coordinates.
func (p *probes) begin(h *hasher, turned []float32) {
	p.h, p.queue = h, p.queue[:0]
	if p.digits == nil {
		p.digits = make([]vertices, len(h.digits))
		n := 0
		for _, d := range h.digits {
			n += 2 * d.width
		}
		p.room = make([]vertex, n)
	}
	at := 0
	for i, d := range h.digits {
		p.digits[i].begin(turned[d.from:d.from+d.width], p.room[at:at+2*d.width:at+2*d.width])
		at += 2 * d.width
	}
	for t := range h.tables {
		p.queue = append(p.queue, probe{table: int32(t)}) // all of loss 0: a heap
	}
}

// next is the likeliest bucket that was not given yet, over all tables; false
// when there are no more.
func (p *probes) next() (bucket uint32, more bool) {
	if len(p.queue) == 0 {
		return 0, false
	}
	top := p.queue[0]
	bucket = p.bucket(&top)
	// Each choice of ranks comes from one other only: the one in which the last
	// digit that is not at its best is a rank better.
	last := 0
	for i, r := range top.ranks[:p.h.each] {
		if r > 0 {
			last = i
		}
	}
	replaced := false
	for i := last; i < p.h.each; i++ {
		child, ok := p.worse(top, i)
		switch {
		case !ok:
			continue
		case replaced:
			p.push(child)
		default:
			p.queue[0], replaced = child, true
			sink(p.queue, 0, likelier)
		}
	}
	if !replaced {
		end := len(p.queue) - 1
		p.queue[0] = p.queue[end]
		p.queue = p.queue[:end]
		sink(p.queue, 0, likelier)
	}
	return bucket, true
}

// worse is a probe with digit i a rank farther.
func (p *probes) worse(from probe, i int) (probe, bool) {
	d := &p.digits[int(from.table)*p.h.each+i]
	rank := int(from.ranks[i])
	if rank == math.MaxUint16 {
		return probe{}, false
	}
	now, _ := d.at(rank)
	then, ok := d.at(rank + 1)
	from.loss += then.loss - now.loss
	from.ranks[i]++
	return from, ok
}

func (p *probes) bucket(at *probe) uint32 {
	first := int(at.table) * p.h.each
	b := uint32(0)
	for i, rank := range at.ranks[:p.h.each] {
		v, _ := p.digits[first+i].at(int(rank))
		b |= v.value << p.h.digits[first+i].shift
	}
	return uint32(at.table)<<p.h.bits | b
}

func (p *probes) push(x probe) {
	p.queue = append(p.queue, x)
	i := len(p.queue) - 1
	for i > 0 && likelier(x, p.queue[(i-1)/2]) {
		p.queue[i] = p.queue[(i-1)/2]
		i = (i - 1) / 2
	}
	p.queue[i] = x
}
