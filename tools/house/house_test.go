// Package house holds the law of the house as tests: who may import whom, how
// long a file may be, and what must be written down. A failing test says what to
// change; changing the law is a decision about the architecture.
package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kithdb/kith"

// law says which rooms each room may import. A room that is missing here is not
// part of the house yet: give it a line, and keep the arrows running downward.
var law = map[string][]string{
	"index":              {},
	"index/invariant":    {},
	"index/arena":        {"index/invariant"},
	"index/simd":         {"index", "index/invariant"},
	"index/flat":         {"index", "index/arena", "index/simd", "index/invariant"},
	"index/block":        {},
	"index/lsh":          {"index", "index/arena", "index/block", "index/flat", "index/quant", "index/simd", "index/invariant"},
	"index/quant":        {"index", "index/simd"},
	"index/recall":       {},
	"index/hnsw":         {"index", "index/arena", "index/block", "index/flat", "index/quant", "index/simd", "index/invariant"},
	"index/ivfpq":        {"index", "index/arena", "index/block", "index/flat", "index/quant", "index/simd", "index/invariant"},
	"index/filter":       {"storage/point"},
	"index/text":         {"index/filter"},
	"index/payload":      {"index", "index/filter", "index/text", "storage/point", "index/invariant"},
	"storage/point":      {},
	"storage/schema":     {"index", "storage/point"},
	"storage/op":         {"storage/point", "storage/schema", "index/filter"},
	"storage":            {"index", "index/invariant", "storage/point", "storage/schema"},
	"storage/shard":      {"storage", "storage/bulk", "storage/op", "storage/point", "storage/schema", "index", "index/arena", "index/block", "index/filter", "index/flat", "index/hnsw", "index/ivfpq", "index/lsh", "index/payload", "index/quant", "index/recall", "index/invariant"},
	"storage/archive":    {},
	"storage/bulk":       {"index", "index/block"},
	"storage/crashed":    {},
	"storage/replica":    {"storage", "storage/op", "storage/point", "storage/schema", "storage/shard", "index"},
	"query":              {"storage/op", "storage/point", "storage/schema", "storage/shard", "index", "index/filter", "index/flat", "index/arena", "index/invariant", "index/payload", "index/simd"},
	"cluster":            {"index/payload", "query", "storage", "storage/archive", "storage/op", "storage/point", "storage/replica", "storage/schema", "storage/shard"},
	"docs":               {},
	"server/api":         {},
	"server/vault":       {},
	"server/fetch":       {},
	"server/wire":        {"cluster", "query", "storage/op", "storage/point", "storage/schema", "index", "index/filter", "index/payload"},
	"server":             {"docs", "server/api", "server/fetch", "server/vault", "server/wire", "cluster", "query", "storage/op", "storage/point", "storage/schema", "storage/shard", "index/filter", "index/payload"},
	"client":             {"server/api"},
	"tools/process":      {},
	"tools/kith":         {"server", "server/api", "cluster", "client", "tools/process", "tools/kith/source", "tools/kith/bucket", "tools/kith/migrate", "tools/kith/curve", "tools/kith/corpus", "tools/kith/page", "storage/archive", "storage/bulk", "storage/shard", "index", "index/arena", "index/flat", "index/hnsw", "index/ivfpq", "index/lsh", "index/quant", "index/simd"},
	"tools/kith/corpus":  {"index", "index/flat", "index/simd", "tools/kith/hdf5", "tools/kith/source"},
	"tools/kith/curve":   {},
	"tools/kith/hdf5":    {},
	"tools/kith/page":    {"tools/kith/curve"},
	"tools/kith/source":  {"client"},
	"tools/kith/bucket":  {},
	"tools/kith/migrate": {"client", "server/api"},
	"tools/torture":      {"client", "server/api", "tools/process"},
	"tools/clients":      {"tools/process"},
	"tools/model":        {},

	"tools/bench/race":    nil, // benchmarks beside the house: they may import any room
	"tools/bench/kernels": nil,
}

// owners says which rooms may know a dependency; nobody else does.
var owners = map[string][]string{
	"github.com/valyala/fasthttp":      {"server"},
	"github.com/cockroachdb/pebble":    {"storage"},
	"github.com/hashicorp/raft":        {"cluster"},
	"github.com/hashicorp/raft-wal":    {"cluster"},
	"github.com/golang-jwt/jwt":        {"server"},
	"github.com/prometheus":            {"server"},
	"github.com/minio/minio-go":        {"tools/kith/bucket"},
	"github.com/spf13/cobra":           {"tools/kith"},
	"github.com/knadh/koanf":           {"tools/kith"},
	"github.com/mmcloughlin/avo":       {}, // index/simd/_gen is a module of its own
	"github.com/jackc/pgx":             {"tools/kith/migrate"},
	"github.com/getkin/kin-openapi":    {},             // tests read the documents with it
	"github.com/blevesearch":           {"index/text"}, // Bleve, and the stemmers that it brings
	"github.com/yalue/onnxruntime_go":  {"encoder"},
	"github.com/go-echarts/go-echarts": {"tools/kith/page"},
}

// free are rooms to which the law of imports does not apply.
var free = []string{"tools/bench/race", "tools/bench/kernels"}

// shelves are names that say nothing: a thing lives with its noun.
var shelves = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "misc", "shared", "lib"}

type room struct {
	name    string // path below the module
	dir     string
	files   []string // all but tests
	imports []string
}

// rooms are all packages of the module, as Go itself lists them.
func rooms(t *testing.T) []room {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,IgnoredGoFiles,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []room
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir                  string
			GoFiles, IgnoredGoFiles, Imports []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		r := room{name: strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/"), dir: p.Dir, imports: p.Imports}
		for _, f := range slices.Concat(p.GoFiles, p.IgnoredGoFiles) {
			if !strings.HasSuffix(f, "_test.go") {
				r.files = append(r.files, filepath.Join(p.Dir, f))
			}
		}
		if len(r.files) > 0 {
			list = append(list, r)
		}
	}
}

// TestImportsRunDownward holds every import of ours against the law.
func TestImportsRunDownward(t *testing.T) {
	for _, r := range rooms(t) {
		allowed, known := law[r.name]
		if !known {
			t.Errorf("package %s is not in the law: add it to tools/house with what it may import", r.name)
			continue
		}
		if slices.Contains(free, r.name) {
			continue
		}
		for _, path := range r.imports {
			name, ours := strings.CutPrefix(path, module+"/")
			if ours && !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s: arrows run downward; move the code, or argue for a change of the law", r.name, name)
			}
		}
	}
}

// TestLawHasNoCycle keeps the law itself a house with a top and a bottom. Go
// forbids cycles of packages only where they exist already.
func TestLawHasNoCycle(t *testing.T) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		switch state[name] {
		case visiting:
			t.Fatalf("the law is circular: %s → %s", strings.Join(path, " → "), name)
		case done:
			return
		}
		state[name] = visiting
		for _, next := range law[name] {
			if _, known := law[next]; !known {
				t.Errorf("%s may import %s, which is not in the law", name, next)
			}
			visit(next, append(path, name))
		}
		state[name] = done
	}
	for name := range law {
		visit(name, nil)
	}
}

// TestDependenciesHaveOneOwner keeps a dependency replaceable.
func TestDependenciesHaveOneOwner(t *testing.T) {
	for _, r := range rooms(t) {
		for _, path := range r.imports {
			for dependency, who := range owners {
				if isBelow(path, dependency) && !slices.Contains(who, r.name) && !slices.Contains(free, r.name) {
					t.Errorf("%s imports %s: only %q may", r.name, path, who)
				}
			}
		}
	}
}

// isBelow reports whether path is the dependency, a package or a later major
// version of it; raft-wal is not below raft.
func isBelow(path, dependency string) bool {
	return path == dependency || strings.HasPrefix(path, dependency+"/")
}

// TestNoShelves bans names that collect unrelated things.
func TestNoShelves(t *testing.T) {
	for _, r := range rooms(t) {
		if slices.Contains(shelves, filepath.Base(r.name)) {
			t.Errorf("package %s: a thing lives with its noun, not on a shelf named %q", r.name, filepath.Base(r.name))
		}
	}
}
