package filter

import (
	"testing"

	"github.com/kithdb/kith/storage/point"
)

// FuzzParse: no bytes panic, and what is read can be evaluated and bound.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"must":[{"key":"a[].b","match":{"any":[1,2]}}],"min_should":{"min_count":1,"conditions":[]}}`))
	f.Add([]byte(`{"should":{"nested":{"key":"a","filter":{}}}}`))
	f.Add([]byte(`{"must":[{"key":"a[0].\"b.c\"","range":{"gt":"2021-01-01T00:00:00.5+01:00"}},{"key":"t","match":{"phrase":"a b"}}]}`))
	f.Add([]byte(`{"must":[{"key":"g","geo_polygon":{"exterior":{"points":[{"lon":0,"lat":0},{"lon":1,"lat":0},{"lon":1,"lat":1},{"lon":0,"lat":0}]},"interiors":[]},"values_count":{"lt":1}}]}`))
	f.Add([]byte(`{"must_not":[{"slice":{"index":0,"total":2}},{"has_vector":""},{"has_id":[1,"936da01f-9abd-4d9d-80c7-02af85c822a8"]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed, err := Parse(text)
		if err != nil {
			return
		}
		var d Doc
		if err := d.Parse([]byte(`{"a":[{"b":1}],"t":"x y","g":{"lon":0.5,"lat":0.25}}`)); err != nil {
			t.Fatal(err)
		}
		p := &Point{ID: point.Number(1), Doc: &d, Has: func(string) bool { return true }}
		want := parsed.Match(p)
		if got := parsed.Bind(func(string) Analyze { return nil }).Match(p); got != want {
			t.Fatalf("%s: bound to nothing %v, else %v", text, got, want)
		}
	})
}

// FuzzMatch: every kind of condition on arbitrary payloads.
func FuzzMatch(f *testing.F) {
	kinds := []string{
		`"match":{"value":1}`, `"match":{"any":["a"]}`, `"match":{"except":[1]}`, `"match":{"text":"a b"}`, `"match":{"text_any":"a b"}`,
		`"match":{"prefix":"a"}`, `"range":{"gt":0.5,"lte":1e300}`, `"range":{"lt":"2021-01-01"}`, `"is_empty":true`, `"is_null":true`,
		`"values_count":{"gte":1}`, `"geo_radius":{"center":{"lon":0,"lat":0},"radius":1000}`,
		`"geo_bounding_box":{"top_left":{"lon":-1,"lat":1},"bottom_right":{"lon":1,"lat":-1}}`,
		`"geo_polygon":{"exterior":{"points":[{"lon":0,"lat":0},{"lon":1,"lat":0},{"lon":1,"lat":1},{"lon":0,"lat":0}]}}`,
	}
	var all []*Filter
	for _, key := range []string{"a", "a[]", "a.b", "a[].b", "a[1]", "a[][].b"} {
		for _, kind := range kinds {
			text := `{"must":{"key":"` + key + `",` + kind + `}}`
			for _, text := range []string{text, `{"must_not":` + text + `}`, `{"must":{"nested":{"key":"` + key + `","filter":` + text + `}}}`} {
				parsed, err := Parse([]byte(text))
				if err != nil {
					f.Fatalf("%s: %v", text, err)
				}
				all = append(all, parsed)
			}
		}
	}
	f.Add([]byte(`{"a":[{"b":1},{"b":[1,"a b",null,{"lon":0,"lat":0}]},[{"b":1e400}]]}`))
	f.Add([]byte(`{"a":{"b":"2021-01-01"},"a":18446744073709551616}`))
	f.Add([]byte(`{"a":"é\ud800"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var d Doc
		if d.Parse(payload) != nil {
			return
		}
		p := &Point{Doc: &d}
		for i := 0; i < len(all); i += 3 {
			if all[i].Match(p) == all[i+1].Match(p) {
				t.Fatalf("%s: a condition and its contrary agree", payload)
			}
			all[i+2].Match(p)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	payload := []byte(`{"city":"Berlin","country":"DE","price":19.5,"stock":12,"tags":["new","sale","blue"],"ok":true,
"sold":"2026-01-31T12:00:00Z","place":{"lon":13.4,"lat":52.5},"title":"A quick brown fox","deep":{"list":[{"k":1},{"k":2}]}}`)
	for _, c := range []struct{ name, filter string }{
		{"keyword", `{"must":{"key":"city","match":{"value":"Berlin"}}}`},
		{"range", `{"must":{"key":"price","range":{"gte":10,"lt":20}}}`},
		{"datetime", `{"must":{"key":"sold","range":{"gte":"2026-01-01"}}}`},
		{"radius", `{"must":{"key":"place","geo_radius":{"center":{"lon":13.3,"lat":52.4},"radius":20000}}}`},
		{"text", `{"must":{"key":"title","match":{"text":"brown"}}}`},
		{"nested", `{"must":{"nested":{"key":"deep.list","filter":{"must":{"key":"k","match":{"value":2}}}}}}`},
		{"five", `{"must":[{"key":"city","match":{"any":["Berlin","Paris"]}},{"key":"price","range":{"lt":20}},{"key":"tags","match":{"value":"blue"}},{"key":"deep.list[].k","match":{"value":2}}],"must_not":{"is_empty":{"key":"title"}}}`},
	} {
		f, err := Parse([]byte(c.filter))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			var d Doc
			p := &Point{Doc: &d}
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Parse(payload); err != nil {
					b.Fatal(err)
				}
				if !f.Match(p) {
					b.Fatal("no match")
				}
			}
		})
	}
}
