package filter

import (
	"math"

	"github.com/valyala/fastjson"
)

// EarthRadius is the sphere's, in metres: the mean radius of the IUGG, which the
// contract's engine and clients use.
const EarthRadius = 6371008.8

// GeoOf reads a payload value {"lon": …, "lat": …}; false when it is no place on
// earth.
func GeoOf(v *fastjson.Value) (GeoPoint, bool) {
	if v.Type() != fastjson.TypeObject {
		return GeoPoint{}, false
	}
	o := v.GetObject()
	lon, okLon := degrees(o.Get("lon"))
	lat, okLat := degrees(o.Get("lat"))
	p := GeoPoint{Lon: lon, Lat: lat}
	return p, okLon && okLat && p.onEarth()
}

func degrees(v *fastjson.Value) (float64, bool) {
	if v == nil || v.Type() != fastjson.TypeNumber {
		return 0, false
	}
	f, err := v.Float64()
	return f, err == nil
}

func (p GeoPoint) onEarth() bool {
	return p.Lon >= -180 && p.Lon <= 180 && p.Lat >= -90 && p.Lat <= 90
}

// Holds reports whether a place lies inside.
func (b *GeoBox) Holds(p GeoPoint) bool {
	if p.Lat >= b.TopLeft.Lat || p.Lat <= b.BottomRight.Lat {
		return false
	}
	east, west := p.Lon > b.TopLeft.Lon, p.Lon < b.BottomRight.Lon
	if b.TopLeft.Lon > b.BottomRight.Lon {
		return east || west
	}
	return east && west
}

// Holds reports whether a place lies inside.
func (r *GeoRadius) Holds(p GeoPoint) bool { return Distance(r.Center, p) < r.Radius }

// Distance is the length of the great circle between two places, in metres.
func Distance(a, b GeoPoint) float64 {
	const rad = math.Pi / 180
	lat1, lat2 := a.Lat*rad, b.Lat*rad
	sinLat := math.Sin((lat2 - lat1) / 2)
	sinLon := math.Sin((b.Lon*rad - a.Lon*rad) / 2)
	h := sinLat*sinLat + math.Cos(lat1)*math.Cos(lat2)*sinLon*sinLon
	return EarthRadius * 2 * math.Asin(math.Sqrt(min(h, 1)))
}

// Holds reports whether a place lies inside.
func (g *GeoPolygon) Holds(p GeoPoint) bool {
	if side(g.Exterior, p) != inside {
		return false
	}
	for _, hole := range g.Interiors {
		if side(hole, p) != outside {
			return false
		}
	}
	return true
}

type where uint8

const (
	outside where = iota
	border
	inside
)

// side says where a place lies: inside when the ring winds around it. A ring
// that crosses itself may wind twice, which is inside too.
func side(ring []GeoPoint, p GeoPoint) where {
	winds := 0
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		turn := (b.Lon-a.Lon)*(p.Lat-a.Lat) - (b.Lat-a.Lat)*(p.Lon-a.Lon)
		switch {
		case turn == 0 && between(a.Lon, p.Lon, b.Lon) && between(a.Lat, p.Lat, b.Lat):
			return border
		case a.Lat <= p.Lat && p.Lat < b.Lat && turn > 0: // northward, east of p
			winds++
		case b.Lat <= p.Lat && p.Lat < a.Lat && turn < 0: // southward, east of p
			winds--
		}
	}
	if winds != 0 {
		return inside
	}
	return outside
}

func between(a, x, b float64) bool { return min(a, b) <= x && x <= max(a, b) }
