package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// codesUsed waits until the collection's searches go by a code of so many words,
// "" for none. before is what was estimated by the code before: the new one is
// saved first, and takes its place behind.
func (r *running) codesUsed(dir, want string, before map[string]float64) {
	r.t.Helper()
	var info kindInfo
	for range 3000 {
		files, err := filepath.Glob(filepath.Join(dir, "groups", "*", "index", "*", "0.code"))
		if err != nil {
			r.t.Fatal(err)
		}
		r.must("GET", "/collections/k0", "", &info)
		raw := []byte(nil)
		if len(files) > 0 {
			raw, _ = os.ReadFile(files[0]) // it may be gone by now
		}
		if info.Status == "green" && (want == "") == (len(files) == 0) && bytes.Contains(raw, []byte(want)) && !maps.Equal(r.estimated(), before) && r.codesAct() == (want != "") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("no code of %q; the collection is %s", want, info.Status)
}

// codesAct says whether searches go by a code.
func (r *running) codesAct() bool {
	return !maps.Equal(r.estimated(), r.scores(vectorText(rand.New(rand.NewPCG(7, 8))), `{"hnsw_ef":40,"quantization":{"ignore":true}}`))
}

// estimated is an answer by codes alone.
func (r *running) estimated() map[string]float64 {
	return r.scores(vectorText(rand.New(rand.NewPCG(7, 8))), `{"hnsw_ef":40,"quantization":{"rescore":false}}`)
}

// scores is the answer to one query, by id.
func (r *running) scores(vector, params string) map[string]float64 {
	r.t.Helper()
	var answer struct {
		Points []struct {
			ID    json.Number
			Score float64
		}
	}
	r.must("POST", "/collections/k0/points/query", `{"query":`+vector+`,"limit":10,"params":`+params+`}`, &answer)
	out := map[string]float64{}
	for _, p := range answer.Points {
		out[p.ID.String()] = p.Score
	}
	return out
}

// Every kind of quantization is trained, goes before the vectors in a search,
// and leaves the last word to them unless it is told not to.
func TestQuantizationThroughTheAPI(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	r.must("PUT", "/collections/k0", `{"vectors":{"size":16,"distance":"Euclid"},"optimizers_config":{"indexing_threshold":1}}`)
	r.must("PUT", "/collections/k0/points?wait=true", vectorsBody(8000))
	for _, c := range []struct {
		config, file string
		least        int // of 100 true neighbours, with eightfold oversampling
	}{
		{`{"scalar":{"type":"int8","quantile":0.99,"always_ram":true}}`, "scalar", 90},
		{`{"product":{"compression":"x16"}}`, "product x16", 85},
		{`{"binary":{"query_encoding":"scalar8bits"}}`, "binary one_bit scalar8bits", 55},
		{`{"turbo":{"bits":"bits2"}}`, "turbo bits2", 80},
		{`{"turbo":{}}`, "turbo bits4", 90},
	} {
		before := r.estimated()
		r.must("PATCH", "/collections/k0", `{"quantization_config":`+c.config+`}`)
		r.codesUsed(dir, c.file, before)
		var info struct {
			Config struct {
				Quantization json.RawMessage `json:"quantization_config"`
			}
		}
		r.must("GET", "/collections/k0", "", &info)
		if got := string(info.Config.Quantization); got != c.config {
			t.Errorf("reported as %s, want %s", got, c.config)
		}
		if found := r.codesFind(c.file); found < c.least {
			t.Errorf("%s: %d of 100 found", c.file, found)
		}
	}
	before := r.estimated()
	r.must("PATCH", "/collections/k0", `{"quantization_config":"Disabled"}`)
	r.codesUsed(dir, "", before)
	r.estimates("Disabled", false)
}

// codesFind counts true neighbours among what searches by codes answer.
func (r *running) codesFind(what string) (found int) {
	r.t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 10 {
		vector := vectorText(rng)
		exact := r.scores(vector, `{"exact":true}`)
		for id := range r.scores(vector, `{"hnsw_ef":80,"quantization":{"oversampling":8}}`) {
			if _, ok := exact[id]; ok {
				found++
			}
		}
	}
	r.estimates(what, true)
	return found
}

// estimates says whether scores are of codes where no vector is asked; where one
// is, they never are.
func (r *running) estimates(what string, want bool) {
	r.t.Helper()
	vector := vectorText(rand.New(rand.NewPCG(5, 6)))
	all := map[string]float64{}
	var answer struct {
		Points []struct {
			ID    json.Number
			Score float64
		}
	}
	r.must("POST", "/collections/k0/points/query", `{"query":`+vector+`,"limit":8000,"params":{"exact":true}}`, &answer)
	for _, p := range answer.Points {
		all[p.ID.String()] = p.Score
	}
	for _, params := range []string{`{"rescore":false}`, `{"rescore":true}`, `{"ignore":true}`, `{"ignore":true,"rescore":false}`, `{}`} {
		off := false
		for id, score := range r.scores(vector, `{"hnsw_ef":40,"quantization":`+params+`}`) {
			off = off || score != all[id]
		}
		if by := want && strings.HasPrefix(params, `{"rescore":false`); off != by {
			r.t.Errorf("%s, %s: scores are estimates: %v, want %v", what, params, off, by)
		}
	}
}

// A graph over many dimensions goes by a code that nobody asked for. "Disabled"
// takes that away, too, on a living collection and over a restart, is told as no
// quantization, and another kind may follow it.
func TestQuantizationDisabled(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	r.must("PUT", "/collections/k0", `{"vectors":{"size":64,"distance":"Cosine"},"optimizers_config":{"indexing_threshold":1}}`)
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&b, `,{"id":%d,"vector":%s}`, i, wideText(rng))
	}
	r.must("PUT", "/collections/k0/points?wait=true", `{"points":[`+b.String()[1:]+`]}`)
	r.wideCode(dir, "rotated 4")
	r.must("PATCH", "/collections/k0", `{"quantization_config":"Disabled"}`)
	r.wideCode(dir, "")
	r.shown("null")
	r.must("PATCH", "/collections/k0", `{"quantization_config":{"binary":{"encoding":"two_bits"}}}`)
	r.wideCode(dir, "binary two_bits default")
	r.must("PATCH", "/collections/k0", `{"quantization_config":"Disabled"}`)
	r.wideCode(dir, "")
	r.stop()
	r = serve(t, start{dir: dir})
	r.wideCode(dir, "")
	r.shown("null")
	r.must("PATCH", "/collections/k0", `{"quantization_config":{"turbo":{}}}`)
	r.wideCode(dir, "turbo bits4")
	if status, _, _ := r.send("PATCH", "/collections/k0", `{"quantization_config":"Off"}`); status != 400 {
		t.Errorf("Off: %d", status)
	}
	r.shown(`{"turbo":{}}`)
}

// shown checks how the collection's quantization is told.
func (r *running) shown(want string) {
	r.t.Helper()
	var info struct {
		Config struct {
			Quantization json.RawMessage `json:"quantization_config"`
		}
	}
	r.must("GET", "/collections/k0", "", &info)
	if got := string(info.Config.Quantization); got != want && !(got == "" && want == "null") {
		r.t.Errorf("told as %s, want %s", got, want)
	}
}

func wideText(rng *rand.Rand) string {
	v := make([]float32, 64)
	for d := range v {
		v[d] = float32(rng.NormFloat64())
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// wideCode waits until there is a saved code of so many words, "" for none: it is
// saved before searches go by it, and removed once they no longer do.
func (r *running) wideCode(dir, want string) {
	r.t.Helper()
	for range 3000 {
		files, err := filepath.Glob(filepath.Join(dir, "groups", "*", "index", "*", "0.code"))
		if err != nil {
			r.t.Fatal(err)
		}
		raw := []byte(nil)
		if len(files) > 0 {
			raw, _ = os.ReadFile(files[0]) // it may be gone by now
		}
		if (want == "") == (len(files) == 0) && bytes.Contains(raw, []byte(want)) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("searches do not go by a code of %q", want)
}
