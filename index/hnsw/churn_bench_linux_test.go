package hnsw

import (
	"cmp"
	"encoding/binary"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/index/arena"
	"github.com/kithdb/kith/index/flat"
	"github.com/kithdb/kith/index/quant"
)

// BenchmarkChurn is run by
//
//	go test ./index/hnsw -run '^$' -bench Churn -benchtime 1x -churn.data FOLDER -churn.metric Cosine
//
// It replaces all points of a graph three times, as a shard would: a twentieth at
// a time, with a repair whenever a fifth is dead.
var (
	churnData   = flag.String("churn.data", "", "folder of base.fbin and query.fbin for BenchmarkChurn")
	churnMetric = flag.String("churn.metric", "Cosine", "metric of the data")
	churnPoints = flag.Int("churn.points", 30_000, "points at a time in BenchmarkChurn")
	churnRounds = flag.Int("churn.rounds", 3, "how often BenchmarkChurn replaces all; odd")
)

// churnWorld is the vectors of two generations, and the graph's rows.
type churnWorld struct {
	*testing.B
	space   index.Space
	base    [][]float32
	queries [][]float32
	points  int
	dim     int
}

func newChurnWorld(b *testing.B) *churnWorld {
	if *churnData == "" {
		b.Skip("-churn.data names no folder")
	}
	w := &churnWorld{B: b, points: *churnPoints, space: index.Space{Datatype: index.Float32}}
	for m := index.Cosine; m <= index.Manhattan; m++ {
		if m.String() == *churnMetric {
			w.space.Metric = m
		}
	}
	w.base = w.read("base.fbin", 2*w.points)
	w.queries = w.read("query.fbin", 1000)
	w.dim = len(w.base[0])
	return w
}

func (w *churnWorld) read(name string, most int) (out [][]float32) {
	f, err := os.Open(filepath.Join(*churnData, name))
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	var head [2]uint32
	if err := binary.Read(f, binary.LittleEndian, &head); err != nil {
		w.Fatal(err)
	}
	for range min(most, int(head[0])) {
		row := make([]float32, head[1])
		if err := binary.Read(f, binary.LittleEndian, row); err != nil {
			w.Fatal(err)
		}
		if w.space.Metric == index.Cosine {
			normalise(row)
		}
		out = append(out, row)
	}
	if name == "base.fbin" && len(out) < most {
		w.Fatalf("%s has %d rows, %d are needed", name, len(out), most)
	}
	return out
}

func normalise(v []float32) {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
}

// processor is the processor time that the process has taken: other programs' load
// does not count.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano())
}

// history is a graph with what is live and dead in it.
type history struct {
	w      *churnWorld
	rows   *arena.Arena
	g      *Graph
	slot   []index.Slot // by row of base
	live   *index.Editor
	now    *index.Set
	gone   []index.Slot // dead, in the graph
	free   []index.Slot
	next   index.Slot
	repair time.Duration
	insert time.Duration
}

func (w *churnWorld) start() *history {
	h := &history{w: w, rows: arena.New(arena.Options{RowBytes: 4 * w.dim}), live: (*index.Set)(nil).Edit()}
	if err := h.rows.Pin(); err != nil {
		w.Fatal(err)
	}
	g, err := New(h.rows, Options{Dim: w.dim, Metric: w.space.Metric, Datatype: index.Float32, M: 16, EfConstruct: 100, Seed: 1})
	if err != nil {
		w.Fatal(err)
	}
	h.g, h.slot = g, make([]index.Slot, len(w.base))
	return h
}

func (h *history) close() {
	if err := h.g.Close(); err != nil {
		h.w.Fatal(err)
	}
	if err := h.rows.Close(); err != nil {
		h.w.Fatal(err)
	}
}

// add inserts rows of the base, on two cores.
func (h *history) add(list []int) {
	began := processor()
	slots := make([]index.Slot, len(list))
	for i, at := range list {
		if n := len(h.free); n > 0 {
			slots[i], h.free = h.free[n-1], h.free[:n-1]
		} else {
			slots[i], h.next = h.next, h.next+1
		}
		if err := h.rows.Grow(int(h.next)); err != nil {
			h.w.Fatal(err)
		}
		copy(h.rows.Rows().Floats(uint32(slots[i])), h.w.base[at])
		h.slot[at] = slots[i]
		h.live.Add(slots[i])
	}
	if h.g.Code() == nil {
		h.guide()
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(slots)); i = next.Add(1) - 1 {
				if err := h.g.Insert(slots[i]); err != nil {
					h.w.Error(err)
				}
			}
		})
	}
	wg.Wait()
	h.insert += processor() - began
}

func (h *history) guide() {
	var samples []float32
	for _, v := range h.w.base[:2000] {
		samples = append(samples, v...)
	}
	code := quant.NewAffine(quant.AffineOptions{Metric: h.w.space.Metric, Dim: h.w.dim, Bits: 4, Seed: 1}, quant.Mean(samples, h.w.dim))
	if err := h.g.Guide(code, index.Pace{Workers: 2}); err != nil {
		h.w.Fatal(err)
	}
}

func (h *history) kill(list []int) {
	for _, at := range list {
		h.live.Remove(h.slot[at])
		h.gone = append(h.gone, h.slot[at])
	}
}

func (h *history) mend(share float64) {
	if float64(len(h.gone)) < share*float64(h.g.Len()) {
		return
	}
	h.now = h.live.Done()
	h.live = h.now.Edit()
	began := processor()
	if _, err := h.g.Repair(h.now, index.Pace{Workers: 2}); err != nil {
		h.w.Fatal(err)
	}
	h.repair += processor() - began
	h.free = append(h.free, h.gone...)
	h.gone = nil
}

// tell reports the graph's recall, what a query costs, and its links.
func (h *history) tell(name string, efs ...int) {
	h.now = h.live.Done()
	h.live = h.now.Edit()
	degree, ins := 0, make([]int, h.next)
	for s := range h.now.All() {
		for _, to := range links(nil, h.g.list(uint32(s), 0)) {
			degree++
			ins[to]++
		}
	}
	orphans := 0
	for s := range h.now.All() {
		if ins[s] == 0 {
			orphans++
		}
	}
	h.w.Logf("%s: %d nodes, %.2f links, %d orphans, inserts %.1f s, repairs %.1f s", name, h.g.Len(),
		float64(degree)/float64(h.now.Len()), orphans, h.insert.Seconds(), h.repair.Seconds())
	truth := make([]map[index.Slot]bool, len(h.w.queries))
	var wg sync.WaitGroup
	for part := range 2 {
		wg.Go(func() {
			for i := part; i < len(truth); i += 2 {
				hits, _ := flat.Range(index.Query{Vector: h.w.queries[i], K: 10, Accept: h.now}, h.w.space, h.rows.Rows(), 0, h.next, nil)
				truth[i] = map[index.Slot]bool{}
				for _, hit := range hits {
					truth[i][hit.Slot] = true
				}
			}
		})
	}
	wg.Wait()
	for _, ef := range efs {
		found, distances, hops, best := 0, 0, 0, time.Duration(math.MaxInt64)
		for pass := range 3 {
			began := processor()
			for i, v := range h.w.queries {
				hits, work := h.g.Search(index.Query{Vector: v, K: 10, Ef: ef}, nil)
				if pass > 0 {
					continue
				}
				distances, hops = distances+work.Distances, hops+work.Hops
				for _, hit := range hits {
					if truth[i][hit.Slot] {
						found++
					}
				}
			}
			best = min(best, processor()-began)
		}
		n := float64(len(h.w.queries))
		h.w.Logf("  ef %d: recall %.4f, %.0f distances, %.0f hops, %.0f µs", ef, float64(found)/(10*n),
			float64(distances)/n, float64(hops)/n, best.Seconds()/n*1e6)
	}
}

// ordered is the order in which a generation's rows go or come.
func (w *churnWorld) ordered(region bool, generation int) []int {
	out := make([]int, w.points)
	for i := range out {
		out[i] = generation%2*w.points + i
	}
	if !region {
		r := rand.New(rand.NewPCG(uint64(generation/2), 7))
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	}
	const regions = 64
	of := make(map[int]int, len(out))
	for _, at := range out {
		best := float32(math.Inf(1))
		for k := range regions {
			var d float32
			for j, x := range w.base[k*(w.points/regions)] {
				d += (x - w.base[at][j]) * (x - w.base[at][j])
			}
			if d < best {
				best, of[at] = d, k
			}
		}
	}
	slices.SortStableFunc(out, func(i, j int) int { return cmp.Compare(of[i], of[j]) })
	return out
}

func BenchmarkChurn(b *testing.B) {
	w := newChurnWorld(b)
	fresh := w.start()
	fresh.add(w.ordered(false, *churnRounds))
	fresh.tell("fresh", 64, 128)
	fresh.close()
	for _, order := range []string{"random", "region"} {
		b.Run(order, func(b *testing.B) {
			w.B = b
			const steps = 20
			h := w.start()
			defer h.close()
			h.add(w.ordered(order == "region", 0))
			h.insert = 0
			for round := range *churnRounds {
				old, come := w.ordered(order == "region", round), w.ordered(order == "region", round+1)
				for step := range steps {
					from, to := step*w.points/steps, (step+1)*w.points/steps
					h.kill(old[from:to])
					h.add(come[from:to])
					h.mend(0.2)
				}
			}
			h.mend(0)
			h.tell(order, 64, 128)
		})
	}
}
