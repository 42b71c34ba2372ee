package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// wrongs are values of every JSON type; at a given place some of them do not
// fit the document.
var wrongs = []any{nil, true, -1.0, 1.5, "§", []any{}, []any{[]any{true}}, map[string]any{}, map[string]any{"§": true}}

// TestGeneratedBadInput makes, from the document, every request that has one
// fault: a value of another type, a missing field, a value past its bounds. Each
// is refused by the field's path, and none changes anything.
func TestGeneratedBadInput(t *testing.T) {
	doc, ok := reference(t)
	if !ok {
		t.Logf("no reference document at %s: generating from our own", referencePath)
		doc = ours(t)
	}
	r := filled(t, start{})
	r.must("POST", "/collections/aliases", `{"actions":[{"create_alias":{"alias_name":"other","collection_name":"c"}}]}`)
	r.must("PUT", "/collections/c/index?wait=true", `{"field_name":"n","field_schema":"integer"}`)
	only := os.Getenv("KITH_ENDPOINT")
	total := 0
	for _, e := range endpointsOf(doc) {
		if only != "" && e.String() != only || outOfScope(&e) {
			continue
		}
		if !strings.Contains(e.path, "{") && e.body == nil && len(e.parameters) == 0 || e.path == "/metrics" {
			continue
		}
		b := &badInputs{running: r, e: &e, sent: map[string]bool{}, told: map[string]bool{}}
		before := r.everything()
		b.parameters()
		if e.body != nil {
			b.bodies()
		}
		if after := r.everything(); before != after {
			t.Errorf("%s: bad input changed something:\n%s\n%s", &e, before, after)
		}
		total += len(b.sent)
	}
	t.Logf("%d requests with one fault each", total)
}

// outOfScope are endpoints of the cluster, which one node does not serve.
func outOfScope(e *endpoint) bool {
	return strings.HasPrefix(e.path, "/cluster") || strings.HasPrefix(e.path, "/collections/{collection_name}/cluster") || e.path == "/collections/{collection_name}/shards" || e.path == "/collections/{collection_name}/shards/delete"
}

// everything that bad input could change, as text.
func (r *running) everything() string {
	r.t.Helper()
	out := ""
	for _, q := range [][3]string{
		{"GET", "/collections", ""}, {"GET", "/aliases", ""}, {"GET", "/collections/c", ""},
		{"POST", "/collections/c/points/scroll", `{"with_vector":true,"limit":1000}`},
	} {
		status, a, _ := r.send(q[0], q[1], q[2])
		out += fmt.Sprintf("%d %s\n", status, a.Result)
	}
	return out
}

type badInputs struct {
	*running
	e    *endpoint
	sent map[string]bool
	told map[string]bool // one message per place and status: the rest is the same fault
}

// path is the endpoint's path with its parameters filled in.
func (b *badInputs) path(change map[string]string) string {
	path := b.e.path
	for name, value := range map[string]string{
		"collection_name": b.collection(), "id": "1", "field_name": "n", "vector_name": "v",
		"snapshot_name": "none.snapshot", "shard_id": "0", "peer_id": "1",
	} {
		if given, ok := change[name]; ok {
			value = given
		}
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	return path
}

// collection is the one of the test; a creation asks for another.
func (b *badInputs) collection() string {
	if b.e.method == "PUT" && b.e.path == "/collections/{collection_name}" {
		return "new"
	}
	return "c"
}

// refused sends a request with one fault at the place and checks the refusal.
func (b *badInputs) refused(path, body, place string) {
	b.t.Helper()
	if b.sent[path+body] {
		return
	}
	b.sent[path+body] = true
	status, a, _ := b.send(b.e.method, path, body)
	says := a.message()
	fault := ""
	switch {
	case status < 400 || status >= 500:
		fault = "is not refused"
	case !strings.Contains(says, place) && !refusedWhole(says, place):
		fault = "is refused without the field's name"
	}
	if fault != "" && !b.told[place+fault] && !b.documented(body) {
		b.told[place+fault] = true
		b.t.Errorf("%s %s: %s %s: %s\n  %d %s", b.e.method, path, place, fault, body, status, says)
	}
}

// refusedWhole says whether what the place lies in is not supported yet, and
// was refused by its own name before the place was read.
func refusedWhole(says, place string) bool {
	field, why, _ := strings.Cut(strings.TrimPrefix(says, "Format error in JSON body: "), ": ")
	return strings.Contains(why, "not supported yet") && strings.HasPrefix(place, field)
}

// documented says whether the document takes the body after all: by another
// alternative further up.
func (b *badInputs) documented(body string) bool {
	var v any
	return b.e.body != nil && json.Unmarshal([]byte(body), &v) == nil && b.e.body.Value.VisitJSON(v) == nil && body != b.validBody()
}

// parameters gives every parameter of path and query a value that it cannot have.
func (b *badInputs) parameters() {
	for _, ref := range b.e.parameters {
		p := ref.Value
		for _, text := range badTexts(p.Schema) {
			switch p.In {
			case "query":
				b.refused(b.path(nil)+"?"+p.Name+"="+url.QueryEscape(text), b.validBody(), p.Name)
			case "path":
				b.refused(b.path(map[string]string{p.Name: text}), b.validBody(), text)
			}
		}
	}
}

func (b *badInputs) validBody() string {
	if b.e.body == nil {
		return ""
	}
	text, err := json.Marshal(example(b.e.body, 0))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// badTexts are spellings that a parameter cannot have. A parameter is text, so
// a string takes any of them.
func badTexts(ref *openapi3.SchemaRef) (out []string) {
	for _, text := range []string{"§", "-1", "0", "1.5", "maybe"} {
		if !takesText(ref, text) {
			out = append(out, text)
		}
	}
	return out
}

func takesText(ref *openapi3.SchemaRef, text string) bool {
	if ref.Value.VisitJSON(text) == nil {
		return true
	}
	var v any
	return json.Unmarshal([]byte(text), &v) == nil && ref.Value.VisitJSON(v) == nil
}

// bodies puts every kind of fault in every place of the body.
func (b *badInputs) bodies() {
	w := &sites{}
	w.walk(site{schema: b.e.body, accepts: func(v any) bool { return b.e.body.Value.VisitJSON(v) == nil }, put: func(v any) any { return v }})
	for _, s := range w.list {
		for _, v := range faultsAt(s.schema.Value) {
			b.body(&s, v)
		}
		if s.required {
			b.body(&s, absent{})
		}
	}
}

// body sends a body with v at the site, where the document refuses it.
func (b *badInputs) body(s *site, v any) {
	if s.accepts(v) || v == nil && !s.required {
		return // clients send null for what they leave out
	}
	whole := s.put(v)
	text, err := json.Marshal(whole)
	if err != nil {
		b.t.Fatal(err)
	}
	place := s.path
	if _, missing := v.(absent); (missing || v == nil) && s.unionAbove {
		place = strings.TrimRight(strings.TrimSuffix(place, s.name()), ".")
	}
	b.refused(b.path(nil), string(text), place)
}

// faultsAt are values that a schema may refuse: of other types, and just past
// its bounds.
func faultsAt(s *openapi3.Schema) []any {
	list := append([]any{}, wrongs...)
	if s.Min != nil {
		list = append(list, *s.Min-1)
	}
	if s.Max != nil {
		list = append(list, *s.Max+1)
	}
	if s.MinItems > 0 {
		list = append(list, []any{})
	}
	if s.MaxLength != nil {
		list = append(list, strings.Repeat("x", int(*s.MaxLength)+1))
	}
	if s.MinLength > 0 {
		list = append(list, "")
	}
	return list
}
