package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kithdb/kith/storage/point"
)

// holds evaluates one condition on a payload; point 7 has the vectors "" and "w".
func holds(t *testing.T, payload, condition string) bool {
	t.Helper()
	f, err := Parse([]byte(`{"must":` + condition + `}`))
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	var d Doc
	if err := d.Parse([]byte(payload)); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	has := func(name string) bool { return name == "" || name == "w" }
	return f.Match(&Point{ID: point.Number(7), Doc: &d, Has: has})
}

const world = `{"a":[{"b":1},{"b":2}],"m":[[1,2],[3]],"o":{"p":{"q":1}},"n":null,"nn":[null],"e":[],"ee":[[]],
"s":"x","f":5.0,"g":5,"lists":[{"t":[1,2]},{"t":[3]},{"t":null},{}],"x.y":3,"k[0]":4,"an":[1,null,2],
"nest":[[{"z":1}],[{"z":2}]],"single":{"b":1},"日本":1,"":6}`

func TestPaths(t *testing.T) {
	f := func(key string, value int, want bool) {
		t.Helper()
		c := fmt.Sprintf(`{"key":%q,"match":{"value":%d}}`, key, value)
		if got := holds(t, world, c); got != want {
			t.Errorf("%s: %v", c, got)
		}
	}
	f("a.b", 1, false)
	f("a[].b", 1, true)
	f("a[0].b", 1, true)
	f("a[1].b", 1, false)
	f("a[9].b", 1, false)
	f("m", 1, false)
	f("m[]", 1, true)
	f("m[]", 3, true)
	f("m[][]", 1, true)
	f("m[0]", 1, true)
	f("m[0][]", 1, true)
	f("m[0][0]", 1, true)
	f("m[0][1]", 1, false)
	f("o.p.q", 1, true)
	f("o[].p", 1, false)
	f(`"x.y"`, 3, true)
	f("x.y", 3, false)
	f(`"k[0]"`, 4, true)
	f(`""`, 6, true)
	f("日本", 1, true)
	f("f", 5, false)
	f("g", 5, true)
	f("lists[].t", 2, true)
	f("lists[].t[]", 2, true)
	f("lists.t", 2, false)
	f("nest[].z", 1, false)
	f("nest[][].z", 1, true)
	f("an[1]", 2, false)
	f("an[2]", 2, true)
	f("single[].b", 1, false)
	f("s[]", 1, false)
}

func TestEmptyAndNull(t *testing.T) {
	f := func(key string, empty, null bool) {
		t.Helper()
		for form, want := range map[string]bool{
			`{"is_empty":{"key":%q}}`:             empty,
			`{"key":%q,"is_empty":true}`:          empty,
			`{"key":%q,"is_empty":false}`:         !empty,
			`{"is_null":{"key":%q}}`:              null,
			`{"key":%q,"is_null":true}`:           null,
			`{"key":%q,"is_null":false}`:          !null,
			`{"must_not":{"is_null":{"key":%q}}}`: !null,
		} {
			c := fmt.Sprintf(form, key)
			if got := holds(t, world, c); got != want {
				t.Errorf("%s: %v", c, got)
			}
		}
	}
	f("n", true, true)
	f("nn", false, true)
	f("e", true, false)
	f("ee", false, false)
	f("s", false, false)
	f("gone", true, false)
	f("o.gone", true, false)
	f("a[].gone", true, false)
	f("lists[].t", false, true)
	f("an", false, true)
	f("e[]", true, false)
	f("ee[]", true, false)
	f("nn[]", true, true)
	f("n.x", true, false)
	f("n[]", true, false)
	f("a[].b", false, false)
	f("a[0].gone", true, false)
}

func TestValuesCount(t *testing.T) {
	f := func(key string, counts ...int) {
		t.Helper()
		var got []int
		for n := range 6 {
			if holds(t, world, fmt.Sprintf(`{"key":%q,"values_count":{"gte":%d,"lte":%d}}`, key, n, n)) {
				got = append(got, n)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(counts) {
			t.Errorf("%s: %v, want %v", key, got, counts)
		}
	}
	f("n", 0)
	f("nn", 1)
	f("e", 0)
	f("ee", 1)
	f("s", 1)
	f("gone", 0)
	f("o", 1)
	f("a", 2)
	f("a[]", 1)
	f("m", 2)
	f("m[]", 1, 2)
	f("lists[].t", 0, 1, 2)
	f("an", 3)
	f("a[].gone", 0)
	f("e[]", 0)
	f("lists", 4)
	if !holds(t, world, `{"key":"gone","values_count":{}}`) || holds(t, world, `{"key":"m","values_count":{"lt":2}}`) {
		t.Error("bounds of values_count")
	}
}

func TestExceptNeedsAValue(t *testing.T) {
	f := func(key, list string, want bool) {
		t.Helper()
		c := fmt.Sprintf(`{"key":%q,"match":{"except":%s}}`, key, list)
		if got := holds(t, world, c); got != want {
			t.Errorf("%s: %v", c, got)
		}
	}
	f("n", `[]`, false)
	f("nn", `["x"]`, false)
	f("e", `[]`, false)
	f("gone", `[]`, false)
	f("ee", `[5]`, true)
	f("s", `["x"]`, false)
	f("s", `[5]`, true)
	f("s", `[]`, true)
	f("f", `[5]`, true)
	f("g", `[5]`, false)
	f("o", `["x"]`, true)
	f("an", `[1]`, true)
}

// TestSeveralKinds: as in the contract's engine, some kinds decide alone and the
// others are alternatives.
func TestSeveralKinds(t *testing.T) {
	f := func(payload, kinds string, want bool) {
		t.Helper()
		c := `{"key":"a",` + kinds + `}`
		if got := holds(t, payload, c); got != want {
			t.Errorf("%s %s: %v", payload, c, got)
		}
	}
	const matchOrRange = `"match":{"value":5},"range":{"gte":10}`
	f(`{"a":5}`, matchOrRange, true)
	f(`{"a":15}`, matchOrRange, true)
	f(`{"a":7}`, matchOrRange, false)
	f(`{}`, matchOrRange, false)
	const matchAndCount = `"match":{"value":5},"values_count":{"lt":1}`
	f(`{"a":15}`, matchAndCount, false)
	f(`{"a":null}`, matchAndCount, true)
	f(`{}`, matchAndCount, true)
	f(`{}`, `"match":{"value":5},"is_empty":true`, true)
	f(`{"a":5}`, matchAndCount, false)
	f(`{"a":5}`, `"match":{"value":5},"is_empty":true`, false)
	f(`{"a":5}`, `"is_null":true,"range":{"gt":1}`, false)
	f(`{"a":5}`, `"is_null":true,"is_empty":false`, true)
	f(`{"a":5}`, `"is_null":true,"values_count":{"lt":2},"is_empty":true`, true)
	f(`{"a":{"lon":1,"lat":1}}`, `"match":{"value":5},"geo_radius":{"center":{"lon":1,"lat":1},"radius":1}`, true)
	f(`{"a":1}`, `"match":{"value":5},"is_null":false`, true)
}

func TestNested(t *testing.T) {
	const payload = `{"n":[{"a":1,"k":[{"z":1}]},{"a":2},3,null,[{"a":7}]],"o":{"a":1},"m":[[{"a":1}]],"e":[]}`
	f := func(key, filter string, want bool) {
		t.Helper()
		c := fmt.Sprintf(`{"nested":{"key":%q,"filter":%s}}`, key, filter)
		if got := holds(t, payload, c); got != want {
			t.Errorf("%s: %v", c, got)
		}
	}
	const a1 = `{"must":{"key":"a","match":{"value":1}}}`
	f("n", a1, true)
	f("n[]", a1, true)
	f("o", a1, false)
	f("o[]", a1, false)
	f("m", a1, false)
	f("m[]", a1, false)
	f("m[][]", a1, true)
	f("gone", a1, false)
	f("n[0]", a1, false)
	f("n", `{"must":{"key":"a","match":{"value":7}}}`, false)
	f("n", `{"must":{"nested":{"key":"k","filter":{"must":{"key":"z","match":{"value":1}}}}}}`, true)
	f("n", `{"must_not":{"key":"a","match":{"value":1}}}`, true)
	f("n", `{}`, true)
	for _, key := range []string{"o", "gone", "m", "e"} {
		f(key, `{}`, false)
	}
	// An element has no id and no vectors.
	for _, c := range []string{`{"has_id":[7]}`, `{"has_vector":""}`, `{"slice":{"index":0,"total":1}}`} {
		if !holds(t, payload, c) {
			t.Errorf("%s", c)
		}
		f("n", `{"must":`+c+`}`, false)
		f("n", `{"must_not":`+c+`}`, true)
	}
}

func TestRanges(t *testing.T) {
	f := func(value, bounds string, want bool) {
		t.Helper()
		if got := holds(t, `{"a":`+value+`}`, `{"key":"a","range":`+bounds+`}`); got != want {
			t.Errorf("%s in %s: %v", value, bounds, got)
		}
	}
	for value, want := range map[string]bool{"true": false, `"5"`: false, "5": true, "5.0": true, "null": false, "[5]": true, "[[5]]": false, `{"a":5}`: false} {
		f(value, `{"gte":5,"lte":5}`, want)
	}
	f("5", `{}`, true)
	f(`"x"`, `{}`, false)
	f("18446744073709551615", `{"gt":1}`, true)
	f("9007199254740993", `{"gt":9007199254740992}`, true)
	f("1609459200", `{"gte":"2021-01-01T00:00:00Z"}`, false)
	f(`["x","2021-01-02"]`, `{"gt":"2021-01-01"}`, true)
	f(`"2021-01-01T00:00:00.0000009Z"`, `{"gt":"2021-01-01"}`, false)
	f(`"2021-01-01T00:00:00.000001Z"`, `{"gt":"2021-01-01"}`, true)
}

// TestTimes holds the forms against what the contract's engine takes.
func TestTimes(t *testing.T) {
	const newYear = 1609459200000000
	for _, s := range []string{
		"2021-01-01T00:00:00Z", "2021-01-01", "2021-01-01T00:00:00", "2021-01-01 00:00:00", "2021-01-01 00:00:00Z",
		"2021-01-01 00:00", "2021-01-01T00:00", "2021-01-01T01:00:00+01:00", "2021-01-01T01:00:00+0100", "2021-01-01T01:00:00+01",
		"2021-01-01 01:00:00+01", "2021-01-01 01:00:00 +01:00", "2021-01-01T00:00:00.0Z", "2021-01-01T00:00:00.000000000Z",
		"2021-01-01T00:00:00.000", "2021-01-01 00:00:00.000+00", "2021-01-01t00:00:00z", "2021-1-1", " 2021-01-01",
		"+2021-01-01", "2021-01-01T00:00:00-00:00", "2021-01-01T00:00:00 Z", "2021-01-01T00:00:00Z ", "2021-01-01T00:00:00UTC",
		"2021-01-01T0:0:0", "2021-01-01  00:00:00", "2020-12-31T23:59:60Z", "2021-01-01T00:00:00.000000999Z",
	} {
		if got, ok := ParseTime(s); !ok || got != newYear {
			t.Errorf("%q: %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "2021-01-01T00:00Z", "2021-01-01T00:00+00:00", "2021-01-01T00", "2021-01", "2021", "20210101", "2021-01-01Z",
		"2021-01-01+00:00", "2020-12-31T24:00:00Z", "2021-02-30", "2021-13-01", "2021-01-01T00:00:00.Z", "2021-01-01T00:00:00,5Z",
		"2021-01-01 ", "10000-01-01", "2021-01-01_00:00:00", "2021-01-01T25:00:00Z", "2021-01-01T00:60:00Z",
		"2021-01-01T00:00:00+24:00", "Fri, 01 Jan 2021 00:00:00 GMT", "1609459200", "2021-01-01T00:00:00+00:00:00",
		"2021-00-01", "2021-01-00", "2021-01-01T00:00:61Z", "2021-01-01T00:00:00+1",
	} {
		if got, ok := ParseTime(s); ok {
			t.Errorf("%q: %d", s, got)
		}
	}
	if got, ok := ParseTime("1969-12-31T23:59:59.5Z"); !ok || got != -500000 {
		t.Errorf("before 1970: %d, %v", got, ok)
	}
	if got, ok := ParseTime("-0001-01-01"); !ok || got >= 0 {
		t.Errorf("before year 0: %d, %v", got, ok)
	}
}

func TestGeo(t *testing.T) {
	f := func(place, kind string, want bool) {
		t.Helper()
		if got := holds(t, `{"g":`+place+`}`, `{"key":"g",`+kind+`}`); got != want {
			t.Errorf("%s %s: %v", place, kind, got)
		}
	}
	g := func(lon, lat float64) string { return fmt.Sprintf(`{"lon":%v,"lat":%v}`, lon, lat) }
	box := func(a, b, c, d float64) string {
		return `"geo_bounding_box":{"top_left":` + g(a, b) + `,"bottom_right":` + g(c, d) + `}`
	}
	square := box(0, 10, 10, 0)
	f(g(5, 5), square, true)
	f(g(0, 5), square, false)
	f(g(5, 10), square, false)
	f(`[`+g(50, 50)+`,`+g(5, 5)+`]`, square, true)
	f(`{"lon":5,"lat":5,"x":1}`, square, true)
	for _, no := range []string{`{"lon":"5","lat":5}`, `{"lon":5}`, `[5,5]`, `"5,5"`, `{"lon":365,"lat":5}`, `{"lon":5,"lat":95}`, `{"lon":null,"lat":5}`, `null`} {
		f(no, box(-180, 90, 180, -90), false)
	}
	across := box(170, 10, -170, 0)
	for lon, want := range map[float64]bool{175: true, -175: true, 180: true, -180: true, 170: false, -170: false, 0: false} {
		f(g(lon, 5), across, want)
	}
	radius := func(lon, lat, r float64) string {
		return fmt.Sprintf(`"geo_radius":{"center":%s,"radius":%v}`, g(lon, lat), r)
	}
	f(g(1, 0), radius(0, 0, 111195.0802336), true) // one degree on the engine's sphere
	f(g(1, 0), radius(0, 0, 111195.0802335), false)
	f(g(0, 0), radius(0, 0, 0), false)
	f(g(0, 0), radius(0, 0, -1), false)
	f(g(-179.9, 0), radius(179.9, 0, 30000), true)
	f(g(180, 0), radius(0, 0, 2.01e7), true)
	ring := func(p ...float64) string {
		var all []string
		for i := 0; i < len(p); i += 2 {
			all = append(all, g(p[i], p[i+1]))
		}
		return `{"points":[` + strings.Join(all, ",") + `]}`
	}
	outer := ring(0, 0, 10, 0, 10, 10, 0, 10, 0, 0)
	plain := `"geo_polygon":{"exterior":` + outer + `}`
	holed := `"geo_polygon":{"exterior":` + outer + `,"interiors":[` + ring(4, 4, 6, 4, 6, 6, 4, 6, 4, 4) + `]}`
	back := `"geo_polygon":{"exterior":` + ring(0, 0, 0, 10, 10, 10, 10, 0, 0, 0) + `,"interiors":[` + ring(4, 4, 4, 6, 6, 6, 6, 4, 4, 4) + `]}`
	// A star of five points winds twice around its middle.
	star := `"geo_polygon":{"exterior":` + ring(0, 10, 6, -8, -9, 3, 9, 3, -6, -8, 0, 10) + `}`
	f(g(0, 0), star, true)
	f(g(0, 8), star, true)
	f(g(0, -7), star, false)
	for p, want := range map[[2]float64][2]bool{
		{5, 5}: {true, false}, {0, 5}: {}, {10, 5}: {}, {5, 0}: {}, {5, 10}: {}, {0, 0}: {}, {10, 10}: {}, {11, 5}: {},
		{4, 5}: {true, false}, {6, 5}: {true, false}, {5, 4}: {true, false}, {4, 4}: {true, false}, {3, 3}: {true, true},
	} {
		f(g(p[0], p[1]), plain, want[0])
		f(g(p[0], p[1]), holed, want[1])
		f(g(p[0], p[1]), back, want[1])
	}
}

func TestTextWithoutIndex(t *testing.T) {
	f := func(value, match string, want bool) {
		t.Helper()
		if got := holds(t, `{"t":`+value+`}`, `{"key":"t","match":`+match+`}`); got != want {
			t.Errorf("%s %s: %v", value, match, got)
		}
	}
	f(`"hello brave world"`, `{"text":"lo bra"}`, true)
	f(`"hello brave world"`, `{"text":"hello world"}`, false)
	f(`"Hello"`, `{"text":"hello"}`, false)
	f(`["x","hello"]`, `{"text":"ell"}`, true)
	f(`""`, `{"text":""}`, true)
	f(`5`, `{"text":""}`, false)
	f(`"hello brave world"`, `{"phrase":"brave world"}`, true)
	f(`"hello brave world"`, `{"phrase":"hello world"}`, false)
	f(`"hello brave world"`, `{"text_any":" zz  wor "}`, true)
	f(`"hello brave world"`, `{"text_any":"zz"}`, false)
	f(`"hello"`, `{"text_any":""}`, false)
	f(`"hello"`, `{"prefix":"hel"}`, true)
	f(`"hello"`, `{"prefix":"ell"}`, false)
	f(`"hello"`, `{"prefix":"HE"}`, false)
	f(`"hello"`, `{"prefix":""}`, true)
	f(`["x","hello"]`, `{"prefix":"he"}`, true)
	f(`5`, `{"prefix":""}`, false)
}

// TestBind: lower-cased words, each at its place.
func TestBind(t *testing.T) {
	words := func(text string, _ bool) (out []Token) {
		for i, w := range strings.Fields(strings.ToLower(text)) {
			out = append(out, Token{Term: w, Position: i})
		}
		return out
	}
	bound := map[string]bool{"t": true, "n[].t": true}
	f := func(condition string, want bool) {
		t.Helper()
		const payload = `{"t":["Hello brave","World"],"u":"Hello","n":[{"t":"a b"},{"t":"B c d"}]}`
		parsed, err := Parse([]byte(`{"should":{"must":{"min_should":{"min_count":1,"conditions":[` + condition + `]}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		b := parsed.Bind(func(field string) Analyze {
			if bound[field] {
				return words
			}
			return nil
		})
		var d Doc
		if err := d.Parse([]byte(payload)); err != nil {
			t.Fatal(err)
		}
		if got := b.Match(&Point{Doc: &d}); got != want {
			t.Errorf("%s: %v", condition, got)
		}
	}
	f(`{"key":"t","match":{"text":"world HELLO"}}`, true) // in all strings together
	f(`{"key":"t","match":{"text":"hell"}}`, false)
	f(`{"key":"t","match":{"text":""}}`, false)
	f(`{"key":"t","match":{"text_any":"x world"}}`, true)
	f(`{"key":"t","match":{"text_any":" "}}`, false)
	f(`{"key":"t","match":{"phrase":"HELLO brave"}}`, true)
	f(`{"key":"t","match":{"phrase":"brave world"}}`, false) // in one string
	f(`{"key":"t","match":{"phrase":"brave hello"}}`, false)
	f(`{"key":"u","match":{"text":"hello"}}`, false) // no index on it
	f(`{"key":"u","match":{"text":"ell"}}`, true)
	f(`{"nested":{"key":"n","filter":{"must":{"key":"t","match":{"text":"c b"}}}}}`, true)
	f(`{"nested":{"key":"n[]","filter":{"must":{"key":"t","match":{"text":"a c"}}}}}`, false)
	f(`{"nested":{"key":"n","filter":{"must":{"key":"t","match":{"phrase":"c d"}}}}}`, true)
}

// TestSlice: values of the reference implementation of SipHash, and of the
// contract's client for ids.
func TestSlice(t *testing.T) {
	if got := siphash([]byte("\x07\x00\x00\x00\x00\x00\x00\x00")); got != 0xb6ea513a7ef62bf0 {
		t.Errorf("hash of 7: %#x", got)
	}
	uuid, err := point.ParseUUID("936da01f-9abd-4d9d-80c7-02af85c822a8")
	if err != nil {
		t.Fatal(err)
	}
	if s := (Slice{Index: 669, Total: 1000}); !s.Holds(uuid) {
		t.Error("slice of a UUID")
	}
	for id := range uint64(200) {
		in := 0
		for i := range uint64(7) {
			s := Slice{Index: i, Total: 7}
			if s.Holds(point.Number(id)) {
				in++
			}
		}
		if in != 1 {
			t.Fatalf("point %d is in %d slices", id, in)
		}
	}
}
