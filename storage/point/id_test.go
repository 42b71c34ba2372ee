package point

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func drawID(t *rapid.T, label string) ID {
	hi, lo := rapid.Uint64().Draw(t, label+".hi"), rapid.Uint64().Draw(t, label+".lo")
	if rapid.Bool().Draw(t, label+".number") {
		return Number(lo)
	}
	return FromWords(hi, lo, true)
}

func TestIDForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawID(t, "a"), drawID(t, "b")
		ka, kb := a.AppendKey(nil), b.AppendKey(nil)
		if bytes.Compare(ka, kb) != Compare(a, b) {
			t.Fatalf("key order of %v and %v is not their order", a, b)
		}
		if back, err := FromKey(ka); err != nil || back != a {
			t.Fatalf("FromKey(AppendKey(%v)) = %v, %v", a, back, err)
		}
		if back, err := Parse(a.String()); err != nil || back != a {
			t.Fatalf("Parse(%q) = %v, %v", a, back, err)
		}
	})
}

func TestParseSpellings(t *testing.T) {
	const canonical = "936da01f-9abd-4d9d-80c7-02af85c822a8"
	for _, s := range []string{canonical, "936DA01F-9ABD-4D9D-80C7-02AF85C822A8", "936da01f9abd4d9d80c702af85c822a8", "urn:uuid:936da01f-9abd-4d9d-80c7-02af85c822a8", "{936da01f-9abd-4d9d-80c7-02af85c822a8}"} {
		id, err := Parse(s)
		if err != nil || id.String() != canonical {
			t.Errorf("Parse(%q) = %v, %v", s, id, err)
		}
	}
	for _, s := range []string{"", "-1", "1.5", "18446744073709551616", "936da01f", "936da01f-9abd-4d9d-80c7-02af85c822ag", "../x"} {
		if id, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", s, id)
		}
	}
}
