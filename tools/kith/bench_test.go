package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith/tools/kith/curve"
)

// TestMain lets the benchmarks find a server in this binary, as they find it in
// kith itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

// tinyDataset writes a data set in the form of bench/datasets.py.
func tinyDataset(t *testing.T) string {
	t.Helper()
	const rows, queries, dim, k = 2000, 40, 8, 20
	rng, dir := rand.New(rand.NewPCG(1, 2)), t.TempDir()
	matrix := func(n int) [][]float32 {
		m := make([][]float32, n)
		for i := range m {
			m[i] = make([]float32, dim)
			for j := range m[i] {
				m[i][j] = float32(rng.NormFloat64())
			}
		}
		return m
	}
	base, query := matrix(rows), matrix(queries)
	write := func(name string, n, columns int, cells any) {
		var b bytes.Buffer
		for _, part := range []any{[2]uint32{uint32(n), uint32(columns)}, cells} {
			if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("base.fbin", rows, dim, slices.Concat(base...))
	write("query.fbin", queries, dim, slices.Concat(query...))
	var truth []int32
	for _, q := range query {
		truth = append(truth, nearest(base, q, k)...)
	}
	write("gt.ibin", queries, k, truth)
	if err := os.WriteFile(filepath.Join(dir, "meta.json"), []byte(`{"name":"tiny","metric":"euclidean"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func nearest(base [][]float32, q []float32, k int) []int32 {
	dist, ids := make([]float32, len(base)), make([]int32, len(base))
	for i, row := range base {
		ids[i] = int32(i)
		for j := range row {
			dist[i] += (row[j] - q[j]) * (row[j] - q[j])
		}
	}
	slices.SortFunc(ids, func(a, b int32) int {
		if dist[a] < dist[b] {
			return -1
		}
		return 1
	})
	return ids[:k]
}

// lines are a benchmark's JSON lines.
func lines(t *testing.T, out string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(out) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, one)
	}
	return all
}

func TestBenchSpeaksAsThePeer(t *testing.T) {
	all := lines(t, ok(t, "", "bench", "--data", tinyDataset(t), "--m", "16", "--ef-construct", "200", "--threads", "1", "-o", "json"))
	for _, key := range []string{"lib", "folder", "m", "ef_construction", "threads", "build_s", "index_mib"} {
		if _, ok := all[0][key]; !ok {
			t.Errorf("the first line lacks %s: %v", key, all[0])
		}
	}
	last := all[len(all)-1]
	for _, key := range []string{"lib", "ef", "recall", "qps", "p50_us", "p99_us"} {
		if _, ok := last[key]; !ok {
			t.Errorf("a line lacks %s: %v", key, last)
		}
	}
	if recall, _ := last["recall"].(float64); recall < 0.99 {
		t.Errorf("recall ends at %v", last["recall"])
	}
}

func TestBenchHTTP(t *testing.T) {
	all := lines(t, ok(t, "", "bench", "http", "--data", tinyDataset(t), "--clients", "1,2", "--duration", "1ms", "--rebuild", "-o", "json"))
	var stages []string
	for _, one := range all {
		stages = append(stages, one["stage"].(string))
		if recall, has := one["recall"].(float64); has && recall < 0.95 {
			t.Errorf("recall %v", one)
		}
	}
	if want := "load green query query memory before a rebuild beside a rebuild restart to first answer"; strings.Join(stages, " ") != want {
		t.Errorf("stages %v, want %s", stages, want)
	}
}

// Answers that do not match a filter, and exact scans that miss, are errors of the
// command itself.
func TestBenchFilters(t *testing.T) {
	all := lines(t, ok(t, "", "bench", "filters", "--data", tinyDataset(t), "--ask", "3", "--passes", "1", "--shares", "0.1,40,100", "-o", "json"))
	if len(all) != 9 {
		t.Fatalf("%d lines for three shares in three regions", len(all))
	}
	for _, one := range all {
		if one["recall"].(float64) < 0.95 || one["ms"].(float64) <= 0 || one["of_bound"].(float64) <= 0 {
			t.Errorf("%v", one)
		}
	}
}

func TestBenchCollections(t *testing.T) {
	all := lines(t, ok(t, "", "bench", "collections", "--n", "10", "-o", "json"))
	if len(all) != 7 {
		t.Errorf("stages %v", all)
	}
}

func TestBrokenDataSetsAreRefused(t *testing.T) {
	for name, text := range map[string]string{"meta.json": `{"metric":"hamming"}`, "query.fbin": "xx", "gt.ibin": "\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"} {
		dir := tinyDataset(t)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, errOut, status := kith(t, "", "bench", "--data", dir); status != 1 {
			t.Errorf("a broken %s: status %d, %s", name, status, errOut)
		}
	}
}

func TestBenchPayload(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, n := range []string{"100", "2500"} {
		out := ok(t, "", "bench", "payload", "--n", n, "--seconds", "0.001")
		for _, want := range []string{"index ref (uuid)", "indexes on disk    2 clients  facet of 20 values", "| page of 100, filtered, by datetime"} {
			if !strings.Contains(out, want) {
				t.Errorf("--n %s: no %q in %s", n, want, out)
			}
		}
	}
}

func TestBenchMeasuresEveryKindAndComparesReports(t *testing.T) {
	data, report := tinyDataset(t), filepath.Join(t.TempDir(), "r.json")
	out := ok(t, "", "bench", "--data", data, "--index", "hnsw,lsh,flat", "--json", report)
	for _, want := range []string{"kith: build", "kith-lsh: build", "kith-flat: build", "hops"} {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q:\n%s", want, out)
		}
	}
	fewer := ok(t, "", "bench", "--data", data, "--index", "hnsw,ivf_pq,lsh,flat", "--pca", "3", "--rotate")
	for _, want := range []string{"kith-pca3: build", "kith-ivf_pq-pca3-rotated: build", "kith-lsh-pca3: build", "kith-flat-pca3: build"} {
		if !strings.Contains(fewer, want) {
			t.Errorf("the table lacks %q:\n%s", want, fewer)
		}
	}
	if out := ok(t, "", "bench", "compare", report, report); !strings.Contains(out, "kith-flat") || !strings.Contains(out, "ratio 1.00") {
		t.Errorf("a report beside itself:\n%s", out)
	}
	for _, args := range [][]string{{"--index", "tree"}, {"--code", "3"}, {"--threads", "0"}, {"--pca", "-1"}, {"--pca", "2", "--code", "4"}, {"--rotate"}} {
		if _, errOut, status := kith(t, "", append([]string{"bench", "--data", data}, args...)...); status != 2 {
			t.Errorf("%v: status %d, %s", args, status, errOut)
		}
	}
}

func TestBenchWorkerAnswersLines(t *testing.T) {
	in := `{"op":"pass","setting":64}` + "\n" + `{"op":"memory"}` + "\n" + `{"op":"batch","setting":64}` + "\n" + `{"op":"pass"}` + "\n" + `{"op":"batch"}` + "\n" + `{"op":"sing"}` + "\n" + "{\n"
	all := lines(t, ok(t, in, "bench", "worker", "--data", tinyDataset(t)))
	if len(all) != 8 {
		t.Fatalf("%d lines for a greeting and seven answers", len(all))
	}
	if recall, _ := all[1]["recall"].(float64); recall < 0.9 || all[1]["distances"] == nil {
		t.Errorf("a pass says %v", all[1])
	}
	if _, ok := all[2]["index_mib"]; !ok {
		t.Errorf("memory says %v", all[2])
	}
	if qps, _ := all[3]["batch_qps"].(float64); qps <= 0 {
		t.Errorf("a batch says %v", all[3])
	}
	for _, refused := range all[4:] {
		if refused["error"] == nil {
			t.Errorf("%v is no refusal", refused)
		}
	}
}

func TestBenchSweepsWhatIsAsked(t *testing.T) {
	report := filepath.Join(t.TempDir(), "r.json")
	out := ok(t, "", "bench", "--data", tinyDataset(t), "--sweep", "20,300", "--code", "8", "--limit", "1500", "--cache", t.TempDir(), "--json", report)
	if strings.Count(out, "recall") != 2 || !strings.Contains(out, "ef   20") || !strings.Contains(out, "times the floor") || !strings.Contains(out, "by account (vectors 1.00, index") {
		t.Errorf("the table:\n%s", out)
	}
	r, err := curve.Load(report)
	if err != nil {
		t.Fatal(err)
	}
	one := r.Runs[0]
	account, _ := one.Memory()
	if one.RawMiB*mib != 1500*8*4 || account <= 1 || account > 20 || one.Points[1].Recall < 0.95 {
		t.Errorf("run %+v", one)
	}
	// 300 are walked by code, 40 of them measured by vector: 32 bytes each, and links; a code of few dimensions is longer.
	if p := one.Points[1]; p.Bytes < 40*32+p.Hops*4 || p.Bytes > p.Distances*128+p.Hops*132 || p.FloorUS <= 0 {
		t.Errorf("bytes of a query: %+v", p)
	}
}

func TestBenchTeachesWhatIsWrong(t *testing.T) {
	data := tinyDataset(t)
	for want, args := range map[string][]string{
		"--gen 1000000x128": {},
		"--metric":          {"--data", data, "--metric", "hamming"},
		"--limit":           {"--data", data, "--limit", "-1"},
		"--sweep":           {"--data", data, "--sweep", "10,0"},
		"--queries":         {"--data", data, "--truth", "x.ibin"},
	} {
		if _, errOut, status := kith(t, "", append([]string{"bench"}, args...)...); status != 2 || !strings.Contains(errOut, want) {
			t.Errorf("%v: status %d, %s", args, status, errOut)
		}
	}
	if _, errOut, status := kith(t, "", "bench", "--data", "absent"); status != 1 || !strings.Contains(errOut, "no such file") {
		t.Errorf("an absent folder: %d, %s", status, errOut)
	}
}

func TestBenchFiltersTeachesWhatIsWrong(t *testing.T) {
	for args, want := range map[string]string{
		"":                              "--data",
		"--data x --shares 0":           "--shares",
		"--data x --shares 5,101":       "--shares",
		"--data x --ask 0":              "--ask",
		"--data x --passes 0":           "--passes",
		"--gen 100x4 --metric diagonal": "--metric",
	} {
		_, errOut, status := kith(t, "", append([]string{"bench", "filters"}, strings.Fields(args)...)...)
		if status != 2 || !strings.Contains(errOut, want) {
			t.Errorf("%s: status %d, %s", args, status, errOut)
		}
	}
}

func TestBenchTakesAnHDF5File(t *testing.T) {
	out := ok(t, "", "bench", "--data", filepath.Join("hdf5", "testdata", "old.hdf5"), "--index", "flat", "--cache", t.TempDir(), "--limit", "15")
	if !strings.Contains(out, "recall 1.0000") {
		t.Errorf("exact search of a file:\n%s", out)
	}
}

func TestBenchURL(t *testing.T) {
	url, dir := serving(t), t.TempDir()
	report, html := filepath.Join(dir, "r.json"), filepath.Join(dir, "p.html")
	args := []string{"bench", "--data", tinyDataset(t), "--url", url, "--clients", "1,2", "--sweep", "20,200", "--duration", "1ms", "--settle", "60ms", "--json", report, "--html", html}
	out := ok(t, "", args...)
	if strings.Count(out, "recall") != 4 || !strings.Contains(out, "points/s; indexed") {
		t.Errorf("the table:\n%s", out)
	}
	r, err := curve.Load(report)
	if err != nil || len(r.Runs) != 2 || r.Runs[1].Points[1].Clients != 2 || r.Runs[1].Points[1].Recall < 0.95 || r.Runs[0].UploadS <= 0 {
		t.Errorf("the report: %+v, %v", r, err)
	}
	if page, err := os.ReadFile(html); err != nil || !bytes.Contains(page, []byte("echarts.init")) {
		t.Errorf("the page: %v", err)
	}
	if out := ok(t, "", "collection", "list", "--url", url); strings.Contains(out, "kith-bench") {
		t.Errorf("the collection was left behind: %s", out)
	}
	ok(t, "", append(args, "--keep", "--collection", "mine")...)
	if _, errOut, status := kith(t, "", append(args, "--collection", "mine")...); status != 1 || !strings.Contains(errOut, "--collection") {
		t.Errorf("a collection that is there: %d, %s", status, errOut)
	}
	if out := ok(t, "", append(args, "--reuse", "--collection", "mine")...); strings.Count(out, "recall") != 4 || strings.Contains(out, "upload") {
		t.Errorf("a collection measured again:\n%s", out)
	}
	if _, errOut, status := kith(t, "", append(args, "--reuse", "--collection", "mine", "--limit", "10")...); status != 1 || !strings.Contains(errOut, "the data 10") {
		t.Errorf("a collection of other points: %d, %s", status, errOut)
	}
	if out := ok(t, "", "collection", "list", "--url", url); !strings.Contains(out, "mine") {
		t.Errorf("somebody's collection is gone: %s", out)
	}
	if out := ok(t, "", "bench", "compare", report, report, "--html", html); !strings.Contains(out, "ratio 1.00") {
		t.Errorf("compared:\n%s", out)
	}
}

func TestBenchURLTeachesWhatIsWrong(t *testing.T) {
	data := tinyDataset(t)
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{1, "no server of the contract", []string{"--url", "http://127.0.0.1:1"}},
		{2, "--url", []string{"--url", "ftp://x"}},
		{2, "--clients", []string{"--url", "http://127.0.0.1:1", "--clients", "0"}},
		{2, "--batch", []string{"--url", "http://127.0.0.1:1", "--batch", "0"}},
		{2, "--collection", []string{"--url", "http://127.0.0.1:1", "--collection", ""}},
	} {
		if _, errOut, status := kith(t, "", append([]string{"bench", "--data", data}, c.args...)...); status != c.status || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: status %d, %s", c.args, status, errOut)
		}
	}
}

func TestBenchURLSendsTheKey(t *testing.T) {
	var keys []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if keys = append(keys, r.Header.Get("api-key")); r.URL.Path == "/" {
			fmt.Fprint(w, `{"title":"qdrant - vector search engine","version":"1.19.0"}`)
			return
		}
		http.Error(w, `{"status":{"error":"Invalid API key"}}`, http.StatusForbidden)
	}))
	defer server.Close()
	_, errOut, status := kith(t, "", "bench", "--data", tinyDataset(t), "--url", server.URL, "--api-key", "secret")
	if status != 1 || !strings.Contains(errOut, "KITH_API_KEY") || len(keys) < 2 || keys[1] != "secret" {
		t.Errorf("keys %q; status %d, %s", keys, status, errOut)
	}
}

func TestBenchOnDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("vectors are mapped from files on Linux only")
	}
	data, dir := tinyDataset(t), filepath.Join(t.TempDir(), "files")
	args := []string{"bench", "--data", data, "--code", "8", "--on-disk", dir, "--sweep", "200", "-o", "json"}
	stages := func(all []map[string]any) string {
		var list []string
		for _, one := range all {
			switch stage, ok := one["stage"].(string); {
			case ok:
				list = append(list, stage)
			case one["build_s"] != nil:
				list = append(list, "build")
			default:
				list = append(list, "ef")
			}
		}
		return strings.Join(list, " ")
	}
	for _, kind := range []string{"hnsw", "ivf_pq", "lsh"} {
		with := append(args, "--index", kind)
		if kind != "hnsw" {
			with = append(with, "--code", "0")
		}
		all := lines(t, ok(t, "", with...))
		if got := stages(all); got != "build save warm cold queries ef" {
			t.Errorf("%s: stages %s", kind, got)
		}
		if recall := all[5]["recall"].(float64); kind == "hnsw" && recall < 0.95 {
			t.Errorf("recall %v of what was opened again", recall)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
			t.Errorf("%s left %v", kind, left)
		}
	}
	first := lines(t, ok(t, "", append(args, "--keep")...))
	if _, errOut, status := kith(t, "", args...); status != 1 || !strings.Contains(errOut, "--reuse") {
		t.Errorf("files that are there: status %d, %s", status, errOut)
	}
	again := lines(t, ok(t, "", append(args, "--reuse", "--cached", "0")...))
	if got := stages(again); got != "warm cold queries ef" || again[2]["cached"] != 0.0 {
		t.Errorf("measured again: %s, %v", got, again)
	}
	if again[3]["recall"] != first[5]["recall"] {
		t.Errorf("recall %v, and %v of the same files", first[5]["recall"], again[3]["recall"])
	}
	if _, errOut, status := kith(t, "", append(args, "--reuse", "--limit", "1900", "--cache", t.TempDir())...); status != 1 || !strings.Contains(errOut, "bench.index") {
		t.Errorf("files of more vectors: status %d, %s", status, errOut)
	}
}

func TestBenchOnDiskTeachesWhatIsWrong(t *testing.T) {
	data, dir := tinyDataset(t), t.TempDir()
	for want, args := range map[string][]string{
		"give that":       {"--cached", "0.5"},
		"0 to 1":          {"--on-disk", dir, "--cached", "1.5"},
		"one --index":     {"--on-disk", dir, "--index", "hnsw,lsh"},
		"each start":      {"--on-disk", dir, "--code", "4", "--inline"},
		"in this process": {"--on-disk", dir, "--url", "http://127.0.0.1:1"},
	} {
		if _, errOut, status := kith(t, "", append([]string{"bench", "--data", data}, args...)...); status != 2 || !strings.Contains(errOut, want) {
			t.Errorf("%v: status %d, %s", args, status, errOut)
		}
	}
	if _, errOut, status := kith(t, "", "bench", "--data", data, "--on-disk", dir, "--reuse"); status != 1 || !strings.Contains(errOut, "0 files") {
		t.Errorf("nothing to measure again: status %d, %s", status, errOut)
	}
}
