package query

import (
	"cmp"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/hnsw"
	"github.com/kithdb/kith/storage/schema"
)

// BenchmarkFilters is run by
//
//	go test ./query -run '^$' -bench Filters -benchtime 1x -timeout 1h -filters.data FOLDER -filters.keep FOLDER
var (
	filtersData    = flag.String("filters.data", "", "folder of base.fbin and query.fbin for BenchmarkFilters")
	filtersKeep    = flag.String("filters.keep", "", "folder where the filled shard stays for the next run")
	filtersMetric  = flag.String("filters.metric", "Cosine", "metric of the data")
	filtersCells   = flag.String("filters.cells", "", "what a cell's name must hold, such as \"opposed\"")
	filtersQueries = flag.Int("filters.queries", 40, "queries of BenchmarkFilters")
)

// readFloats reads an fbin: rows, columns, then the values.
func readFloats(tb testing.TB, path string) [][]float32 {
	raw, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	rows, columns := int(binary.LittleEndian.Uint32(raw)), int(binary.LittleEndian.Uint32(raw[4:]))
	raw = raw[8:]
	out := make([][]float32, rows)
	for i := range out {
		out[i] = make([]float32, columns)
		for j := range out[i] {
			out[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*(i*columns+j):]))
		}
	}
	return out
}

// cost is what a way to answer a cell's queries took.
type cost struct {
	recall    float64
	time      time.Duration // of a query
	distances float64
	hops      float64
}

const passes = 4

// measure asks the queries in several ways, in turns; sets gives the matches of
// each query. A query's time is that of its fastest pass, which leaves out what
// else the machine did; between two passes all others are asked, so that none
// finds its rows in the caches.
func (w *filterWorld) measure(queries []*filterQuery, sets []*index.Set, ways ...func(*Request)) []cost {
	out := make([]cost, len(ways))
	best := make([]time.Duration, len(queries)*len(ways))
	n := float64(len(queries))
	for pass := range passes {
		for k, way := range ways {
			for i, q := range queries {
				start := time.Now()
				s := w.ask(q, sets[i], way)
				if took := time.Since(start); pass == 0 || took < best[k*len(queries)+i] {
					best[k*len(queries)+i] = took
				}
				if pass > 0 {
					continue
				}
				found, all := q.found(sets[i], s.hits)
				out[k].recall += float64(found) / float64(all) / n
				out[k].distances += float64(s.work.Distances) / n
				out[k].hops += float64(s.work.Hops) / n
			}
		}
	}
	for at, took := range best {
		out[at/len(queries)].time += took / time.Duration(len(queries))
	}
	return out
}

func asPlanned(*Request) {}
func exactly(r *Request) { r.Exact = true }

// ef asks with a breadth.
func ef(n int) func(*Request) { return func(r *Request) { r.Ef = n } }

// unfiltered is the cost of the whole collection's search by breadth.
func (w *filterWorld) unfiltered(queries []*filterQuery) []cost {
	var out []cost
	for _, breadth := range []int{16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048} {
		c := w.measure(queries, make([]*index.Set, len(queries)), ef(breadth))[0]
		out = append(out, c)
		if c.recall > 0.998 {
			break
		}
	}
	return out
}

// at is the unfiltered cost at a recall, between two that were measured.
func at(curve []cost, recall float64) cost {
	i, _ := slices.BinarySearchFunc(curve, recall, func(c cost, r float64) int { return cmp.Compare(c.recall, r) })
	switch {
	case i == 0:
		return curve[0]
	case i == len(curve):
		return curve[i-1]
	}
	a, b := curve[i-1], curve[i]
	t := (recall - a.recall) / (b.recall - a.recall)
	return cost{recall: recall, time: a.time + time.Duration(t*float64(b.time-a.time)), distances: a.distances + t*(b.distances-a.distances)}
}

// BenchmarkFilters prints, for each selectivity and relation, what a filtered
// query finds and costs beside the exact scan of its matches and beside the
// unfiltered query at the same recall. The bound of the fourth column is
// min(exact scan, 4 × unfiltered).
func BenchmarkFilters(b *testing.B) {
	if *filtersData == "" {
		b.Skip("no -filters.data")
	}
	metric, err := index.ParseMetric(*filtersMetric)
	if err != nil {
		b.Fatal(err)
	}
	base := readFloats(b, filepath.Join(*filtersData, "base.fbin"))
	dir := *filtersKeep
	if dir == "" {
		dir = b.TempDir()
	}
	c := schema.Defaults()
	c.Vectors = []schema.Vector{{Size: len(base[0]), Metric: metric}}
	w := openFilterWorld(b, filepath.Join(dir, filepath.Base(*filtersData)), &c, len(base), func(i int) []float32 { return base[i] })
	base = nil
	graph := w.vec.Graph.(*hnsw.Graph)
	for graph.Code() == nil || graph.Unsketched() > 0 { // of a kept shard they are made behind
		time.Sleep(20 * time.Millisecond)
	}
	var queries []*filterQuery
	for _, v := range readFloats(b, filepath.Join(*filtersData, "query.fbin"))[:*filtersQueries] {
		if err := c.PrepareVector("", v); err != nil {
			b.Fatal(err)
		}
		queries = append(queries, w.query(v))
	}
	for b.Loop() {
		w.table(queries)
	}
}

func (w *filterWorld) table(queries []*filterQuery) {
	curve := w.unfiltered(queries)
	none := w.measure(queries, make([]*index.Set, len(queries)), asPlanned)[0]
	fmt.Printf("\n%d points, default ef %d; unfiltered: recall %.3f, %v, %.0f distances\n", w.vec.Has.Len(), w.vec.Effort, none.recall, none.time.Round(time.Microsecond), none.distances)
	fmt.Printf("%-22s %6s %9s %8s %9s %6s %6s %9s %9s %9s\n", "", "recall", "queries/s", "ms", "distances", "hops", "plan", "÷ exact", "÷ unfilt.", "÷ bound")
	for _, r := range relations {
		for _, share := range selectivities {
			if strings.Contains(r.cell(share), *filtersCells) {
				w.row(queries, curve, r, share)
			}
		}
	}
}

func (w *filterWorld) row(queries []*filterQuery, curve []cost, r relation, share float64) {
	rng := rand.New(rand.NewPCG(1, uint64(share*1e6)))
	sets := make([]*index.Set, len(queries))
	for i, q := range queries {
		sets[i] = q.matches(share, r, rng)
	}
	both := w.measure(queries, sets, asPlanned, exactly)
	got, exact := both[0], both[1]
	free := at(curve, got.recall)
	how := "walk"
	if choose(&w.vec, sets[0].Len(), w.vec.Has.Len(), max(w.vec.Effort, 10)) == scan {
		how = "exact"
	} else if got.hops == 0 {
		how = "codes"
	}
	bound := min(exact.time, 4*free.time)
	fmt.Printf("%-22s %6.3f %9.0f %8.3f %9.0f %6.0f %6s %9.2f %9.2f %9.2f\n", r.cell(share), got.recall, 1/got.time.Seconds(),
		got.time.Seconds()*1e3, got.distances, got.hops, how, ratio(got, exact), ratio(got, free), got.time.Seconds()/bound.Seconds())
}

func ratio(a, b cost) float64 { return a.time.Seconds() / b.time.Seconds() }
