package source

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kithdb/kith/client"
)

// read is every row in the contract's JSON, one per line, then the error.
func read(r io.Reader, o Options) (string, error) {
	var b strings.Builder
	for p, err := range Points(r, o) {
		if err != nil {
			return b.String(), err
		}
		row := map[string]any{"id": p.ID, "vector": p.Vectors}
		if p.Payload != nil {
			row["payload"] = p.Payload
		}
		line, err := json.Marshal(row)
		if err != nil {
			return b.String(), err
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	return b.String(), nil
}

func TestTextFormats(t *testing.T) {
	tests := []struct {
		name, in string
		o        Options
		want     string
	}{
		{"a point as the contract has it", `{"id":7,"vector":[1,2.5],"payload":{"a":[1,null]}}`, Options{},
			`{"id":7,"payload":{"a":[1,null]},"vector":[1,2.5]}`},
		{"named vectors and a UUID", `{"id":"936DA01F-9ABD-4D9D-80C7-02AF85C822A8","vector":{"x":[1],"y":[2]}}`, Options{},
			`{"id":"936da01f-9abd-4d9d-80c7-02af85c822a8","vector":{"x":[1],"y":[2]}}`},
		{"loose records, blank lines, numbered rows", "{\"text\":\"日本\",\"emb\":[1]}\n\n{\"emb\":[2]}\n", Options{VectorField: "emb", FirstID: 5},
			`{"id":5,"payload":{"text":"日本"},"vector":[1]}` + "\n" + `{"id":6,"vector":[2]}`},
		{"a name for the vector", `{"vector":[1]}`, Options{VectorName: "image"}, `{"id":0,"vector":{"image":[1]}}`},
		{"null payload", `{"vector":[1],"payload":null,"k":1}`, Options{}, `{"id":0,"payload":{"k":1},"vector":[1]}`},
	}
	for _, tt := range tests {
		tt.o.Format = NDJSON
		if got, err := read(strings.NewReader(tt.in), tt.o); err != nil || got != tt.want+"\n" {
			t.Errorf("%s: got %s, error %v", tt.name, got, err)
		}
	}
}

func TestCSV(t *testing.T) {
	const in = "\ufeffid,vector,n,zip,name,flag,big,none\n" +
		`3,"[1, 2]",-4.5,007,"a,""b""",true,1e999,` + "\n" +
		"x-y,1 2,1,2,3,4,5,6\n"
	got, err := read(strings.NewReader(in), Options{Format: CSV, TextColumns: []string{"name"}})
	const want = `{"id":3,"payload":{"big":"1e999","flag":true,"n":-4.5,"name":"a,\"b\"","zip":"007"},"vector":[1,2]}` + "\n" +
		`{"id":"x-y","payload":{"big":5,"flag":4,"n":1,"name":"3","none":6,"zip":2},"vector":[1,2]}` + "\n"
	if err != nil || got != want {
		t.Errorf("got\n%swant\n%serror %v", got, want, err)
	}
	got, err = read(strings.NewReader("v_1,v_0,t\n2,1,x\n"), Options{Format: CSV, VectorField: "v"})
	if err != nil || got != `{"id":0,"payload":{"t":"x"},"vector":[1,2]}`+"\n" {
		t.Errorf("component columns: %s, %v", got, err)
	}
}

func TestFaultsNameTheRowAndTheField(t *testing.T) {
	row := func(cells ...any) string {
		var b bytes.Buffer
		for _, c := range cells {
			if err := binary.Write(&b, binary.LittleEndian, c); err != nil {
				t.Fatal(err)
			}
		}
		return b.String()
	}
	tests := []struct {
		format Format
		in     string
		want   string
	}{
		{NDJSON, "{\"vector\":[1]}\n{\"vector\":[1]", "row 2"},
		{NDJSON, `{"id":-1,"vector":[1]}`, `field "id"`},
		{NDJSON, `{"id":1.5,"vector":[1]}`, `field "id"`},
		{NDJSON, `{"a":1}`, `no field "vector"`},
		{NDJSON, `{"vector":["a"]}`, `field "vector"`},
		{NDJSON, `{"vector":[1],"payload":3}`, `field "payload"`},
		{NDJSON, `{"vector":[1],"payload":{"a":1},"a":2}`, `field "a"`},
		{CSV, "", "header line"},
		{CSV, "id,name\n", "--vector-field"},
		{CSV, "vector_0,vector_2\n", `"vector_1" is missing`},
		{CSV, "vector,vector_0\n", "either"},
		{CSV, "vector\n1 x\n", "component 1"},
		{CSV, "vector\nNaN\n", "finite"},
		{CSV, "id,vector\n,1\n", `column "id" is empty`},
		{CSV, "id,vector\n1\n", "wrong number of fields"},
		{FBin, "", "header"},
		{FBin, row(uint32(1), uint32(0)), "columns"},
		{FBin, row(uint32(2), uint32(1), float32(1)), "row 2"},
		{FVecs, row(int32(-1)), "columns"},
		{FVecs, row(int32(1), float32(1), int32(2), float32(1), float32(2)), "2 columns, the rows before have 1"},
		{FVecs, row(int32(2), float32(1)), "ends inside"},
	}
	for _, tt := range tests {
		_, err := read(strings.NewReader(tt.in), Options{Format: tt.format})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "row ") {
			t.Errorf("%s %q: error %v, want it to tell of %q", tt.format, tt.in, err, tt.want)
		}
	}
}

func TestBinaryFormatsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(1, 9).Draw(t, "dim")
		rows := rapid.SliceOfN(rapid.SliceOfN(rapid.Float32(), dim, dim), 0, 5).Draw(t, "rows")
		var fbin, fvecs bytes.Buffer
		write := func(b *bytes.Buffer, v any) {
			if err := binary.Write(b, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
		write(&fbin, [2]uint32{uint32(len(rows)), uint32(dim)})
		for _, r := range rows {
			write(&fbin, r)
			write(&fvecs, int32(dim))
			write(&fvecs, r)
		}
		for format, in := range map[Format]*bytes.Buffer{FBin: &fbin, FVecs: &fvecs} {
			at := 0
			for p, err := range Points(in, Options{Format: format, FirstID: 9}) {
				if err != nil {
					t.Fatal(format, err)
				}
				if id := client.Number(9 + uint64(at)); p.ID != id || !equal(p.Vectors[""], rows[at]) {
					t.Fatalf("%s row %d: %+v", format, at, p)
				}
				at++
			}
			if at != len(rows) {
				t.Fatalf("%s: %d rows of %d", format, at, len(rows))
			}
		}
	})
}

func equal(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestMatrix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gt.ibin")
	if err := os.WriteFile(path, []byte("\x02\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\xff\xff\xff\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := LoadMatrix[int32](path)
	if err != nil || m.Row(0)[0] != 5 || m.Row(1)[0] != -1 {
		t.Errorf("%+v, %v", m, err)
	}
	if err := os.Truncate(path, 12); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadMatrix[int32](path); err == nil {
		t.Error("a truncated file was taken")
	}
}

func FuzzPoints(f *testing.F) {
	f.Add("ndjson", []byte(`{"id":1,"vector":[1,2],"payload":{"a":1}}`))
	f.Add("csv", []byte("id,vector,a\n1,[1 2],x\n"))
	f.Add("fbin", []byte("\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x80\x3f"))
	f.Add("fvecs", []byte("\x01\x00\x00\x00\x00\x00\x80\x3f"))
	f.Fuzz(func(t *testing.T, format string, in []byte) {
		rows := 0
		for _, err := range Points(bytes.NewReader(in), Options{Format: Format(format)}) {
			if rows++; err == nil && rows > len(in)+1 {
				t.Fatalf("%d rows out of %d bytes", rows, len(in))
			}
		}
	})
}
