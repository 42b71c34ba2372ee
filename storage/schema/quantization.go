package schema

import (
	"cmp"
	"encoding/json"
)

// Quantization is the code that searches of a vector go by (contract:
// QuantizationConfig). The zero value asks for none. Where codes lie
// (always_ram, memory) is not part of it: they are held in memory.
type Quantization struct {
	Kind     string  // scalar, product, binary or turbo; Disabled; "" asks for nothing
	Quantile float32 // of scalar: the share of values that it tells apart; 0 is all
	// Form is the kind's own word: compression of product, encoding of binary, bits
	// of turbo.
	Form  string
	Query string // of binary: query_encoding
}

// Disabled is the Kind of searches that are to go by the vectors alone, and what
// is stored where that was asked for.
const Disabled = "Disabled"

// NoQuantization is what is stored for Disabled.
func NoQuantization() json.RawMessage { return json.RawMessage(`"` + Disabled + `"`) }

// ShownQuantization is a stored setting as the contract tells it: nil where it
// has no kind of quantization.
func ShownQuantization(raw json.RawMessage) json.RawMessage {
	if string(raw) == `"`+Disabled+`"` {
		return nil
	}
	return raw
}

// QuantizationFor is what one vector's searches are asked to go by: its own
// setting, or the collection's.
func (c *Collection) QuantizationFor(v *Vector) Quantization {
	raw := v.Quantization
	if raw == nil {
		raw = c.Quantization
	}
	return parseQuantization(raw)
}

// parseQuantization reads what requests were checked for. Of anything else,
// which an older version may have stored, it makes none.
func parseQuantization(raw json.RawMessage) Quantization {
	var kinds map[string]*struct {
		Quantile      *float32 `json:"quantile"`
		Compression   string   `json:"compression"`
		Encoding      string   `json:"encoding"`
		QueryEncoding string   `json:"query_encoding"`
		Bits          string   `json:"bits"`
	}
	switch {
	case len(raw) > 0 && ShownQuantization(raw) == nil:
		return Quantization{Kind: Disabled}
	case len(raw) == 0 || json.Unmarshal(raw, &kinds) != nil:
		return Quantization{}
	}
	for kind, k := range kinds {
		if k == nil {
			continue
		}
		q := Quantization{Kind: kind, Query: k.QueryEncoding}
		if k.Quantile != nil {
			q.Quantile = *k.Quantile
		}
		switch kind {
		case "product":
			q.Form = k.Compression
		case "binary":
			q.Form = cmp.Or(k.Encoding, "one_bit")
			q.Query = cmp.Or(k.QueryEncoding, "default")
		case "turbo":
			q.Form = cmp.Or(k.Bits, "bits4")
		}
		return q
	}
	return Quantization{}
}
