package filter

import (
	"strings"
	"testing"

	"github.com/kithdb/kith/storage/point"
)

func TestMatch(t *testing.T) {
	const payload = `{"city":"Berlin","n":5,"f":5.0,"big":9007199254740993,"tags":["a",1,true],"none":null,"empty":[],"nulls":[null],"a":{"b":1},"list":[{"k":1,"v":1},{"k":2,"v":2}],"x.y":3}`
	f := func(filter string, want bool) {
		t.Helper()
		parsed, err := Parse([]byte(filter))
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			return
		}
		var d Doc
		if err := d.Parse([]byte(payload)); err != nil {
			t.Fatal(err)
		}
		if got := parsed.Match(&Point{ID: point.Number(7), Doc: &d}); got != want {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
	}
	f(`{}`, true)
	f(`{"must":[]}`, true)
	f(`{"must":{"key":"city","match":{"value":"Berlin"}}}`, true)
	f(`{"must_not":[{"key":"city","match":{"value":"Berlin"}}]}`, false)
	f(`{"must":[{"key":"n","match":{"value":"5"}}]}`, false)
	f(`{"must":[{"key":"f","match":{"value":5}}]}`, false)
	f(`{"must":[{"key":"f","range":{"gte":5,"lte":5}}]}`, true)
	f(`{"must":[{"key":"big","range":{"gt":9007199254740992}}]}`, true)
	f(`{"must":[{"key":"tags","match":{"any":["a","z"]}}]}`, true)
	f(`{"must":[{"key":"tags","match":{"any":[]}}]}`, false)
	f(`{"must":[{"key":"tags[]","match":{"value":true}}]}`, true)
	f(`{"must":[{"key":"missing","match":{"except":["a"]}}]}`, false)
	f(`{"must":[{"key":"city","match":{"except":["Berlin"]}}]}`, false)
	f(`{"must":[{"is_empty":{"key":"none"}},{"is_empty":{"key":"empty"}},{"is_empty":{"key":"gone"}}]}`, true)
	f(`{"must":[{"is_empty":{"key":"n"}}]}`, false)
	f(`{"must":[{"is_null":{"key":"none"}},{"is_null":{"key":"nulls"}}]}`, true)
	f(`{"must":[{"is_null":{"key":"gone"}}]}`, false)
	f(`{"must":[{"key":"a.b","match":{"value":1}},{"key":"\"x.y\"","match":{"value":3}}]}`, true)
	f(`{"must":[{"key":"list.k","match":{"value":1}}]}`, false)
	f(`{"must":[{"key":"list[].k","match":{"value":1}},{"key":"list[].v","match":{"value":2}}]}`, true)
	f(`{"must":[{"nested":{"key":"list","filter":{"must":[{"key":"k","match":{"value":1}},{"key":"v","match":{"value":2}}]}}}]}`, false)
	f(`{"must":[{"has_id":[7,"936da01f-9abd-4d9d-80c7-02af85c822a8"]}]}`, true)
	f(`{"min_should":{"min_count":2,"conditions":[{"has_id":[7]},{"has_id":[8]}]}}`, false)
	f(`{"should":[{"has_id":[8]},{"must":[{"has_id":[7]}]}]}`, true)
}

func TestParseNamesTheField(t *testing.T) {
	f := func(filter, part string) {
		t.Helper()
		_, err := Parse([]byte(filter))
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%.80s: %v, want an error with %q", filter, err, part)
		}
	}
	f(`{"must":[`, "filter")
	f(`[]`, "expected an object")
	f(`{"must":[{"key":"a","match":{"valu":1}}]}`, "filter.must[0].match.valu")
	f(`{"must":[{"key":"a","match":{"value":1.5}}]}`, "must[0].match.value")
	f(`{"must":[{"key":"a"}]}`, "filter.must[0]: nothing is asked")
	f(`{"mst":[]}`, "filter.mst")
	f(`{"must":[{"has_id":[-1]}]}`, "has_id[0]")
	f(`{"must":[{"has_id":[1.5]}]}`, "has_id[0]")
	f(`{"must":[{"has_id":["936da01f"]}]}`, "has_id[0]")
	f(`{"must":[{"key":"a..b","match":{"value":1}}]}`, "payload path")
	f(`{"must":[{"key":"a","geo_radius":{}}]}`, "filter.must[0].geo_radius.center: missing")
	f(`{"must":[{"key":"a","geo_radius":{"center":{"lon":1,"lat":91},"radius":1}}]}`, "geo_radius.center: expected lon within")
	f(`{"must":[{"key":"a","geo_radius":{"center":{"lon":1,"lat":1},"radius":"1"}}]}`, "geo_radius.radius: expected a finite number")
	f(`{"must":[{"key":"a","geo_bounding_box":{"top_left":{"lon":1,"lat":1}}}]}`, "geo_bounding_box.bottom_right: missing")
	f(`{"must":[{"key":"a","geo_bounding_box":{"top_left":{"lon":1},"bottom_right":{"lon":1,"lat":1}}}]}`, "top_left.lat: missing")
	f(`{"must":[{"key":"a","geo_polygon":{"exterior":{"points":[{"lon":0,"lat":0}]}}}]}`, "geo_polygon.exterior.points: a ring has at least 4")
	f(`{"must":[{"key":"a","geo_polygon":{"exterior":{"points":[{"lon":0,"lat":0},{"lon":1,"lat":0},{"lon":1,"lat":1},{"lon":0,"lat":1}]}}}]}`, "a ring is closed")
	f(`{"must":[{"key":"a","geo_polygon":{"interiors":[]}}]}`, "geo_polygon.exterior: missing")
	f(`{"must":[{"key":"a","values_count":{"gt":-1}}]}`, "values_count.gt: expected an unsigned")
	f(`{"must":[{"key":"a","range":{"gt":"tomorrow"}}]}`, "range.gt: \"tomorrow\" is no datetime")
	f(`{"must":[{"key":"a","range":{"gt":"2021-01-01","lt":5}}]}`, "range: numbers and datetimes")
	f(`{"must":[{"key":"a","match":{"text":5}}]}`, "match.text: expected a string")
	f(`{"must":[{"key":"a","match":{"prefix":null}}]}`, "match: expected exactly one")
	f(`{"must":[{"key":"a","is_empty":1}]}`, "is_empty: expected true or false")
	f(`{"must":[{"has_vector":1}]}`, "has_vector: expected a vector's name")
	f(`{"must":[{"slice":{"index":2,"total":2}}]}`, "slice.index: expected less than")
	f(`{"must":[{"slice":{"index":0,"total":0}}]}`, "slice.total: expected at least 1")
	f(`{"must":[{"slice":{"total":2}}]}`, "slice.index: missing")
	f(`{"must":[{"slice":{"index":0,"total":4294967296}}]}`, "slice.total: expected an unsigned")
	f(`{"must":[{"has_id":[1],"key_":1}]}`, "must[0].key_: unknown field")
	f(`{"min_should":{"conditions":[],"min_count":0}}`, "min_should.min_count: expected at least 1")
	f(`{"min_should":{"min_count":1}}`, "min_should.conditions: missing")
	f(`{"must":[{"nested":{"key":"a"}}]}`, "nested.filter: missing")
	f(`{"must":[{"key":"a[-1]","is_empty":true}]}`, "payload path")
	f(`{"must":[{"key":"a[]b","is_empty":true}]}`, "payload path")
	f(strings.Repeat(`{"must":[`, 100)+`{}`+strings.Repeat(`]}`, 100), "deeper")
}

func TestEdits(t *testing.T) {
	f := func(got []byte, err error, want string) {
		t.Helper()
		if err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	got, err := Merge([]byte(`{"a":1.50,"b":2}`), []byte(`{"b":{"c":3}}`), "")
	f(got, err, `{"a":1.50,"b":{"c":3}}`)
	got, err = Merge(nil, []byte(`{"x":1}`), "a.b")
	f(got, err, `{"a":{"b":{"x":1}}}`)
	got, err = Merge([]byte(`{"l":[{"a":1},{"a":2}]}`), []byte(`{"x":1}`), "l[]")
	f(got, err, `{"l":[{"a":1,"x":1},{"a":2,"x":1}]}`)
	got, err = DeleteKeys([]byte(`{"a":{"b":1,"c":2},"l":[{"k":1,"v":2}]}`), []string{"a.b", "l[].k", "none"})
	f(got, err, `{"a":{"c":2},"l":[{"v":2}]}`)
	got, err = Project([]byte(`{"a":{"b":1,"c":2},"d":3}`), point.PayloadSelector{Enable: true, Include: []string{"a.c"}})
	f(got, err, `{"a":{"c":2}}`)
	got, err = Merge([]byte(`{"l":[{"a":1},5]}`), []byte(`{"x":1}`), "l[1].y")
	f(got, err, `{"l":[{"a":1},{"y":{"x":1}}]}`)
	got, err = Merge([]byte(`{"l":[{"a":1}],"s":"x"}`), []byte(`{"x":1}`), "l[7]")
	f(got, err, `{"l":[{"a":1}],"s":"x"}`)
	got, err = Merge([]byte(`{"s":"x"}`), []byte(`{"x":1}`), "s[]")
	f(got, err, `{"s":[]}`)
	got, err = DeleteKeys([]byte(`{"l":[{"k":1,"v":2},{"k":3}],"m":[[1,2],[3]]}`), []string{"l[0].k", "m[][]", "l[1]"})
	f(got, err, `{"l":[{"v":2},{"k":3}],"m":[[],[]]}`)
	got, err = Project([]byte(`{"l":[{"k":1,"v":2},{"k":3},5,[{"k":9}],{}],"s":"x","a":{}}`), point.PayloadSelector{Enable: true, Include: []string{"l[].k", "l[].z", "s.x", "a.b"}})
	f(got, err, `{"l":[{"k":1},{"k":3},5,[],{}],"s":"x","a":{}}`)
	got, err = Project([]byte(`{"a":{"b":1,"c":2},"d":3}`), point.PayloadSelector{Enable: true, Exclude: []string{"a.c"}})
	f(got, err, `{"a":{"b":1},"d":3}`)
	got, err = Compact([]byte(` { "n" : 12345678901234567890.10 } `))
	f(got, err, `{"n":12345678901234567890.10}`)
}
