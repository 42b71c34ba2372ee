package ivfpq

import (
	"math"
	"slices"
	"unsafe"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/simd"
)

const (
	// manyLists is from how many lists on centroids are found by groups. Below,
	// comparing with all of them costs less than the groups save.
	manyLists = 512
	// reach is in how many of the nearest groups the nearest centroid is looked
	// for.
	reach = 8
	// polish is the rounds of k-means over all lists once the groups have theirs.
	polish = 2
)

// coarse is the centroids of the lists in two levels: groups of about √lists
// centroids that lie side by side, each with a middle of its own.
type coarse struct {
	metric    index.Metric
	centroids matrix
	tops      matrix   // the groups' middles
	first     []uint32 // group g has the centroids first[g] to first[g+1]
}

// learn makes the centroids of so many lists from a sample.
func learn(p matrix, lists int, o Options, w *index.Crew) *coarse {
	groups := 1
	if lists >= manyLists {
		groups = int(math.Sqrt(float64(lists)))
	}
	c := clustering{k: groups, seed: o.Seed, crew: w, unit: o.Metric == index.Cosine && o.Axes == 0}
	if groups == 1 {
		c.k = lists
		return grouped(o, c.run(p), 1, w)
	}
	tops := c.run(thinned(p, batch*groups))
	near := make([]uint32, p.len())
	c.assign(p, tops, near)
	centroids := c.split(p, near, tops.len(), lists)
	for range polish {
		two := grouped(o, centroids, groups, w)
		w.Spread(p.len(), stretch, func(from, to int) {
			for i := from; i < to; i++ {
				list, _ := two.nearest(p.row(i))
				near[i] = uint32(list)
			}
		})
		sizes := c.move(p, two.centroids, near)
		balance(p, two.centroids, near, sizes)
		centroids = two.centroids
	}
	return grouped(o, centroids, groups, w)
}

// thinned is some of the points, evenly taken.
func thinned(p matrix, most int) matrix {
	n := p.len()
	if n <= most {
		return p
	}
	rows := make([]uint32, most)
	for i := range rows {
		rows[i] = uint32(i * n / most)
	}
	return p.pick(rows)
}

// split clusters the points of every group, with a share of the lists that is
// its share of the points.
func (c clustering) split(p matrix, near []uint32, groups, lists int) matrix {
	sizes := make([]int, groups)
	for _, g := range near {
		sizes[g]++
	}
	members := order(near, sizes)
	parts := make([]matrix, groups)
	c.crew.Each(groups, func(g int, w *index.Crew) {
		before := 0
		for _, n := range sizes[:g] {
			before += n
		}
		// Rounded along the running sum, the shares add up to the lists.
		share := lists*(before+sizes[g])/p.len() - lists*before/p.len()
		if share == 0 {
			return
		}
		own := clustering{k: share, seed: c.seed + uint64(g) + 1, crew: w, unit: c.unit}
		parts[g] = own.run(p.pick(members[before : before+sizes[g]]))
	})
	out := matrix{dim: p.dim}
	for _, part := range parts {
		out.v = append(out.v, part.v...)
	}
	return out
}

// grouped puts centroids into groups.
func grouped(o Options, centroids matrix, groups int, w *index.Crew) *coarse {
	c := &coarse{metric: o.Metric, centroids: centroids}
	k := clustering{k: groups, seed: o.Seed + 7, crew: w}
	near := make([]uint32, centroids.len())
	middles := matrix{dim: centroids.dim, v: make([]float32, centroids.dim)}
	if groups > 1 {
		middles = k.run(centroids)
		k.assign(centroids, middles, near)
	}
	sizes := make([]int, middles.len())
	for _, g := range near {
		sizes[g]++
	}
	c.centroids = centroids.pick(order(near, sizes))
	c.regroup(sizes)
	return c
}

// regroup sets the groups from their sizes; empty ones are left out.
func (c *coarse) regroup(sizes []int) {
	c.first = []uint32{0}
	c.tops = matrix{dim: c.centroids.dim}
	at := 0
	for _, n := range sizes {
		if n == 0 {
			continue
		}
		top := make([]float32, c.centroids.dim)
		middle(top, c.centroids.part(at, at+n), upToMany(n))
		c.tops.v = append(c.tops.v, top...)
		at += n
		c.first = append(c.first, uint32(at))
	}
}

func upToMany(n int) []uint32 {
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(i)
	}
	return ids
}

func (c *coarse) lists() int { return c.centroids.len() }

// nearest is the list that a vector belongs into: that of the nearest centroid
// in the nearest groups.
func (c *coarse) nearest(v []float32) (list int, square float32) {
	if c.tops.len() <= reach {
		return c.centroids.nearest(v)
	}
	var near [reach]index.Hit
	square = float32(math.Inf(1))
	for _, h := range c.nearGroups(v, near[:0]) {
		from, to := c.first[h.Slot], c.first[h.Slot+1]
		row, d := c.centroids.part(int(from), int(to)).nearest(v)
		if d < square {
			list, square = int(from)+row, d
		}
	}
	return list, square
}

// nearGroups fills near to its capacity with the groups nearest to v by squared
// distance, in any order.
func (c *coarse) nearGroups(v []float32, near []index.Hit) []index.Hit {
	var out [batch]float32
	worst := 0
	for at := 0; at < c.tops.len(); at += batch {
		few := min(batch, c.tops.len()-at)
		simd.L2Rows(v, unsafe.Pointer(&c.tops.v[at*c.tops.dim]), 4*c.tops.dim, upTo[:few], out[:])
		for i, d := range out[:few] {
			h := index.Hit{Slot: index.Slot(at + i), Dist: d}
			switch {
			case len(near) < cap(near):
				near = append(near, h)
			case d < near[worst].Dist:
				near[worst] = h
			default:
				continue
			}
			for j := range near {
				if near[j].Dist > near[worst].Dist {
					worst = j
				}
			}
		}
	}
	return near
}

// distances appends the lists whose centroids are in the nearest groups, each
// with its distance by the metric, to dst: in any order, and at least so many
// lists, if there are.
func (c *coarse) distances(v []float32, least int, s *scratch, dst []index.Hit) []index.Hit {
	groups := c.tops.len()
	s.groups = s.groups[:0]
	if groups == 1 {
		return c.group(v, 0, s, dst)
	}
	s.groups = c.measure(v, c.tops, 0, s, s.groups)
	want := min(groups, reach+reach*least*groups/c.lists())
	nearestFirst(s.groups, want)
	for i, g := range s.groups {
		if i >= want && len(dst) >= least {
			break
		}
		dst = c.group(v, int(g.Slot), s, dst)
	}
	return dst
}

// group appends the lists of a group.
func (c *coarse) group(v []float32, g int, s *scratch, dst []index.Hit) []index.Hit {
	from, to := int(c.first[g]), int(c.first[g+1])
	return c.measure(v, c.centroids.part(from, to), from, s, dst)
}

// measure appends the rows of a matrix, numbered from a first number on, with
// their distances by the metric.
func (c *coarse) measure(v []float32, m matrix, number int, s *scratch, dst []index.Hit) []index.Hit {
	dst = slices.Grow(dst, m.len())
	for at := 0; at < m.len(); at += batch {
		few := min(batch, m.len()-at)
		base := unsafe.Pointer(&m.v[at*m.dim])
		if c.metric == index.Euclid {
			simd.L2Rows(v, base, 4*m.dim, upTo[:few], s.dists[:])
		} else {
			simd.NegDotRows(v, base, 4*m.dim, upTo[:few], s.dists[:])
		}
		for i, d := range s.dists[:few] {
			dst = append(dst, index.Hit{Slot: index.Slot(number + at + i), Dist: d})
		}
	}
	s.work.Distances += m.len()
	return dst
}
