package server_test

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/cluster"
)

// Every kind of index looks along fewer axes: each is made, told of, searched, kept
// over a start, and made into another while it serves.
func TestFewerDimensionsOfEveryKind(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, start{dir: dir})
	kinds := []string{
		`{"type":"flat","pca":12}`, `{"type":"ivf_pq","pca":14,"lists":30}`, `{"type":"ivf_pq","rotate":true,"lists":30}`, `{"type":"flat","pca":14}`,
		`{"type":"hnsw","pca":12}`, `{"type":"flat","pca":12}`, `{"type":"flat"}`, `{"type":"ivf_pq","lists":30}`, `{"type":"ivf_pq","pca":15,"lists":30}`,
	}
	r.must("PUT", "/collections/k0", `{"vectors":{"size":16,"distance":"Euclid","index":`+kinds[0]+`},"optimizers_config":{"indexing_threshold":1}}`)
	r.must("PUT", "/collections/k0/points?wait=true", vectorsBody(2000))
	for i, kind := range kinds {
		if i > 0 {
			r.must("PATCH", "/collections/k0", `{"vectors":{"":{"index":`+kind+`}}}`)
		}
		r.isKind(dir, "k0", kind)
		r.findsAsExact("k0")
		if i%3 == 0 {
			r.stop()
			r = serve(t, start{dir: dir})
			r.isKind(dir, "k0", kind)
			r.findsAsExact("k0")
		}
	}
	// What joins, is replaced and goes is followed.
	for _, kind := range []string{kinds[0], kinds[1]} {
		r.must("PATCH", "/collections/k0", `{"vectors":{"":{"index":`+kind+`}}}`)
		r.isKind(dir, "k0", kind)
		r.must("PUT", "/collections/k0/points?wait=true", `{"points":[{"id":5000,"vector":`+vectorText(rand.New(rand.NewPCG(7, 7)))+`}]}`)
		r.must("POST", "/collections/k0/points/delete?wait=true", `{"points":[1,2,3,4,5,6,7,8]}`)
		r.isKind(dir, "k0", kind)
		r.findsAsExact("k0")
	}
}

// A vector's searches go by fewer dimensions: the axes are learned in the
// background, saved, read again at a start, learned anew where the file is
// damaged, and given up.
func TestFewerDimensions(t *testing.T) {
	dir := t.TempDir()
	log := &record{}
	begin := func() *running {
		return serve(t, start{dir: dir, node: cluster.Options{Logger: slog.New(slog.NewTextHandler(log, nil))}})
	}
	r := begin()
	r.must("PUT", "/collections/p", `{"vectors":{"size":16,"distance":"Euclid","index":{"type":"lsh","pca":12}},"optimizers_config":{"indexing_threshold":1}}`)
	r.must("PUT", "/collections/p/points?wait=true", vectorsBody(2000))
	code := func() (path string, raw []byte) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, "groups", "*", "index", "*", "0.code"))
		if err != nil || len(files) > 1 {
			t.Fatal(files, err)
		}
		if len(files) == 0 {
			return "", nil
		}
		raw, err = os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		return files[0], raw
	}
	wait := func(what string, done func() bool) {
		t.Helper()
		for range 6000 {
			if done() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal(what)
	}
	wait("no code is saved", func() bool { _, raw := code(); return raw != nil })
	r.green("p")
	r.findsAsExact("p")
	path, raw := code()
	r.stop()
	bad := append([]byte(nil), raw...)
	bad[len(bad)/2] ^= 4
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	r = begin()
	wait("the damaged code stays", func() bool { _, now := code(); return string(now) == string(raw) })
	if !strings.Contains(log.text(), "saved code not usable") {
		t.Error("nothing is logged of the damaged code")
	}
	r.findsAsExact("p")
	r.must("PATCH", "/collections/p", `{"vectors":{"":{"index":{"type":"lsh"}}}}`)
	wait("the code is not removed", func() bool { path, _ := code(); return path == "" })
	r.findsAsExact("p")
	r.must("PATCH", "/collections/p", `{"vectors":{"":{"index":{"type":"hnsw","pca":12}}}}`)
	wait("the graph has no code", func() bool { path, _ := code(); return path != "" })
	r.findsAsExact("p")
	r.must("PATCH", "/collections/p", `{"vectors":{"":{"index":{"type":"lsh"}}}}`)
	wait("the code of the graph stays", func() bool { path, _ := code(); return path == "" })
	for body, want := range map[string]string{
		`{"size":4,"distance":"Dot","index":{"type":"hnsw","pca":5}}`:       "vectors.index.pca: value 5 invalid, the vector has 4 dimensions",
		`{"size":4,"distance":"Manhattan","index":{"type":"hnsw","pca":2}}`: "vectors.index.pca: it does not keep Manhattan distances",
	} {
		if code, a, _ := r.send("PUT", "/collections/q", `{"vectors":`+body+`}`); code != 422 || !strings.Contains(string(a.Status), want) {
			t.Errorf("%s: %d %s", body, code, a.Status)
		}
	}
}
