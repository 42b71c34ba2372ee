package filter

import (
	"fmt"

	"github.com/valyala/fastjson"
)

func geoBox(at string, path Path, v *fastjson.Value) (*GeoBox, error) {
	b := &GeoBox{Key: path}
	var have [2]bool
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		switch key {
		case "top_left":
			have[0] = true
			b.TopLeft, err = geoPoint(at+".top_left", v)
		case "bottom_right":
			have[1] = true
			b.BottomRight, err = geoPoint(at+".bottom_right", v)
		default:
			err = wrong(at+"."+key, "unknown field: geo_bounding_box has top_left and bottom_right")
		}
		return err
	})
	return b, missing(err, at, have, "top_left", "bottom_right")
}

func geoRadius(at string, path Path, v *fastjson.Value) (*GeoRadius, error) {
	r := &GeoRadius{Key: path}
	var have [2]bool
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		switch key {
		case "center":
			have[0] = true
			r.Center, err = geoPoint(at+".center", v)
		case "radius":
			have[1] = true
			r.Radius, err = finite(at+".radius", v)
		default:
			err = wrong(at+"."+key, "unknown field: geo_radius has center and radius")
		}
		return err
	})
	return r, missing(err, at, have, "center", "radius")
}

func geoPoint(at string, v *fastjson.Value) (GeoPoint, error) {
	var p GeoPoint
	var have [2]bool
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		switch key {
		case "lon":
			have[0] = true
			p.Lon, err = finite(at+".lon", v)
		case "lat":
			have[1] = true
			p.Lat, err = finite(at+".lat", v)
		default:
			err = wrong(at+"."+key, "unknown field: a place has lon and lat")
		}
		return err
	})
	if err := missing(err, at, have, "lon", "lat"); err != nil {
		return p, err
	}
	if !p.onEarth() {
		return p, wrong(at, "expected lon within [-180, 180] and lat within [-90, 90], got %v and %v", p.Lon, p.Lat)
	}
	return p, nil
}

// missing names the first of two required members that was not there.
func missing(err error, at string, have [2]bool, names ...string) error {
	for i := range have {
		if err == nil && !have[i] {
			err = wrong(at+"."+names[i], "missing")
		}
	}
	return err
}

func (r *reader) geoPolygon(at string, path Path, v *fastjson.Value) (*GeoPolygon, error) {
	g := &GeoPolygon{Key: path}
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		switch key {
		case "exterior":
			g.Exterior, err = r.ring(at+".exterior", v)
		case "interiors":
			g.Interiors, err = r.rings(at+".interiors", v)
		default:
			err = wrong(at+"."+key, "unknown field: geo_polygon has exterior and interiors")
		}
		return err
	})
	switch {
	case err != nil:
		return g, err
	case g.Exterior == nil:
		return g, wrong(at+".exterior", "missing")
	}
	err = closed(at+".exterior", g.Exterior)
	for i := 0; err == nil && i < len(g.Interiors); i++ {
		err = closed(fmt.Sprintf("%s.interiors[%d]", at, i), g.Interiors[i])
	}
	return g, err
}

// closed checks that places make a ring.
func closed(at string, ring []GeoPoint) error {
	switch {
	case len(ring) < 4:
		return wrong(at+".points", "a ring has at least 4 places, got %d", len(ring))
	case ring[0] != ring[len(ring)-1]:
		return wrong(at+".points", "a ring is closed: its last place must be its first")
	}
	return nil
}

func (r *reader) rings(at string, v *fastjson.Value) ([][]GeoPoint, error) {
	list, err := v.Array()
	if err != nil {
		return nil, wrong(at, "expected an array of rings, got %s", v.Type())
	}
	out := make([][]GeoPoint, len(list))
	for i, e := range list {
		if out[i], err = r.ring(fmt.Sprintf("%s[%d]", at, i), e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ring reads a line of places.
func (r *reader) ring(at string, v *fastjson.Value) ([]GeoPoint, error) {
	var out []GeoPoint
	err := object(at, v, func(key string, v *fastjson.Value) (err error) {
		if key != "points" {
			return wrong(at+"."+key, "unknown field: a ring has points")
		}
		out, err = r.points(at+".points", v)
		return err
	})
	if err == nil && out == nil {
		err = wrong(at+".points", "missing")
	}
	return out, err
}

func (r *reader) points(at string, v *fastjson.Value) ([]GeoPoint, error) {
	list, err := v.Array()
	if err != nil {
		return nil, wrong(at, "expected an array of places, got %s", v.Type())
	}
	if r.vertices += len(list); r.vertices > MaxVertices {
		return nil, bound(at, "the polygons of a filter have at most %d places", MaxVertices)
	}
	out := make([]GeoPoint, len(list))
	for i, e := range list {
		if out[i], err = geoPoint(fmt.Sprintf("%s[%d]", at, i), e); err != nil {
			return nil, err
		}
	}
	return out, nil
}
