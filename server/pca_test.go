package server_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/cluster"
)

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
