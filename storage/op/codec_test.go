package op

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage/point"
	"github.com/kithdb/kith/storage/schema"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew (a new format version only)")

func drawID(t *rapid.T) point.ID {
	if rapid.Bool().Draw(t, "uuid") {
		return point.FromWords(rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo"), true)
	}
	return point.Number(rapid.Uint64().Draw(t, "number"))
}

func drawPoint(t *rapid.T) point.Point {
	p := point.Point{ID: drawID(t), Version: rapid.Uint64().Draw(t, "version")}
	if rapid.Bool().Draw(t, "has payload") {
		p.Payload = rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "payload")
	}
	for range rapid.IntRange(0, 3).Draw(t, "vectors") {
		p.Vectors = append(p.Vectors, point.Vector{
			Name:   rapid.StringN(0, 5, 20).Draw(t, "name"),
			Values: rapid.SliceOfN(rapid.Float32Range(-10, 10), 1, 9).Draw(t, "values"),
		})
	}
	return p
}

// maybe draws nil, or a value that may be empty.
func maybe[T any](t *rapid.T, label string, draw *rapid.Generator[[]T]) []T {
	if !rapid.Bool().Draw(t, "has "+label) {
		return nil
	}
	v := draw.Draw(t, label)
	if v == nil {
		v = []T{}
	}
	return v
}

func drawOp(t *rapid.T) Op {
	bytes, text := rapid.SliceOfN(rapid.Byte(), 0, 30), rapid.StringN(0, 8, 30)
	o := Op{
		Kind:        Kind(rapid.IntRange(int(CreateShard), int(DeleteVectors)).Draw(t, "kind")),
		Shard:       schema.ShardID(rapid.Uint32().Draw(t, "shard")),
		Points:      maybe(t, "points", rapid.SliceOfN(rapid.Custom(drawPoint), 0, 5)),
		IDs:         maybe(t, "ids", rapid.SliceOfN(rapid.Custom(drawID), 0, 5)),
		Filter:      maybe(t, "filter", bytes),
		Payload:     maybe(t, "payload", bytes),
		Key:         text.Draw(t, "key"),
		Keys:        maybe(t, "keys", rapid.SliceOfN(text, 0, 4)),
		Field:       text.Draw(t, "field"),
		FieldSchema: maybe(t, "field schema", bytes),
		Mode:        Mode(rapid.IntRange(0, int(UpdateOnly)).Draw(t, "mode")),
		Vectors:     maybe(t, "vectors", rapid.SliceOfN(text, 0, 4)),
	}
	if rapid.Bool().Draw(t, "has schema") {
		o.Schema = fullSchema()
	}
	return o
}

func fullSchema() *schema.Collection {
	c := schema.Defaults()
	yes, m := true, 32
	c.Vectors = []schema.Vector{
		{Name: "", Size: 4, Metric: index.Cosine},
		{Name: "image <&>", Size: 8, Metric: index.Manhattan, OnDisk: &yes, HNSW: &schema.HNSWDiff{M: &m}},
	}
	c.Metadata = json.RawMessage(`{"n":123456789012345678901234567890,"s":"<a&b>"}`)
	return &c
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(drawOp), 0, 4).Draw(t, "ops")
		// The prefix shifts the bytes, so that both the shared and the copied way run.
		prefix := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "prefix")
		data := Append(append([]byte(nil), prefix...), want)
		got, err := Decode(data[len(prefix):])
		if err != nil {
			t.Fatal(err)
		}
		if len(want) == 0 && len(got) == 0 {
			return
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("decoded\n%+v\nwant\n%+v", got, want)
		}
	})
}

func TestAlignedVectorsShareMemory(t *testing.T) {
	if !littleEndian {
		t.Skip("a big-endian machine copies")
	}
	data := Append(nil, golden())
	ops, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	before := ops[1].Points[0].Vectors[0].Values[0]
	clear(data)
	if after := ops[1].Points[0].Vectors[0].Values[0]; after == before || after != 0 {
		t.Errorf("value %v became %v when the data was cleared, want 0", before, after)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := Append(nil, golden())
	mutate := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), good...)) }
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":                       {nil, ErrCorrupt},
		"newer version":                 {mutate(func(b []byte) []byte { b[0] = Version + 1; return b }), ErrVersion},
		"version 0":                     {mutate(func(b []byte) []byte { b[0] = 0; return b }), ErrVersion},
		"trailing byte":                 {mutate(func(b []byte) []byte { return append(b, 0) }), ErrCorrupt},
		"a new kind in an old version":  {[]byte{1, 1, byte(DeleteVectors), 0, 0}, ErrCorrupt},
		"a new field in an old version": {[]byte{1, 1, byte(Upsert), 0, 0x80, 0x04, 1}, ErrCorrupt},
		"unknown mode":                  {[]byte{Version, 1, byte(Upsert), 0, 0x80, 0x04, 3}, ErrCorrupt},
		"mode missing":                  {[]byte{Version, 1, byte(Upsert), 0, 0x80, 0x04}, ErrCorrupt},
		"unknown kind":                  {[]byte{Version, 1, 99, 0, 0}, ErrCorrupt},
		"kind 0":                        {[]byte{Version, 1, 0, 0, 0}, ErrCorrupt},
		"unknown field":                 {[]byte{Version, 1, byte(Delete), 0, 0x80, 0x40}, ErrCorrupt},
		"huge count":                    {[]byte{Version, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, ErrCorrupt},
		"overlong number":               {[]byte{Version, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, ErrCorrupt},
		"shard too large":               {[]byte{Version, 1, byte(Delete), 0xff, 0xff, 0xff, 0xff, 0x7f, 0}, ErrCorrupt},
		"huge dims":                     {[]byte{Version, 1, byte(Upsert), 0, hasPoints, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0}, ErrCorrupt},
	} {
		if ops, err := Decode(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: Decode = %v, %v; want %v", name, ops, err, c.want)
		}
	}
	for n := range good {
		if ops, err := Decode(good[:n]); err == nil {
			t.Errorf("the first %d of %d bytes decode to %d operations", n, len(good), len(ops))
		}
	}
}

// goldenV1 has every kind and every field of version 1 once.
func goldenV1() []Op {
	id := point.UUID([16]byte{0x93, 0x6d, 0xa0, 0x1f, 15: 0xa8})
	return []Op{
		{Kind: CreateShard, Shard: 1, Schema: fullSchema()},
		{Kind: Upsert, Shard: 1, Points: []point.Point{
			{ID: point.Number(1<<64 - 1), Payload: []byte(`{"a":1.50}`), Vectors: []point.Vector{{Values: []float32{1, -2, 0.5, 3e-40}}, {Name: "image", Values: []float32{4}}}},
			{ID: id, Version: 300},
		}},
		{Kind: Delete, Shard: 1, IDs: []point.ID{point.Number(7), id}},
		{Kind: Delete, Shard: 1<<32 - 1, Filter: []byte(`{"must":[]}`)},
		{Kind: SetPayload, Shard: 2, Payload: []byte(`{"b":2}`), Key: "x.y", IDs: []point.ID{}},
		{Kind: OverwritePayload, Payload: []byte(`{}`), Filter: []byte(`{}`)},
		{Kind: DeletePayload, Keys: []string{"a", "b[]"}, IDs: []point.ID{id}},
		{Kind: ClearPayload, Filter: []byte(`{}`)},
		{Kind: CreateIndex, Field: "a.b", FieldSchema: []byte(`"keyword"`)},
		{Kind: DropIndex, Field: "a.b"},
		{Kind: UpdateShard, Schema: fullSchema()},
		{Kind: DropShard, Shard: 3},
	}
}

// golden has every kind and every field once.
func golden() []Op {
	id := point.UUID([16]byte{0x93, 0x6d, 0xa0, 0x1f, 15: 0xa8})
	return append(goldenV1(),
		Op{Kind: Upsert, Shard: 1, Mode: InsertOnly, Filter: []byte(`{"must":[]}`), Points: []point.Point{{ID: id}}},
		Op{Kind: UpdateVectors, Shard: 1, Mode: UpdateOnly, Filter: []byte(`{}`), Points: []point.Point{
			{ID: id, Vectors: []point.Vector{{Name: "image", Values: []float32{0.25, -1}}}},
		}},
		Op{Kind: DeleteVectors, Shard: 2, Vectors: []string{"", "image"}, IDs: []point.ID{id, point.Number(1)}},
		Op{Kind: DeleteVectors, Shard: 2, Vectors: []string{}, Filter: []byte(`{}`)},
	)
}

// TestOldLogsStayReadable reads what earlier builds wrote. Never rewrite a
// folder of testdata: a new version gets a folder of its own.
func TestOldLogsStayReadable(t *testing.T) {
	for version, want := range map[int][]Op{1: goldenV1(), 2: golden()} {
		path := filepath.Join("testdata", fmt.Sprintf("v%d", version), "all.op")
		if *rewrite && version == Version {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, Append(nil, want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ops, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(ops, want) {
			t.Errorf("%s decodes to\n%+v\nwant\n%+v", path, ops, want)
		}
		// Version 2 only adds to version 1: but for the first byte, both write the same.
		if again := Append(nil, ops); string(again[1:]) != string(data[1:]) || int(data[0]) != version {
			t.Errorf("encoding what %s holds gives other bytes: a change of format needs a new Version", path)
		}
	}
}

func TestVersionIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "formats.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), fmt.Sprintf("op version: %d", Version)) {
		t.Errorf("docs/formats.md must say the version of this package, %d", Version)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Append(nil, golden()))
	old := Append(nil, goldenV1())
	old[0] = 1
	f.Add(old)
	for _, o := range golden() {
		f.Add(Append(nil, []Op{o}))
	}
	f.Add([]byte{})
	f.Add([]byte{Version, 0xff, 0xff, 0x03})
	f.Fuzz(func(t *testing.T, data []byte) {
		ops, err := Decode(data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Fatalf("an error without a class: %v", err)
			}
			return
		}
		// What was read must survive being written and read again.
		first := Append(nil, ops)
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("what Decode gave does not decode again: %v", err)
		}
		if second := Append(nil, again); string(first) != string(second) {
			t.Fatal("the form is not stable")
		}
	})
}
