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
	f(`{"must":[{"key":"a"}]}`, "exactly one")
	f(`{"mst":[]}`, "filter.mst")
	f(`{"must":[{"has_id":[-1]}]}`, "has_id[0]")
	f(`{"must":[{"has_id":[1.5]}]}`, "has_id[0]")
	f(`{"must":[{"has_id":["936da01f"]}]}`, "has_id[0]")
	f(`{"must":[{"key":"a..b","match":{"value":1}}]}`, "payload path")
	f(`{"must":[{"key":"a","geo_radius":{}}]}`, "not supported yet")
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
	got, err = Project([]byte(`{"a":{"b":1,"c":2},"d":3}`), point.PayloadSelector{Enable: true, Exclude: []string{"a.c"}})
	f(got, err, `{"a":{"b":1},"d":3}`)
	got, err = Compact([]byte(` { "n" : 12345678901234567890.10 } `))
	f(got, err, `{"n":12345678901234567890.10}`)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"must":[{"key":"a[].b","match":{"any":[1,2]}}],"min_should":{"min_count":1,"conditions":[]}}`))
	f.Add([]byte(`{"should":{"nested":{"key":"a","filter":{}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed, err := Parse(text)
		if err != nil {
			return
		}
		var d Doc
		if err := d.Parse([]byte(`{"a":[{"b":1}]}`)); err != nil {
			t.Fatal(err)
		}
		parsed.Match(&Point{ID: point.Number(1), Doc: &d})
	})
}
