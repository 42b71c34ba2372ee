package filter

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kithdb/kith/storage/point"
)

// drawValue draws a payload value.
func drawValue(t *rapid.T, depth int) any {
	n := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 && n > 6 {
		n -= 4
	}
	switch n {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.IntRange(-3, 3).Draw(t, "int")
	case 3:
		return rapid.SampledFrom([]float64{0.5, 1, -2.25}).Draw(t, "float")
	case 4, 5:
		return rapid.SampledFrom([]string{"", "a", "a b", "ab", "2021-01-01", "2021-01-01T00:00:00.5Z"}).Draw(t, "string")
	case 6:
		return map[string]any{"lon": rapid.IntRange(-181, 181).Draw(t, "lon"), "lat": rapid.IntRange(-91, 91).Draw(t, "lat")}
	case 7, 8:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range list {
			list[i] = drawValue(t, depth-1)
		}
		return list
	}
	return drawObject(t, depth-1)
}

func drawObject(t *rapid.T, depth int) map[string]any {
	out := map[string]any{}
	for _, key := range []string{"a", "b", "c"} {
		if rapid.Bool().Draw(t, "has "+key) {
			out[key] = drawValue(t, depth)
		}
	}
	return out
}

var keys = rapid.SampledFrom([]string{"a", "b", "c", "a.b", "a[]", "a[].b", "b[].c", "a[0]", "a[1].b", "a[][]", "z"})

// drawCondition draws the JSON of a condition.
func drawCondition(t *rapid.T, depth int) string {
	key := keys.Draw(t, "key")
	n := func(low, high int) int { return rapid.IntRange(low, high).Draw(t, "number") }
	place := func() string { return fmt.Sprintf(`{"lon":%d,"lat":%d}`, n(-180, 180), n(-90, 90)) }
	on := func(format string, args ...any) string {
		return fmt.Sprintf(`{"key":%q,`+format+`}`, append([]any{key}, args...)...)
	}
	switch n(0, 15+2*min(depth, 1)) {
	case 0:
		return on(`"match":{"value":%s}`, rapid.SampledFrom([]string{`"a"`, `1`, `true`, `""`}).Draw(t, "value"))
	case 1:
		return on(`"match":{"any":%s}`, rapid.SampledFrom([]string{`["a","ab"]`, `[1,2]`, `[]`}).Draw(t, "values"))
	case 2:
		return on(`"match":{"except":%s}`, rapid.SampledFrom([]string{`["a","ab"]`, `[1,2]`, `[]`}).Draw(t, "values"))
	case 3:
		return on(`"match":{%q:%q}`, rapid.SampledFrom([]string{"text", "text_any", "phrase", "prefix"}).Draw(t, "kind"), rapid.SampledFrom([]string{"", "a", "a b", "b a"}).Draw(t, "query"))
	case 4:
		return on(`"range":{"gte":%d,"lt":%d}`, n(-3, 3), n(-3, 3))
	case 5:
		return on(`"range":{"gt":"2020-01-01","lte":"2021-01-01T00:00:%02d"}`, n(0, 1))
	case 6:
		return on(`"geo_bounding_box":{"top_left":%s,"bottom_right":%s}`, place(), place())
	case 7:
		return on(`"geo_radius":{"center":%s,"radius":%d}`, place(), n(0, 20_000_000))
	case 8:
		a, b, c := place(), place(), place()
		return on(`"geo_polygon":{"exterior":{"points":[%s,%s,%s,%s]}}`, a, b, c, a)
	case 9:
		return on(`"values_count":{"gte":%d,"lt":%d}`, n(0, 3), n(0, 4))
	case 10:
		return on(`%q:%v`, rapid.SampledFrom([]string{"is_empty", "is_null"}).Draw(t, "kind"), rapid.Bool().Draw(t, "on"))
	case 11:
		return fmt.Sprintf(`{"is_empty":{"key":%q}}`, key)
	case 12:
		return fmt.Sprintf(`{"is_null":{"key":%q}}`, key)
	case 13:
		return fmt.Sprintf(`{"has_id":[%d,%d]}`, n(0, 3), n(0, 3))
	case 14:
		return fmt.Sprintf(`{"has_vector":%q}`, rapid.SampledFrom([]string{"", "w", "x"}).Draw(t, "vector"))
	case 15:
		return fmt.Sprintf(`{"slice":{"index":%d,"total":3}}`, n(0, 2))
	case 16:
		return fmt.Sprintf(`{"nested":{"key":%q,"filter":%s}}`, key, drawFilter(t, depth-1))
	}
	return drawFilter(t, depth-1)
}

func drawFilter(t *rapid.T, depth int) string {
	list := func() string {
		out := make([]string, rapid.IntRange(0, 2).Draw(t, "conditions"))
		for i := range out {
			out[i] = drawCondition(t, depth)
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	return fmt.Sprintf(`{"must":%s,"should":%s,"must_not":%s,"min_should":{"conditions":[%s,{"must":[]}],"min_count":%d}}`,
		list(), list(), list(), drawCondition(t, depth), rapid.IntRange(1, 2).Draw(t, "least"))
}

// asker answers filters about one drawn point.
type asker struct {
	t *rapid.T
	p Point
}

func draw(t *rapid.T) *asker {
	payload, err := json.Marshal(drawObject(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("payload %s", payload)
	d := &Doc{}
	if err := d.Parse(payload); err != nil {
		t.Fatal(err)
	}
	id := point.Number(rapid.Uint64Range(0, 3).Draw(t, "id"))
	return &asker{t: t, p: Point{ID: id, Doc: d, Has: func(v string) bool { return v == "w" }}}
}

func (a *asker) ask(format string, args ...any) bool {
	text := fmt.Sprintf(format, args...)
	f, err := Parse([]byte(text))
	if err != nil {
		a.t.Fatalf("%s: %v", text, err)
	}
	return f.Match(&a.p)
}

// TestLogic: the laws that every filter obeys, whatever its conditions are.
func TestLogic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := draw(t)
		x, y := drawCondition(t, 2), drawCondition(t, 2)
		px, py := a.ask(`{"must":%s}`, x), a.ask(`{"must":%s}`, y)
		same := func(want bool, format string, args ...any) {
			if got := a.ask(format, args...); got != want {
				t.Fatalf(format+": %v, want %v", append(args, got, want)...)
			}
		}
		same(px, `{"must":[%s]}`, x)
		same(px, `{"should":[%s]}`, x)
		same(px, `{"must":[{"must":[%s]}]}`, x)
		same(!px, `{"must_not":[%s]}`, x)
		same(px, `{"must_not":{"must_not":%s}}`, x)
		same(px && py, `{"must":[%s,%s]}`, x, y)
		same(px || py, `{"should":[%s,%s]}`, x, y)
		same(!(px || py), `{"must_not":[%s,%s]}`, x, y)
		same(px && !py, `{"must":%s,"must_not":%s}`, x, y)
		same(px && py, `{"min_should":{"conditions":[%s,%s],"min_count":2}}`, x, y)
		same(px || py, `{"min_should":{"conditions":[%s,%s],"min_count":1}}`, x, y)
		same(false, `{"min_should":{"conditions":[%s,%s],"min_count":3}}`, x, y)
	})
}

// TestConditionLaws relates conditions to each other.
func TestConditionLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := draw(t)
		key := keys.Draw(t, "key")
		on := func(kind string) bool { return a.ask(`{"must":{"key":%q,%s}}`, key, kind) }
		equal := func(what string, x, y bool) {
			if x != y {
				t.Fatalf("%s at %s: %v and %v", what, key, x, y)
			}
		}
		equal("empty", on(`"is_empty":true`), !on(`"is_empty":false`))
		equal("null", on(`"is_null":true`), !on(`"is_null":false`))
		equal("any", on(`"match":{"any":[1,2]}`), on(`"match":{"value":1}`) || on(`"match":{"value":2}`))
		equal("alternatives", on(`"match":{"value":1},"range":{"lt":0}`), on(`"match":{"value":1}`) || on(`"range":{"lt":0}`))
		equal("text and phrase", on(`"match":{"text":"a b"}`), on(`"match":{"phrase":"a b"}`))
		if on(`"match":{"value":1}`) && !on(`"range":{"gte":1,"lte":1}`) {
			t.Fatal("1 is not from 1 to 1")
		}
		if on(`"is_empty":true`) && (on(`"match":{"except":[]}`) || on(`"range":{}`)) {
			t.Fatal("an empty field has a value")
		}
		if on(`"match":{"prefix":"a"}`) && !on(`"match":{"text":"a"}`) {
			t.Fatal("a start is no substring")
		}
		in := 0
		for i := range 3 {
			if a.ask(`{"must":{"slice":{"index":%d,"total":3}}}`, i) {
				in++
			}
		}
		if in != 1 {
			t.Fatalf("in %d slices of 3", in)
		}
	})
}

// TestNestedOfOneElement: with one element, nested is the same as a path through it.
func TestNestedOfOneElement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		element, err := json.Marshal(drawObject(t, 2))
		if err != nil {
			t.Fatal(err)
		}
		d := &Doc{}
		if err := d.Parse([]byte(`{"l":[` + string(element) + `]}`)); err != nil {
			t.Fatal(err)
		}
		a := asker{t: t, p: Point{Doc: d}}
		kind := rapid.SampledFrom([]string{`"match":{"value":1}`, `"match":{"except":["a"]}`, `"range":{"lt":2}`, `"is_empty":true`, `"is_null":true`, `"values_count":{"gte":2}`, `"match":{"text":"a"}`}).Draw(t, "kind")
		inside := a.ask(`{"must":{"nested":{"key":"l","filter":{"must":{"key":"a",%s}}}}}`, kind)
		if flat := a.ask(`{"must":{"key":"l[].a",%s}}`, kind); flat != inside {
			t.Fatalf("%s in %s: nested %v, flat %v", kind, element, inside, flat)
		}
	})
}

// TestGeoLaws: a box is a polygon of four corners, and a radius a distance by
// another formula.
func TestGeoLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		place := func(name string) GeoPoint {
			return GeoPoint{Lon: rapid.Float64Range(-180, 180).Draw(t, name), Lat: rapid.Float64Range(-90, 90).Draw(t, name)}
		}
		a, b, p := place("a"), place("b"), place("p")
		box := GeoBox{TopLeft: GeoPoint{min(a.Lon, b.Lon), max(a.Lat, b.Lat)}, BottomRight: GeoPoint{max(a.Lon, b.Lon), min(a.Lat, b.Lat)}}
		tl, br := box.TopLeft, box.BottomRight
		corners := GeoPolygon{Exterior: []GeoPoint{tl, {br.Lon, tl.Lat}, br, {tl.Lon, br.Lat}, tl}}
		if box.Holds(p) != corners.Holds(p) {
			t.Fatalf("%v: box %v, polygon %v", p, box.Holds(p), corners.Holds(p))
		}
		holed := GeoPolygon{Exterior: []GeoPoint{{-180, -90}, {180, -90}, {180, 90}, {-180, 90}, {-180, -90}}, Interiors: [][]GeoPoint{corners.Exterior}}
		if box.Holds(p) && holed.Holds(p) {
			t.Fatalf("%v lies in a hole", p)
		}
		across := GeoBox{TopLeft: GeoPoint{br.Lon, tl.Lat}, BottomRight: GeoPoint{tl.Lon, br.Lat}}
		if tl.Lon < br.Lon && box.Holds(p) && across.Holds(p) {
			t.Fatalf("%v lies in both halves of a zone", p)
		}
		got, want := Distance(a, p), spherical(a, p)
		if math.Abs(got-want) > 1 {
			t.Fatalf("from %v to %v: %v m, want %v", a, p, got, want)
		}
		if math.Abs(want-1e6) > 1 && (&GeoRadius{Center: a, Radius: 1e6}).Holds(p) != (want < 1e6) {
			t.Fatalf("%v within 1000 km of %v", p, a)
		}
	})
}

// spherical is the distance by the angle between two unit vectors.
func spherical(a, b GeoPoint) float64 {
	unit := func(p GeoPoint) [3]float64 {
		lon, lat := p.Lon*math.Pi/180, p.Lat*math.Pi/180
		return [3]float64{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
	}
	x, y := unit(a), unit(b)
	cross := [3]float64{x[1]*y[2] - x[2]*y[1], x[2]*y[0] - x[0]*y[2], x[0]*y[1] - x[1]*y[0]}
	dot := x[0]*y[0] + x[1]*y[1] + x[2]*y[2]
	return EarthRadius * math.Atan2(math.Sqrt(cross[0]*cross[0]+cross[1]*cross[1]+cross[2]*cross[2]), dot)
}
