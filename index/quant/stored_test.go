package quant

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kithdb/kith/index"
)

// A code that was stored encodes to the same bytes.
func TestAffineIsStored(t *testing.T) {
	for _, o := range []AffineOptions{
		{Metric: index.Euclid, Bits: 4, Seed: 3}, {Metric: index.Cosine, Bits: 8, Seed: 4}, {Metric: index.Dot, Bits: 8, Plain: true, Step: 0.01},
	} {
		o.Dim = 3
		mean := []float32{1, 2, -3}
		testStored(t, NewAffine(o, mean), []float32{1.5, 1, -2})
	}
}

func testStored(t *testing.T, code Code, v []float32) {
	t.Helper()
	stored := code.AppendBinary(nil)
	again, err := Open(stored)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.AppendBinary(nil); !bytes.Equal(got, stored) {
		t.Errorf("stored again: %d bytes, before %d, or others", len(got), len(stored))
	}
	var s Scratch
	a, b := make([]byte, code.RowBytes()), make([]byte, again.RowBytes())
	code.Encode(a, v, &s)
	again.Encode(b, v, &s)
	if !bytes.Equal(a, b) {
		t.Errorf("code of %v: %x, before %x", v, b, a)
	}
	for n := range stored {
		if _, err := Open(stored[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(stored), err)
		}
	}
	if _, err := Open(append(bytes.Clone(stored), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte more: %v", err)
	}
	stored[0]++
	if _, err := Open(stored); !errors.Is(err, ErrVersion) {
		t.Errorf("another version: %v", err)
	}
}
