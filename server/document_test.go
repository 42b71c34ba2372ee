package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	referencePath = "../../shared/contract/openapi.json"
	ourPath       = "../docs/openapi.yaml"
)

// reference is the contract's own document; false where no copy lies beside
// the checkout.
func reference(t testing.TB) (*openapi3.T, bool) {
	t.Helper()
	text, err := os.ReadFile(referencePath)
	if os.IsNotExist(err) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return document(t, text), true
}

// ours is the document that Kith serves.
func ours(t testing.TB) *openapi3.T {
	t.Helper()
	text, err := os.ReadFile(ourPath)
	if err != nil {
		t.Fatal(err)
	}
	return document(t, text)
}

// document reads an OpenAPI document. The contract's generator writes a bare
// {"nullable": true} for "or null", which read literally is "or anything".
func document(t testing.TB, text []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range doc.Components.Schemas {
		visitSchemas(ref, onlyNull, map[*openapi3.Schema]bool{})
	}
	for _, e := range endpointsOf(doc) {
		if e.body != nil {
			visitSchemas(e.body, onlyNull, map[*openapi3.Schema]bool{})
		}
		for _, p := range e.parameters {
			visitSchemas(p.Value.Schema, onlyNull, map[*openapi3.Schema]bool{})
		}
	}
	return doc
}

func onlyNull(s *openapi3.Schema) {
	for _, list := range []openapi3.SchemaRefs{s.AnyOf, s.OneOf, s.AllOf} {
		for _, ref := range list {
			if text, err := json.Marshal(ref); err == nil && string(text) == `{"nullable":true}` {
				ref.Value.Enum = []any{nil}
			}
		}
	}
}

// below are the schemas that a schema is made of.
func below(s *openapi3.Schema) openapi3.SchemaRefs {
	list := slices.Concat(s.AnyOf, s.OneOf, s.AllOf)
	if s.Items != nil {
		list = append(list, s.Items)
	}
	if s.AdditionalProperties.Schema != nil {
		list = append(list, s.AdditionalProperties.Schema)
	}
	for _, name := range sorted(s.Properties) {
		list = append(list, s.Properties[name])
	}
	return list
}

func visitSchemas(ref *openapi3.SchemaRef, visit func(*openapi3.Schema), seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	seen[ref.Value] = true
	visit(ref.Value)
	for _, next := range below(ref.Value) {
		visitSchemas(next, visit, seen)
	}
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// endpoint is one operation of a document.
type endpoint struct {
	method, path string
	body         *openapi3.SchemaRef // nil: none, or no JSON
	parameters   openapi3.Parameters
	doc          *openapi3.Operation
}

func (e *endpoint) String() string { return e.method + " " + e.path }

func endpointsOf(doc *openapi3.T) (list []endpoint) {
	for _, path := range sorted(doc.Paths.Map()) {
		item := doc.Paths.Value(path)
		operations := item.Operations()
		for _, method := range sorted(operations) {
			o := operations[method]
			e := endpoint{method: method, path: path, parameters: slices.Concat(item.Parameters, o.Parameters), doc: o}
			if o.RequestBody != nil {
				if media := o.RequestBody.Value.Content.Get("application/json"); media != nil {
					e.body = media.Schema
				}
			}
			list = append(list, e)
		}
	}
	return list
}

// site is one place in a request body that a document describes.
type site struct {
	path     string
	required bool
	union    bool // the schema is one of several that the place takes
	schema   *openapi3.SchemaRef
	// unionAbove: the object around it is one of several that its place takes, so
	// that without this field nobody knows which one was meant.
	unionAbove bool
	accepts    func(v any) bool // a quick look: whether the nearest union around takes v here
	put        func(v any) any  // the body with v in this place; everything else is valid
}

// name is the last step of the path.
func (s *site) name() string { return s.path[strings.LastIndexByte(s.path, '.')+1:] }

// absent is put where a property is to be left out.
type absent struct{}

// sites finds every place of a body. It enters a schema that has a name once:
// where it stands again, the place itself is looked at, not what is inside.
type sites struct {
	list []site
	way  []string // names of the schemas from the root to here
	seen map[string]bool
}

func (w *sites) walk(s site) {
	if s.schema == nil || s.schema.Value == nil {
		return
	}
	if name := s.schema.Ref; name != "" {
		if w.list = append(w.list, s); w.seen[name] {
			return
		}
		if w.seen == nil {
			w.seen = map[string]bool{}
		}
		w.seen[name] = true
		w.way = append(w.way, name)
		defer func() { w.way = w.way[:len(w.way)-1] }()
	}
	v := s.schema.Value
	alternatives := slices.Concat(v.AnyOf, v.OneOf, v.AllOf)
	w.list = append(w.list, s)
	for _, ref := range alternatives {
		inner := s
		inner.schema = ref
		if !s.union {
			inner.accepts = func(x any) bool { return v.VisitJSON(x) == nil }
		}
		inner.union = s.union || len(alternatives) > 2 || len(alternatives) == 2 && alternatives[1].Value.Enum == nil
		w.walk(inner)
	}
	for _, name := range sorted(v.Properties) {
		with := func(x any) any {
			object := required(v, w.way)
			object[name] = x
			if x == (any)(absent{}) {
				delete(object, name)
			}
			return object
		}
		w.walk(s.child(site{path: join(s.path, name), schema: v.Properties[name], required: slices.Contains(v.Required, name)}, with))
	}
	if v.Items != nil {
		w.walk(s.child(site{path: s.path + "[0]", schema: v.Items}, func(x any) any { return []any{x} }))
	}
	if more := v.AdditionalProperties.Schema; more != nil {
		w.walk(s.child(site{path: join(s.path, "a"), schema: more}, func(x any) any { return map[string]any{"a": x} }))
	}
}

// child is a place inside s, whose value with makes out of the child's.
func (s *site) child(c site, with func(any) any) site {
	c.unionAbove = s.union
	c.put = func(x any) any { return s.put(with(x)) }
	c.accepts = func(x any) bool {
		if s.union {
			return s.accepts(with(x))
		}
		return s.schema.Value.VisitJSON(with(x)) == nil
	}
	return c
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// required is the smallest object that a schema takes.
func required(s *openapi3.Schema, way []string) map[string]any {
	object := map[string]any{}
	for _, name := range s.Required {
		object[name] = example(s.Properties[name], len(way))
	}
	return object
}

// known are examples that fit the collection of the tests, by schema.
var known = map[string]string{
	"ExtendedPointId":    `1`,
	"VectorStruct":       `[1,0,0,0]`,
	"BatchVectorStruct":  `[[1,0,0,0]]`,
	"VectorsConfig":      `{"size":4,"distance":"Dot"}`,
	"Payload":            `{"a":1}`,
	"Filter":             `{}`,
	"Condition":          `{"is_null":{"key":"a"}}`,
	"PointsList":         `{"points":[]}`,
	"PointsSelector":     `{"points":[1]}`,
	"PointIdsList":       `{"points":[1]}`,
	"PayloadFieldSchema": `"keyword"`,
	"CreateFieldIndex":   `{"field_name":"n","field_schema":"keyword"}`,
	"QueryInterface":     `[1,0,0,0]`,
	"VectorInput":        `[1,0,0,0]`,
	"SetPayload":         `{"payload":{"a":1},"points":[1]}`,
	"DeletePayload":      `{"keys":["a"],"points":[1]}`,
	"DeleteVectors":      `{"vector":[""],"points":[1]}`,
}

// example is a valid value of a schema.
func example(ref *openapi3.SchemaRef, depth int) any {
	if text, ok := known[strings.TrimPrefix(ref.Ref, "#/components/schemas/")]; ok {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			panic(fmt.Sprintf("bug: example of %s: %v", ref.Ref, err))
		}
		return v
	}
	s := ref.Value
	switch {
	case depth > 30:
		return nil
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.AnyOf) > 0:
		return example(s.AnyOf[0], depth+1)
	case len(s.OneOf) > 0:
		return example(s.OneOf[0], depth+1)
	case len(s.AllOf) > 0:
		return example(s.AllOf[0], depth+1)
	case s.Type.Is("object"):
		object := map[string]any{}
		for _, name := range s.Required {
			object[name] = example(s.Properties[name], depth+1)
		}
		return object
	case s.Type.Is("array"):
		list := []any{}
		for range max(s.MinItems, 1) {
			list = append(list, example(s.Items, depth+1))
		}
		return list
	case s.Type.Is("integer"), s.Type.Is("number"):
		if s.Min != nil {
			return max(*s.Min, 1)
		}
		return 1.0
	case s.Type.Is("boolean"):
		return true
	case s.Format == "uuid":
		return "550e8400-e29b-41d4-a716-446655440000"
	case s.Format == "date-time":
		return "2024-05-06T07:08:09Z"
	}
	return "a"
}
