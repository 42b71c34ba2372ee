package payload

import (
	"cmp"
	"math"
	"slices"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/filter"
)

// place is one location of a slot, in twenty bytes: the float64 of longitude and
// latitude in halves. Places are kept in the order of their cells: the bits of
// longitude and latitude in turns (a Z-order curve; Morton, 1966), so that a
// square of the map is one run.
type place struct {
	lon, lat [2]uint32
	slot     uint32
}

func halves(f float64) [2]uint32 {
	b := math.Float64bits(f)
	return [2]uint32{uint32(b >> 32), uint32(b)}
}

func whole(h [2]uint32) float64 { return math.Float64frombits(uint64(h[0])<<32 | uint64(h[1])) }

func (p place) point() filter.GeoPoint {
	return filter.GeoPoint{Lon: whole(p.lon), Lat: whole(p.lat)}
}

func (p place) cell() uint64 { return cellOf(p.point()) }

func cellOf(g filter.GeoPoint) uint64 {
	return spread(steps(g.Lon, 180))<<1 | spread(steps(g.Lat, 90))
}

func comparePlaces(a, b place) int {
	p, q := a.point(), b.point()
	if c := cmp.Compare(cellOf(p), cellOf(q)); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.slot, b.slot), cmp.Compare(ordered(p.Lon), ordered(q.Lon)), cmp.Compare(ordered(p.Lat), ordered(q.Lat)))
}

func newPlace(g filter.GeoPoint, s uint32) place {
	return place{lon: halves(g.Lon), lat: halves(g.Lat), slot: s}
}

// steps cuts [−half, half] into 2³² steps.
func steps(degrees, half float64) uint32 {
	n := (degrees + half) / (2 * half) * (1 << 32)
	return uint32(min(max(n, 0), 1<<32-1))
}

// spread puts a zero before each bit.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// box is a part of the map, in degrees, its edges included.
type box struct{ west, south, east, north float64 }

func (b box) meets(o box) bool {
	return b.west <= o.east && o.west <= b.east && b.south <= o.north && o.south <= b.north
}

// slack widens boxes, so that rounding leaves nothing out.
const slack = 1e-6

func (b box) wider() box {
	return box{b.west - slack, b.south - slack, b.east + slack, b.north + slack}
}

// boxes cover a shape; every place of the shape is in one of them.
func boxes(c *filter.Condition) []box {
	switch {
	case c.GeoBox != nil:
		tl, br := c.GeoBox.TopLeft, c.GeoBox.BottomRight
		if tl.Lon > br.Lon { // across the antimeridian
			return []box{{tl.Lon, br.Lat, 180, tl.Lat}, {-180, br.Lat, br.Lon, tl.Lat}}
		}
		return []box{{tl.Lon, br.Lat, br.Lon, tl.Lat}}
	case c.GeoRadius != nil:
		return around(c.GeoRadius)
	}
	all := box{180, 90, -180, -90}
	for _, p := range c.GeoPolygon.Exterior {
		all = box{min(all.west, p.Lon), min(all.south, p.Lat), max(all.east, p.Lon), max(all.north, p.Lat)}
	}
	return []box{all}
}

// metersPerDegree of latitude is a little less than on any sphere in use, so
// that a box errs on the wide side.
const metersPerDegree = 110_000

// around covers a circle. Near a pole it takes the whole turn.
func around(r *filter.GeoRadius) []box {
	d := r.Radius / metersPerDegree
	south, north := r.Center.Lat-d, r.Center.Lat+d
	if south <= -89 || north >= 89 {
		return []box{{-180, south, 180, north}}
	}
	turn := d / math.Cos(max(math.Abs(south), math.Abs(north))*math.Pi/180)
	west, east := r.Center.Lon-turn, r.Center.Lon+turn
	switch {
	case turn >= 180:
		return []box{{-180, south, 180, north}}
	case west < -180:
		return []box{{west + 360, south, 180, north}, {-180, south, east, north}}
	case east > 180:
		return []box{{west, south, 180, north}, {-180, south, east - 360, north}}
	}
	return []box{{west, south, east, north}}
}

// inside adds the slots that have a place for which the condition holds.
func inside(places *column[place], c *filter.Condition, to *index.Builder) {
	s := &geoSearch{places: places, to: to, holds: holdsGeo(c)}
	for _, b := range boxes(c) {
		s.boxes = append(s.boxes, b.wider())
	}
	s.run(0, len(places.base), 0, 0)
	places.delta.Scan(func(p place) bool {
		s.offer(&p)
		return true
	})
}

func holdsGeo(c *filter.Condition) func(filter.GeoPoint) bool {
	switch {
	case c.GeoBox != nil:
		return c.GeoBox.Holds
	case c.GeoRadius != nil:
		return c.GeoRadius.Holds
	}
	return c.GeoPolygon.Holds
}

type geoSearch struct {
	places *column[place]
	boxes  []box
	holds  func(filter.GeoPoint) bool
	to     *index.Builder
}

func (s *geoSearch) offer(p *place) {
	if s.holds(p.point()) {
		s.to.Add(index.Slot(p.slot))
	}
}

// fewPlaces are looked at one by one.
const fewPlaces = 64

// run searches base[from:to], the places of the square whose cells begin with
// the top 2·level bits of cell.
func (s *geoSearch) run(from, to int, cell uint64, level int) {
	if from == to || !s.wanted(cell, level) {
		return
	}
	if to-from <= fewPlaces || level == 32 {
		for i := from; i < to; i++ {
			if !s.places.gone.ContainsInt(i) {
				s.offer(&s.places.base[i])
			}
		}
		return
	}
	size := uint64(1) << (62 - 2*level)
	for quarter := range uint64(4) {
		first := cell + quarter*size
		end := to
		if quarter < 3 {
			n, _ := slices.BinarySearchFunc(s.places.base[from:to], first+size, func(p place, c uint64) int { return cmp.Compare(p.cell(), c) })
			end = from + n
		}
		s.run(from, end, first, level+1)
		from = end
	}
}

func (s *geoSearch) wanted(cell uint64, level int) bool {
	b := square(cell, level)
	return slices.ContainsFunc(s.boxes, b.meets)
}

// square is the part of the map that a cell's first bits stand for.
func square(cell uint64, level int) box {
	x, y := gather(cell>>1), gather(cell)
	width := math.Ldexp(1, 32-level)
	lon := func(n float64) float64 { return n/(1<<32)*360 - 180 }
	lat := func(n float64) float64 { return n/(1<<32)*180 - 90 }
	return box{lon(float64(x)), lat(float64(y)), lon(float64(x) + width), lat(float64(y) + width)}
}

// gather is every second bit.
func gather(x uint64) uint32 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}
