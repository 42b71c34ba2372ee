package server_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type kindInfo struct {
	Status  string
	Indexed int `json:"indexed_vectors_count"`
	Config  struct {
		Params struct {
			Vectors struct{ Index json.RawMessage }
		}
	}
}

// vectorsBody is an upsert of n random points of 16 dimensions.
func vectorsBody(n int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"id":%d,"vector":%s}`, i, vectorText(rng))
	}
	return `{"points":[` + b.String()[1:] + `]}`
}

func vectorText(rng *rand.Rand) string { return vectorOf(rng, 16) }

// vectorOf is a random vector, as JSON.
func vectorOf(rng *rand.Rand, dim int) string {
	v := make([]float32, dim)
	for d := range v {
		v[d] = float32(rng.NormFloat64())
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// Every kind of index is made, told of, searched, and made into another while
// it serves.
func TestKindsOfIndex(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	body := vectorsBody(2000)
	kinds := []string{`{"type":"hnsw"}`, `{"type":"lsh","tables":8}`, `{"type":"flat"}`, `{"type":"ivf_pq","lists":30}`}
	for i, kind := range kinds {
		name := fmt.Sprintf("k%d", i)
		r.must("PUT", "/collections/"+name, `{"vectors":{"size":16,"distance":"Cosine","index":`+kind+`},"optimizers_config":{"indexing_threshold":1}}`)
		r.must("PUT", "/collections/"+name+"/points?wait=true", body)
		for step := range len(kinds) {
			now := kinds[(i+step)%len(kinds)]
			if step > 0 {
				r.must("PATCH", "/collections/"+name, `{"vectors":{"":{"index":`+now+`}}}`)
			}
			r.isKind(dir, name, now)
			r.findsAsExact(name)
		}
	}
}

// isKind waits until the collection's checkpoint is of the kind that it says.
func (r *running) isKind(dir, name, kind string) {
	r.t.Helper()
	var info kindInfo
	for range 1000 {
		r.must("GET", "/collections/"+name, "", &info)
		if want := magicFor(kind); info.Status == "green" && (want == "") == (info.Indexed == 0) && magicOf(r.t, dir, name) == want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if magic := magicOf(r.t, dir, name); info.Status != "green" || magic != magicFor(kind) {
		r.t.Errorf("%s: %+v, the checkpoint is of %q, want %s", name, info, magic, kind)
	}
	if string(info.Config.Params.Vectors.Index) != kind {
		r.t.Errorf("%s: reported as %s, want %s", name, info.Config.Params.Vectors.Index, kind)
	}
}

// magicFor is magicOf's answer for a kind: codes that are compared one by one lie in
// a graph without links.
func magicFor(kind string) string {
	switch {
	case strings.Contains(kind, "ivf_pq"):
		return "ivfp"
	case strings.Contains(kind, "lsh"):
		return "lsh"
	case strings.Contains(kind, "hnsw"), strings.Contains(kind, "pca"):
		return "hnsw"
	}
	return ""
}

// findsAsExact compares answers with those of an exact search.
func (r *running) findsAsExact(name string) {
	r.t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	found, wanted := 0, 0
	for range 10 {
		vector := vectorText(rng)
		near, exact := r.nearest(name, vector, `{"hnsw_ef":128}`), r.nearest(name, vector, `{"exact":true}`)
		wanted += len(exact)
		for id := range near {
			if exact[id] {
				found++
			}
		}
	}
	if wanted != 100 || found < 90 {
		r.t.Errorf("%s: %d of %d", name, found, wanted)
	}
}

// magicOf is the kind of index in a shard's checkpoint, "" when there is none.
func magicOf(t *testing.T, dir, name string) string {
	t.Helper()
	number := int(name[1] - '0')
	files, err := filepath.Glob(filepath.Join(dir, "groups", "*", "index", fmt.Sprint(number+1), "0.graph"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil || len(raw) < 8 {
			return ""
		}
		return strings.ToLower(strings.Trim(string(raw[4:8]), "\x00"))
	}
	return ""
}

func (r *running) nearest(name, vector, params string) map[string]bool {
	r.t.Helper()
	return r.nearestOf(name, vector, "null", params)
}

// nearestOf is nearest under a filter.
func (r *running) nearestOf(name, vector, filter, params string) map[string]bool {
	r.t.Helper()
	var answer struct {
		Points []struct{ ID json.Number }
	}
	r.must("POST", "/collections/"+name+"/points/query", `{"query":`+vector+`,"limit":10,"filter":`+filter+`,"params":`+params+`}`, &answer)
	ids := map[string]bool{}
	for _, p := range answer.Points {
		ids[p.ID.String()] = true
	}
	return ids
}

// What is wrong with an index is told by its field.
func TestIndexOptionsAreChecked(t *testing.T) {
	r := serve(t, start{})
	r.must("PUT", "/collections/c", `{"vectors":{"size":4,"distance":"Dot"}}`)
	for _, c := range [][3]string{
		{`{"size":4,"distance":"Dot","index":{}}`, "400", "vectors.index.type: missing"},
		{`{"size":4,"distance":"Dot","index":{"type":"tree"}}`, "400", "vectors.index.type: "},
		{`{"size":4,"distance":"Dot","index":{"type":"lsh","m":4}}`, "400", "vectors.index.m: "},
		{`{"size":4,"distance":"Dot","index":{"type":"lsh","tables":0}}`, "422", "vectors.index.tables: "},
		{`{"size":4,"distance":"Dot","index":{"type":"lsh","bits":25}}`, "422", "vectors.index.bits: "},
		{`{"size":4,"distance":"Dot","index":{"type":"lsh","lists":4}}`, "422", "vectors.index.lists: an index of type lsh has none"},
		{`{"size":4,"distance":"Dot","index":{"type":"hnsw","rotate":true}}`, "422", "vectors.index.rotate: an index of type hnsw has none; it is an option of ivf_pq"},
		{`{"size":4,"distance":"Dot","index":{"type":"ivf_pq","rotate":1}}`, "400", "vectors.index.rotate: "},
		{`{"size":4,"distance":"Dot","index":{"type":"ivf_pq","pca":5}}`, "422", "vectors.index.pca: value 5 invalid, the vector has 4 dimensions"},
		{`{"size":4,"distance":"Dot","index":{"type":"ivf_pq","pca":2,"code":3}}`, "422", "vectors.index.code: value 3 invalid, pca leaves 2 dimensions"},
		{`{"size":4,"distance":"Dot","index":{"type":"flat","pca":5}}`, "422", "vectors.index.pca: value 5 invalid"},
		{`{"size":4,"distance":"Manhattan","index":{"type":"flat","pca":2}}`, "422", "vectors.index.pca: it does not keep Manhattan distances"},
		{`{"size":4,"distance":"Manhattan","index":{"type":"lsh"}}`, "422", "vectors.index.type: an index of type lsh has no Manhattan distance"},
		{`{"image":{"size":4,"distance":"Dot","index":{"type":"flat","bits":3}}}`, "422", "vectors.image.index.bits: "},
		{`{"index":{"index":{"type":"lsh","bits":0},"size":4,"distance":"Dot"}}`, "422", "vectors.index.index.bits: "},
	} {
		code, a, _ := r.send("PUT", "/collections/d", `{"vectors":`+c[0]+`}`)
		if text := string(a.Status); fmt.Sprint(code) != c[1] || !strings.Contains(text, c[2]) {
			t.Errorf("%s: %d %s, want %s %q", c[0], code, text, c[1], c[2])
		}
	}
	code, a, _ := r.send("PATCH", "/collections/c", `{"vectors":{"":{"index":{"type":"lsh","lists":9}}}}`)
	if code != 422 || !strings.Contains(string(a.Status), "index.lists") {
		t.Errorf("a change: %d %s", code, a.Status)
	}
	// A vector may be named index.
	r.must("PUT", "/collections/e", `{"vectors":{"index":{"size":4,"distance":"Dot"},"other":{"size":2,"distance":"Dot","index":{"type":"lsh"}}}}`)
	r.must("PUT", "/collections/e/points?wait=true", `{"points":[{"id":1,"vector":{"index":[1,2,3,4],"other":[1,2]}}]}`)
}
