// Package curve holds what a similarity benchmark found: for each library the
// queries per second at each recall, and what its build cost; and compares them
// at equal recall.
//
// Who calls: `kith bench` and tools/bench/race write runs, `kith bench compare`
// reads them. It imports nothing of ours.
package curve

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
)

// Targets are the recalls at which runs are compared.
var Targets = []float64{0.90, 0.95, 0.99}

// Point is one setting of a library, measured.
type Point struct {
	Setting   json.RawMessage `json:"setting"`             // ef, or whatever the library turns
	Recall    float64         `json:"recall"`              // recall at 10, 0 to 1
	QPS       float64         `json:"qps"`                 // one thread, each query timed alone
	P50us     float64         `json:"p50_us,omitempty"`    // microseconds
	P99us     float64         `json:"p99_us,omitempty"`    // microseconds
	CPUus     float64         `json:"cpu_us,omitempty"`    // processor time of a query, all threads
	BatchQPS  float64         `json:"batch_qps,omitempty"` // all queries in one call of one thread
	Distances float64         `json:"distances,omitempty"` // a query, by full vectors and by codes
	Hops      float64         `json:"hops,omitempty"`      // a query
	Bytes     float64         `json:"bytes,omitempty"`     // codes, vectors and links that a query reads, by count
	FloorUS   float64         `json:"floor_us,omitempty"`  // those bytes at the memory's speed
	Clients   int             `json:"clients,omitempty"`   // who asked at once, over HTTP
}

// PerCPU is the queries in a second of processor time.
func (p Point) PerCPU() float64 { return 1e6 / p.CPUus }

// Best is the faster of both ways to ask.
func (p Point) Best() float64 { return max(p.QPS, p.BatchQPS) }

// Run is one library on one data set.
type Run struct {
	Lib         string  `json:"lib"`
	Version     string  `json:"version,omitempty"`
	Group       string  `json:"group,omitempty"` // ours, hnswlib, popular, engine, frontier
	Folder      string  `json:"folder"`
	M           int     `json:"m,omitempty"`
	EfConstruct int     `json:"ef_construct,omitempty"`
	Threads     int     `json:"threads,omitempty"`
	BuildS      float64 `json:"build_s,omitempty"`
	BuildCPUS   float64 `json:"build_cpu_s,omitempty"` // processor time, which a busy machine does not stretch
	UploadS     float64 `json:"upload_s,omitempty"`    // of a server, over HTTP
	IndexS      float64 `json:"index_s,omitempty"`     // of a server, from the upload's end until it was indexed
	Cached      bool    `json:"cached,omitempty"`      // the build's figures are of an earlier run
	IndexMiB    float64 `json:"index_mib,omitempty"`   // by which a process grew, vectors included
	RawMiB      float64 `json:"raw_mib,omitempty"`     // the vectors as float32
	VectorsMiB  float64 `json:"vectors_mib,omitempty"` // of them in memory, by account
	BesideMiB   float64 `json:"beside_mib,omitempty"`  // links, codes and whatever else the index has in memory, by account
	Missing     string  `json:"missing,omitempty"`     // why it was not measured
	Points      []Point `json:"points,omitempty"`
}

// Memory is what the run takes in memory, vectors included, over the bytes of
// the vectors as float32: by the index's own account, and by which its process
// grew. NaN where it was not told.
func (r *Run) Memory() (account, grown float64) {
	over := func(mib float64) float64 {
		if mib <= 0 || r.RawMiB <= 0 {
			return math.NaN()
		}
		return mib / r.RawMiB
	}
	return over(r.VectorsMiB + r.BesideMiB), over(r.IndexMiB)
}

// Frontier are the points that no other beats in both recall and speed, by
// rising recall.
func Frontier(points []Point) []Point {
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(a, b Point) int {
		switch {
		case a.Best() > b.Best():
			return -1
		case a.Best() < b.Best():
			return 1
		}
		return 0
	})
	var out []Point
	for _, p := range sorted {
		if len(out) == 0 || p.Recall > out[len(out)-1].Recall {
			out = append(out, p)
		}
	}
	return out
}

// Bracket are the neighbours on the frontier between which a recall lies; false
// where it was not reached. A recall below the frontier's start, where the
// library is better at its fastest, is answered by its first point twice.
func (r *Run) Bracket(recall float64) (low, high Point, ok bool) {
	f := Frontier(r.Points)
	for i, p := range f {
		if p.Recall < recall {
			continue
		}
		return f[max(i-1, 0)], p, true
	}
	return low, high, false
}

// Between is the speed at a recall between two points, on a logarithmic scale.
func Between(recall float64, low, high Point, speed func(Point) float64) float64 {
	if high.Recall <= low.Recall || recall <= low.Recall {
		return speed(high)
	}
	t := (recall - low.Recall) / (high.Recall - low.Recall)
	return math.Exp(math.Log(speed(low))*(1-t) + math.Log(speed(high))*t)
}

// At is the queries per second at a recall, by the faster way to ask; NaN where
// it was not reached.
func (r *Run) At(recall float64) float64 {
	low, high, ok := r.Bracket(recall)
	if !ok {
		return math.NaN()
	}
	return Between(recall, low, high, Point.Best)
}

// Report is what one run of a benchmark wrote.
type Report struct {
	Machine string  `json:"machine"` // kernels, cores
	When    string  `json:"when"`
	Note    string  `json:"note,omitempty"` // how it was measured
	Runs    []Run   `json:"runs"`
	Ratios  []Ratio `json:"ratios,omitempty"`
}

// Ratio is ours over a peer's at equal recall, measured in turns.
type Ratio struct {
	Folder string    `json:"folder"`
	Peer   string    `json:"peer"`
	Group  string    `json:"group"`
	Recall float64   `json:"recall"`
	Ours   float64   `json:"ours_qps"`
	Theirs float64   `json:"their_qps"`
	Median float64   `json:"ratio"`
	Rounds []float64 `json:"rounds"` // one ratio a round
	// CPU is the ratio by processor time of queries asked alone: what remains of
	// Median on a machine that others keep busy, whose wall clock favours short runs.
	CPU float64 `json:"cpu_ratio,omitempty"`
}

// Save writes the report.
func (r *Report) Save(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// Load reads a report.
func Load(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s is not a report of kith bench --json: %w", path, err)
	}
	if len(r.Runs) == 0 {
		return nil, fmt.Errorf("%s holds no runs: write one with kith bench --json", path)
	}
	return r, nil
}

// Median is the middle of the values, NaN of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
