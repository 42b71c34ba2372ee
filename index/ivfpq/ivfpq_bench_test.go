package ivfpq

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
)

// A folder of base.fbin, query.fbin, gt.ibin and meta.json, as
// shared/bench/datasets.py makes them; without it the benchmark generates a few
// vectors.
var (
	benchData  = flag.String("ivfpq.data", "", "folder of a data set")
	benchLists = flag.Int("ivfpq.lists", 0, "lists, 0 for the default")
	benchCode  = flag.Int("ivfpq.code", 0, "bytes of a code, 0 for the default")
	benchGrid  = flag.Bool("ivfpq.grid", false, "probes beside ef")
)

// fbin reads rows of 4-byte numbers.
func fbin(b *testing.B, name string) (dim int, words []byte) {
	raw, err := os.ReadFile(filepath.Join(*benchData, name))
	if err != nil {
		b.Fatal(err)
	}
	return int(binary.LittleEndian.Uint32(raw[4:])), raw[8:]
}

// benchWorld is a data set with its true neighbours.
func benchWorld(b *testing.B) (w *world, queries [][]float32, truth [][]index.Slot) {
	if *benchData == "" {
		w = newWorld(b, shape{n: 5000, dim: 32, metric: index.Euclid, seed: 1})
		for range 50 {
			q := w.point()
			queries = append(queries, q)
			var slots []index.Slot
			for _, h := range w.exact(index.Query{Vector: q, K: 10, Accept: w.all()}) {
				slots = append(slots, h.Slot)
			}
			truth = append(truth, slots)
		}
		return w, queries, truth
	}
	var meta struct{ Metric string }
	raw, err := os.ReadFile(filepath.Join(*benchData, "meta.json"))
	if err == nil {
		err = json.Unmarshal(raw, &meta)
	}
	if err != nil {
		b.Fatal(err)
	}
	metric := index.Euclid
	if meta.Metric == "cosine" {
		metric = index.Cosine
	}
	dim, base := fbin(b, "base.fbin")
	w = &world{shape: shape{n: len(base) / 4 / dim, dim: dim, metric: metric, datatype: index.Float32}}
	w.rows = pinned(b, w.n, 4*dim)
	for i := range uint32(w.n) {
		copy(w.rows.Rows().Bytes(i), base[int(i)*4*dim:])
	}
	_, raw = fbin(b, "query.fbin")
	for at := 0; at < len(raw); at += 4 * dim {
		v := make([]float32, dim)
		index.Float32.Decode(v, raw[at:])
		queries = append(queries, v)
	}
	k, raw := fbin(b, "gt.ibin")
	for i := range queries {
		var slots []index.Slot
		for j := range 10 {
			slots = append(slots, index.Slot(binary.LittleEndian.Uint32(raw[4*(i*k+j):])))
		}
		truth = append(truth, slots)
	}
	return w, queries, truth
}

// BenchmarkSearch reports recall@10 and queries/s of one thread for some ef.
func BenchmarkSearch(b *testing.B) {
	w, queries, truth := benchWorld(b)
	o := w.options()
	o.Lists, o.CodeBytes, o.Workers = *benchLists, *benchCode, runtime.NumCPU()
	x, err := New(w.rows, o)
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	start := time.Now()
	if err := x.Train(w.all(), index.Pace{Workers: 2}); err != nil {
		b.Fatal(err)
	}
	trained := time.Since(start)
	w.insertAll(b, x, runtime.NumCPU())
	fmt.Printf("%d vectors, %d lists, trained in %.2f s, built in %.2f s, %.1f bytes a vector beside them; imbalance %.2f\n",
		w.n, len(x.now.Load().lists), trained.Seconds(), time.Since(start).Seconds(), float64(x.Bytes())/float64(w.n), x.now.Load().imbalance())
	if err := x.Save(io.Discard, index.Meta{}); err != nil { // puts lists in order
		b.Fatal(err)
	}
	probes := []int{0}
	if *benchGrid {
		probes = []int{4, 8, 16, 32, 64, 128, 256, 512}
	}
	for _, p := range probes {
		x.Probe(p)
		for _, ef := range []int{10, 20, 40, 80, 160, 320, 640, 1280} {
			b.Run(fmt.Sprintf("probes=%d/ef=%d", p, ef), func(b *testing.B) {
				benchSearch(b, x, ef, queries, truth)
			})
		}
	}
}

func benchSearch(b *testing.B, x *Index, ef int, queries [][]float32, truth [][]index.Slot) {
	found, at, work := 0, 0, index.Work{}
	var hits []index.Hit
	b.ReportAllocs()
	for b.Loop() {
		i := at % len(queries)
		var one index.Work
		hits, one = x.Search(index.Query{Vector: queries[i], K: 10, Ef: ef}, hits[:0])
		work = work.Add(one)
		found += common(hits, truth[i])
		at++
	}
	b.ReportMetric(float64(found)/float64(10*at), "recall@10")
	b.ReportMetric(float64(at)/b.Elapsed().Seconds(), "queries/s")
	b.ReportMetric(float64(work.Hops)/float64(at), "lists/query")
}

func common(hits []index.Hit, truth []index.Slot) (n int) {
	for _, h := range hits {
		for _, t := range truth {
			if h.Slot == t {
				n++
			}
		}
	}
	return n
}

func pinned(t testing.TB, n, rowBytes int) *arena.Arena {
	t.Helper()
	a := arena.New(arena.Options{RowBytes: rowBytes})
	t.Cleanup(func() { a.Close() })
	if err := a.Pin(); err != nil {
		t.Fatal(err)
	}
	if err := a.Grow(n); err != nil {
		t.Fatal(err)
	}
	return a
}
