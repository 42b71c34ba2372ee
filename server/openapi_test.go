package server_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/kithdb/kith/docs"
)

func TestOpenAPIIsServed(t *testing.T) {
	r := serve(t, start{})
	resp, text := r.plain("GET", "/openapi.yaml")
	if resp.StatusCode != 200 || text != string(docs.OpenAPI) {
		t.Errorf("GET /openapi.yaml: %d, %d bytes of %d", resp.StatusCode, len(text), len(docs.OpenAPI))
	}
}

func TestOpenAPIIsSound(t *testing.T) {
	if err := ours(t).Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

var pathParameter = regexp.MustCompile(`\{[a-z_]+\}`)

// TestOpenAPIHasTheRoutersPaths holds the document against the router, both ways.
func TestOpenAPIHasTheRoutersPaths(t *testing.T) {
	served := map[string]bool{}
	for _, name := range serve(t, start{}).srv.Endpoints() {
		served[pathParameter.ReplaceAllString(name, "{}")] = true
	}
	written := map[string]bool{}
	for _, e := range endpointsOf(ours(t)) {
		written[pathParameter.ReplaceAllString(e.String(), "{}")] = true
	}
	for name := range served {
		if !written[name] {
			t.Errorf("%s is served, but docs/openapi.yaml does not have it", name)
		}
	}
	for name := range written {
		if !served[name] {
			t.Errorf("%s is in docs/openapi.yaml, but is not served", name)
		}
	}
}

// elsewhere are wire types whose schema has another name in the contract.
var elsewhere = map[string]string{
	"Version": "VersionInfo", "Collections": "CollectionsResponse", "CollectionName": "CollectionDescription", "Exists": "CollectionExistence",
	"Point": "PointStruct", "Alias": "AliasDescription", "Aliases": "CollectionsAliasesResponse", "ChangeAliases": "ChangeAliasesOperation",
	"QueryBatch": "QueryRequestBatch", "PointVectors": "PointVectors", "RenameAlias": "RenameAlias",
}

// unsent are properties that the wire types, which our own client sends, leave
// out on purpose.
var unsent = map[string]string{
	"shard_key": "one node has no shard keys", "usage": "no work is reported yet", "ErrorResponse.result": "a failure has none",
	"CollectionInfo.warnings": "none are told", "CollectionInfo.update_queue": "writes wait in the log, not in a queue",
}

// TestOpenAPIHasTheWireTypes holds the schemas against server/api: a field of
// one is a property of the other.
func TestOpenAPIHasTheWireTypes(t *testing.T) {
	doc := ours(t)
	compared := 0
	for name, fields := range wireTypes(t) {
		schema := name
		if other := elsewhere[name]; other != "" {
			schema = other
		}
		ref := doc.Components.Schemas[schema]
		if ref == nil || len(ref.Value.Properties) == 0 {
			continue
		}
		compared++
		for _, field := range fields {
			if ref.Value.Properties[field] == nil {
				t.Errorf("api.%s has %s, the schema %s has not", name, field, schema)
			}
		}
		for property := range ref.Value.Properties {
			if !slices.Contains(fields, property) && unsent[property] == "" && unsent[schema+"."+property] == "" {
				t.Errorf("the schema %s has %s, api.%s has not", schema, property, name)
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d wire types have a schema", compared)
	}
}

// wireTypes are the JSON names of the fields of every struct of server/api.
func wireTypes(t *testing.T) map[string][]string {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), "api", nil, 0) //nolint:staticcheck // one package, no types needed
	if err != nil {
		t.Fatal(err)
	}
	out, embedded := map[string][]string{}, map[string][]string{}
	for _, file := range packages["api"].Files {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					if f.Tag == nil {
						embedded[spec.Name.Name] = append(embedded[spec.Name.Name], fmt.Sprint(f.Type))
						continue
					}
					name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
					out[spec.Name.Name] = append(out[spec.Name.Name], name)
				}
			}
			return true
		})
	}
	for name, parts := range embedded {
		for _, part := range parts {
			out[name] = append(out[name], out[part]...)
		}
	}
	return out
}

// less are parts of the contract's schemas that ours leave out, with the reason.
var less = []struct{ pattern, why string }{
	{`^(Vector|VectorInput|VectorStruct|BatchVectorStruct|VectorOutput|VectorStructOutput|Query|VectorNameConfig): alternative`, "sparse vectors, multi-vectors, inference objects and query variants are not supported yet"},
	{`^(CollectionParams|CreateCollection)\.sparse_vectors`, "no sparse vectors yet"},
	{`^(DenseVectorConfig|VectorParams)\.multivector_config`, "no multi-vectors yet"},
	{`^NearestQuery\.mmr`, "a query variant"},
	{`^(QueryRequest|QueryGroupsRequest)\.(prefetch|lookup_from)`, "query variants"},
	{`^SearchParams\.idf`, "no sparse vectors yet"},
	{`^ShardKeySelector: alternative`, "shard keys with a fallback belong to a cluster"},
	{`^UpdateCollection\.sparse_vectors`, "no sparse vectors yet"},
}

// TestOpenAPIAgreesWithTheContract compares paths, parameters and schemas of the
// same name with the contract's own document.
func TestOpenAPIAgreesWithTheContract(t *testing.T) {
	theirs, ok := reference(t)
	if !ok {
		t.Skipf("no reference document at %s", referencePath)
	}
	c := &comparison{t: t, used: map[string]bool{}}
	c.endpoints(endpointsOf(ours(t)), endpointsOf(theirs))
	doc := ours(t)
	for _, name := range sorted(doc.Components.Schemas) {
		if other := theirs.Components.Schemas[name]; other != nil {
			c.schema(name, doc.Components.Schemas[name], other)
		} else if doc.Components.Schemas[name].Value.Extensions["x-kith"] != true {
			t.Errorf("the contract has no schema %s: mark it x-kith: true", name)
		}
	}
	for _, l := range less {
		if !c.used[l.pattern] {
			t.Errorf("the difference %s is not there any more: take it off the list", l.pattern)
		}
	}
}

type comparison struct {
	t    *testing.T
	used map[string]bool
}

func (c *comparison) differs(what, format string, args ...any) {
	for _, l := range less {
		if regexp.MustCompile(l.pattern).MatchString(what) {
			c.used[l.pattern] = true
			return
		}
	}
	c.t.Errorf("%s: %s", what, fmt.Sprintf(format, args...))
}

func (c *comparison) endpoints(ours, theirs []endpoint) {
	mine := map[string]*endpoint{}
	for i := range ours {
		mine[ours[i].String()] = &ours[i]
	}
	for _, e := range theirs {
		o := mine[e.String()]
		if o == nil {
			c.differs(e.String(), "missing")
			continue
		}
		delete(mine, e.String())
		c.parameters(o, &e)
		c.bodyOf(o, &e)
	}
	for name, e := range mine {
		if e.doc.Extensions["x-kith"] != true {
			c.differs(name, "the contract does not have it: mark it x-kith: true")
		}
	}
}

func (c *comparison) bodyOf(o, e *endpoint) {
	switch {
	case (o.body == nil) != (e.body == nil):
		c.differs(o.String(), "only one has a body")
	case o.body != nil:
		c.schema(o.String()+" body", o.body, e.body)
	}
	mine, other := resultOf(o), resultOf(e)
	if mine != nil && other != nil && other.Ref != "" && mine.Ref != "" && mine.Ref != other.Ref {
		c.differs(o.String(), "result is %s, want %s", mine.Ref, other.Ref)
	}
}

// resultOf is the schema of a successful answer's result.
func resultOf(e *endpoint) *openapi3.SchemaRef {
	ok := e.doc.Responses.Value("200")
	if ok == nil || ok.Value.Content.Get("application/json") == nil {
		return nil
	}
	return ok.Value.Content.Get("application/json").Schema.Value.Properties["result"]
}

func (c *comparison) parameters(o, e *endpoint) {
	mine := map[string]*openapi3.Parameter{}
	for _, p := range o.parameters {
		mine[p.Value.In+" "+p.Value.Name] = p.Value
	}
	for _, p := range e.parameters {
		key := p.Value.In + " " + p.Value.Name
		m := mine[key]
		delete(mine, key)
		if m == nil || m.Required != p.Value.Required {
			c.differs(e.String(), "parameter %s is missing, or required otherwise", key)
			continue
		}
		c.schema(e.String()+" "+key, m.Schema, p.Value.Schema)
	}
	for key := range mine {
		c.differs(e.String(), "the contract has no parameter %s", key)
	}
}

// withoutOurs is a schema's values less those that it marks as Kith's own.
func withoutOurs(s *openapi3.Schema) []any {
	added, _ := s.Extensions["x-kith-values"].([]any)
	return slices.DeleteFunc(slices.Clone(s.Enum), func(v any) bool { return slices.Contains(added, v) })
}

// schema compares what both say of one place.
func (c *comparison) schema(at string, o, e *openapi3.SchemaRef) {
	if n := len(unionOf(o)); n == 1 && len(unionOf(e)) <= 1 {
		o = single(o)
	}
	e = single(e)
	if o.Ref != "" || e.Ref != "" {
		if o.Ref != e.Ref && !isComponent(at) {
			c.differs(at, "refers to %q, want %q", o.Ref, e.Ref)
		}
		if !isComponent(at) {
			return
		}
	}
	a, b := o.Value, e.Value
	for what, pair := range map[string][2]any{
		"type": {a.Type, b.Type}, "format": {a.Format, b.Format}, "minimum": {a.Min, b.Min}, "maximum": {a.Max, b.Max}, "enum": {withoutOurs(a), b.Enum},
		"minItems": {a.MinItems, b.MinItems}, "maxItems": {a.MaxItems, b.MaxItems}, "minLength": {a.MinLength, b.MinLength}, "maxLength": {a.MaxLength, b.MaxLength}, "nullable": {a.Nullable, b.Nullable},
	} {
		if plain(pair[0]) != plain(pair[1]) {
			c.differs(at, "%s is %s, want %s", what, plain(pair[0]), plain(pair[1]))
		}
	}
	c.properties(at, a, b)
	if a.Items != nil && b.Items != nil {
		c.schema(at+"[]", a.Items, b.Items)
	}
	c.alternatives(at, slices.Concat(a.AnyOf, a.OneOf, a.AllOf), slices.Concat(b.AnyOf, b.OneOf, b.AllOf))
}

func isComponent(at string) bool { return !strings.ContainsAny(at, ". []") }

// single is what a union of one stands for.
func single(s *openapi3.SchemaRef) *openapi3.SchemaRef {
	if list := unionOf(s); s.Ref == "" && len(list) == 1 {
		return list[0]
	}
	return s
}

func unionOf(s *openapi3.SchemaRef) openapi3.SchemaRefs {
	return slices.Concat(s.Value.AnyOf, s.Value.OneOf, s.Value.AllOf)
}

func plain(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (c *comparison) properties(at string, a, b *openapi3.Schema) {
	for name, p := range b.Properties {
		if a.Properties[name] == nil {
			c.differs(at+"."+name, "missing")
			continue
		}
		c.schema(at+"."+name, a.Properties[name], p)
		if slices.Contains(a.Required, name) != slices.Contains(b.Required, name) {
			c.differs(at+"."+name, "required by one of both")
		}
	}
	for name, p := range a.Properties {
		if b.Properties[name] == nil && p.Value.Extensions["x-kith"] != true {
			c.differs(at+"."+name, "the contract does not have it: mark it x-kith: true")
		}
	}
}

// alternatives of ours must be the contract's; fewer is told as a difference.
func (c *comparison) alternatives(at string, a, b openapi3.SchemaRefs) {
	if len(a) < len(b) {
		c.differs(at+": alternative", "%d of %d", len(a), len(b))
	}
	for _, mine := range a {
		if !slices.ContainsFunc(b, func(other *openapi3.SchemaRef) bool { return shapeOf(mine) == shapeOf(other) }) {
			c.differs(at+": alternative", "the contract does not have %s", shapeOf(mine))
		}
	}
}

// shapeOf tells alternatives apart.
func shapeOf(s *openapi3.SchemaRef) string {
	if s.Ref != "" {
		return s.Ref
	}
	return fmt.Sprintf("%s %s %v %v %v", plain(s.Value.Type), s.Value.Format, plain(s.Value.Enum), sorted(s.Value.Properties), s.Value.Items != nil)
}
