package model

import "math"

type place struct{ lon, lat float64 }

func placeOf(v any) (place, bool) {
	object, _ := v.(map[string]any)
	lon, ok1 := number(object["lon"])
	lat, ok2 := number(object["lat"])
	return place{lon, lat}, ok1 && ok2
}

// isPlace evaluates a geo condition on one value.
func isPlace(kind string, c map[string]any, v any) bool {
	p, ok := placeOf(v)
	if !ok {
		return false
	}
	switch kind {
	case "geo_radius":
		center, _ := placeOf(c["center"])
		radius, _ := number(c["radius"])
		return metres(p, center) <= radius
	case "geo_bounding_box":
		a, _ := placeOf(c["top_left"])
		b, _ := placeOf(c["bottom_right"])
		if p.lat > a.lat || p.lat < b.lat {
			return false
		}
		if a.lon > b.lon {
			return p.lon >= a.lon || p.lon <= b.lon
		}
		return p.lon >= a.lon && p.lon <= b.lon
	}
	if !inRing(c["exterior"], p) {
		return false
	}
	holes, _ := c["interiors"].([]any)
	for _, hole := range holes {
		if inRing(hole, p) {
			return false
		}
	}
	return true
}

// metres is the distance on a sphere of the earth's mean radius.
func metres(a, b place) float64 {
	rad := func(d float64) float64 { return d * math.Pi / 180 }
	s := math.Pow(math.Sin(rad(b.lat-a.lat)/2), 2) + math.Cos(rad(a.lat))*math.Cos(rad(b.lat))*math.Pow(math.Sin(rad(b.lon-a.lon)/2), 2)
	return 2 * 6371008.8 * math.Asin(math.Sqrt(s))
}

// inRing counts how often a ray to the east crosses the ring.
func inRing(ring any, p place) bool {
	points := ring.(map[string]any)["points"].([]any)
	inside := false
	for i := range points {
		a, _ := placeOf(points[i])
		b, _ := placeOf(points[(i+1)%len(points)])
		if (a.lat > p.lat) != (b.lat > p.lat) && p.lon < (b.lon-a.lon)*(p.lat-a.lat)/(b.lat-a.lat)+a.lon {
			inside = !inside
		}
	}
	return inside
}
