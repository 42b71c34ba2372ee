package schema_test

import (
	"encoding/json"
	"testing"

	"github.com/kithdb/kith/storage/schema"
)

// A vector's own setting goes before the collection's.
func TestQuantizationFor(t *testing.T) {
	for text, want := range map[string]schema.Quantization{
		``: {},
		`{"scalar":{"type":"int8","quantile":0.75,"always_ram":true}}`: {Kind: "scalar", Quantile: 0.75},
		`{"product":{"compression":"x16"}}`:                            {Kind: "product", Form: "x16"},
		`{"scalar":null,"binary":{}}`:                                  {Kind: "binary", Form: "one_bit", Query: "default"},
		`{"binary":{"encoding":"two_bits","query_encoding":"binary"}}`: {Kind: "binary", Form: "two_bits", Query: "binary"},
		`{"turbo":{}}`:                 {Kind: "turbo", Form: "bits4"},
		`{"turbo":{"bits":"bits1_5"}}`: {Kind: "turbo", Form: "bits1_5"},
		`"nonsense that was stored"`:   {},
	} {
		raw := json.RawMessage(text)
		if text == "" {
			raw = nil
		}
		own := schema.Collection{Quantization: json.RawMessage(`{"product":{"compression":"x4"}}`), Vectors: []schema.Vector{{Quantization: raw}}}
		shared := schema.Collection{Quantization: raw, Vectors: make([]schema.Vector, 1)}
		if got := shared.QuantizationFor(&shared.Vectors[0]); got != want {
			t.Errorf("%s of the collection: %+v, want %+v", text, got, want)
		}
		if raw == nil {
			want = schema.Quantization{Kind: "product", Form: "x4"}
		}
		if got := own.QuantizationFor(&own.Vectors[0]); got != want {
			t.Errorf("%s of the vector: %+v, want %+v", text, got, want)
		}
	}
}
