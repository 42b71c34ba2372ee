package schema_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/schema"
)

func TestRowsShrinkWithTheDatatype(t *testing.T) {
	for d, want := range map[index.Datatype]int{0: 400, index.Float32: 400, index.Float16: 200, index.Bfloat16: 200, index.Uint8: 100} {
		v := schema.Vector{Size: 100, Datatype: d}
		if got := v.RowBytes(); got != want {
			t.Errorf("%v: %d bytes for 100 dimensions, want %d", d, got, want)
		}
	}
}

// memory goes before on_disk.
func TestCold(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		onDisk *bool
		memory string
		want   bool
	}{
		{nil, "", false}, {&yes, "", true}, {&no, "", false},
		{&yes, "cached", false}, {&yes, "pinned", false}, {&no, "cold", true}, {nil, "cold", true},
	} {
		v := schema.Vector{OnDisk: c.onDisk, Memory: c.memory}
		if v.Cold() != c.want {
			t.Errorf("on_disk %v, memory %q: cold is %v", c.onDisk, c.memory, v.Cold())
		}
	}
}

// Cosine normalises what can hold fractions, and leaves uint8 its length.
func TestPrepareByDatatype(t *testing.T) {
	for d, want := range map[index.Datatype][]float32{0: {0.6, 0.8}, index.Float16: {0.6, 0.8}, index.Bfloat16: {0.6, 0.8}, index.Uint8: {30, 40}} {
		c := schema.Collection{Vectors: []schema.Vector{{Size: 2, Metric: index.Cosine, Datatype: d}}}
		got := []float32{30, 40}
		if err := c.PrepareVector("", got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: %v (%v), want %v", d, got, err, want)
		}
	}
	for d, ends := range map[index.Datatype][2]float32{index.Float16: {65519, 65520}, index.Bfloat16: {0x1.fefffep127, 0x1.ffp127}} {
		c := schema.Collection{Vectors: []schema.Vector{{Name: "v", Size: 2, Metric: index.Dot, Datatype: d}}}
		if err := c.PrepareVector("v", []float32{1, -ends[1]}); err == nil || err.Field != "vector.v[1]" || !strings.Contains(err.Error(), d.String()) {
			t.Errorf("a value beyond %v: %v", d, err)
		}
		if err := c.PrepareVector("v", []float32{1, -ends[0]}); err != nil {
			t.Error(err)
		}
	}
}

// A schema written before there were datatypes is read as it was meant.
func TestOldSchemaIsFloat32(t *testing.T) {
	for _, text := range []string{`{"name":"a","size":3,"metric":2}`, `{"name":"a","size":3,"metric":2,"datatype":"float32"}`} {
		var v schema.Vector
		if err := json.Unmarshal([]byte(text), &v); err != nil || v.RowBytes() != 12 {
			t.Errorf("%s: %+v, %v", text, v, err)
		}
	}
}
