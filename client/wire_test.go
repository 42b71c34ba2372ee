package client

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestPointsOnTheWire(t *testing.T) {
	body, err := encodePoints(nil, []Point{
		{ID: Number(math.MaxUint64), Vectors: Unnamed([]float32{0.1, -2, 1e-30}), Payload: map[string]any{"ö": "日本"}},
		{ID: UUID("936DA01F-9ABD-4D9D-80C7-02AF85C822A8"), Vectors: Vectors{"b": {1}, "a": {2, 3}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"points":[{"id":18446744073709551615,"vector":[0.1,-2,1e-30],"payload":{"ö":"日本"}},` +
		`{"id":"936da01f-9abd-4d9d-80c7-02af85c822a8","vector":{"a":[2,3],"b":[1]}}]}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

func TestNonFiniteNumbersAreRefusedByName(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := encodePoints(nil, []Point{{ID: Number(7), Vectors: Vectors{"image": {0, float32(bad)}, "text": {1}}}})
		if err == nil {
			t.Errorf("%v was encoded", bad)
		}
	}
}

func TestVectorsAndIDsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		floats := rapid.SliceOfN(rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32), 1, 8)
		in := Record{ID: Number(rapid.Uint64().Draw(t, "id")),
			Vectors: rapid.MapOfN(rapid.StringMatching(`[a-z"\\]*`), floats, 1, 3).Draw(t, "vectors")}
		body, err := json.Marshal(map[string]any{"id": in.ID, "vector": in.Vectors})
		if err != nil {
			t.Fatal(err)
		}
		var out Record
		if err := json.Unmarshal(body, &out); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(in, out) {
			t.Fatalf("%s came back as %+v", body, out)
		}
	})
}

func TestFiltersOnTheWire(t *testing.T) {
	low := 1.5
	f := Filter{
		Must:    []Condition{Match("a.b", "x"), MatchAny("n", 1, 2), MatchExcept[string]("m"), Range("r", Bounds{Gt: &low})},
		Should:  []Condition{HasID(Number(1), UUID("A")), IsNull("z"), IsEmpty("e")},
		MustNot: []Condition{Nested(Filter{Must: []Condition{RawCondition(json.RawMessage(`{"has_id":[3]}`))}})},
	}
	got, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"must":[{"key":"a.b","match":{"value":"x"}},{"key":"n","match":{"any":[1,2]}},` +
		`{"key":"m","match":{"except":[]}},{"key":"r","range":{"gt":1.5}}],` +
		`"should":[{"has_id":[1,"a"]},{"is_null":{"key":"z"}},{"is_empty":{"key":"e"}}],` +
		`"must_not":[{"must":[{"has_id":[3]}]}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestServersAreNamedWell(t *testing.T) {
	for _, base := range []string{"127.0.0.1:6333", "http://h", "https://h:1/prefix/"} {
		if _, err := New(base, Options{}); err != nil {
			t.Errorf("New(%q): %v", base, err)
		}
	}
	for _, base := range []string{"", "ftp://h", "http://", "http://[::1"} {
		if _, err := New(base, Options{}); err == nil {
			t.Errorf("New(%q) was taken", base)
		}
	}
}
