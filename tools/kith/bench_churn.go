package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/process"
)

// churnBench replaces all points of a collection several times and compares what
// is left with a collection into which the same points were loaded once.
type churnBench struct {
	data   string
	points int
	rounds int
	steps  int
	ef     int
	order  string
	output string
}

func newBenchChurn() *cobra.Command {
	var b churnBench
	c := &cobra.Command{
		Use:   "churn --data FOLDER",
		Short: "Replace all points several times and compare with a fresh build: recall, speed, memory, disk",
		Long: `Replace all points of a collection several times, at random (each point is
updated in place) or region by region (the points of a cluster are deleted, then
new ones are inserted), and compare with a server into which the points that are
there at the end were loaded once: recall and time per query at the same ef,
asked of both in turns, resident memory without mapped files, and disk, each once
the background work is done.`,
		Args: exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c) },
	}
	f := c.Flags()
	f.StringVar(&b.data, "data", "", "`FOLDER` of the data set (required)")
	f.IntVar(&b.points, "points", 0, "points at a time, at most half of the data set; 0 takes that")
	f.IntVar(&b.rounds, "rounds", 3, "how often all points are replaced; odd")
	f.IntVar(&b.steps, "steps", 20, "parts of a round; the index catches up after each")
	f.IntVar(&b.ef, "ef", 64, "breadth of the graph search")
	f.StringVar(&b.order, "order", "random", "`ORDER` of replacement: random or region")
	declareOutput(f, &b.output)
	return c
}

func (b *churnBench) check(d *dataset) error {
	half := d.base.Rows / 2
	if b.points == 0 {
		b.points = half
	}
	switch {
	case b.points < 1 || b.points > half:
		return &usageError{fmt.Errorf("--points %d: use 1 to %d, half of the data set", b.points, half)}
	case b.rounds < 1 || b.rounds%2 == 0:
		return &usageError{fmt.Errorf("--rounds %d: use an odd number, so that what is left is the other half", b.rounds)}
	case b.steps < 1 || b.steps > b.points || b.ef < 1:
		return &usageError{errors.New("--steps is 1 to the number of points, --ef 1 or more")}
	case b.order != "random" && b.order != "region":
		return &usageError{fmt.Errorf("--order %q: use random or region", b.order)}
	}
	return nil
}

// churned is one server under comparison.
type churned struct {
	server *process.Server
	kith   *client.Client
	dir    string
}

func (b *churnBench) run(c *cobra.Command) (err error) {
	if b.data == "" {
		return &usageError{errors.New("kith bench churn needs --data FOLDER")}
	}
	d, err := loadDataset(b.data)
	if err != nil {
		return err
	}
	if err := errors.Join(b.check(d), checkOutput(b.output)); err != nil {
		return err
	}
	parent, remove, err := scratch("")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	var two [2]churned
	for i, name := range []string{"fresh", "churned"} {
		s := &two[i]
		s.dir = filepath.Join(parent, name)
		if s.server, s.kith, err = child(c.Context(), s.dir); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.server.Stop(stopLimit)) }()
		spec := client.Single(d.base.Columns, api.Distance(d.metric.String()))
		if err := s.kith.CreateCollection(c.Context(), benchCollection, spec); err != nil {
			return err
		}
	}
	if err := b.fresh(c.Context(), two[0].kith, d); err != nil {
		return err
	}
	if err := b.churn(c, &two[1], d); err != nil {
		return err
	}
	return b.compare(c, &two, d)
}

// The points of generation 0 are the first half of the data set, those of
// generation 1 the second, and so on in turns.
func (b *churnBench) vector(d *dataset, generation, i int) []float32 {
	return d.base.Row(generation%2*b.points + i)
}

// id is a point's. At random it keeps it through all generations.
func (b *churnBench) id(generation, i int) client.ID {
	if b.order == "random" {
		return client.Number(uint64(i))
	}
	return client.Number(uint64(generation*b.points + i))
}

func (b *churnBench) fresh(ctx context.Context, kith *client.Client, d *dataset) error {
	all := sequence(b.points)
	if err := b.insert(ctx, kith, d, b.rounds, all); err != nil {
		return err
	}
	return settled(ctx, kith)
}

func sequence(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// insert upserts points of a generation.
func (b *churnBench) insert(ctx context.Context, kith *client.Client, d *dataset, generation int, points []int) error {
	const batch = 256
	for part := range slices.Chunk(points, batch) {
		list := make([]client.Point, len(part))
		for k, i := range part {
			list[k] = client.Point{ID: b.id(generation, i), Vectors: client.Unnamed(b.vector(d, generation, i))}
		}
		if _, err := kith.Upsert(ctx, benchCollection, list, client.Visible); err != nil {
			return err
		}
	}
	return nil
}

// churn replaces all points in every round, step by step.
func (b *churnBench) churn(c *cobra.Command, s *churned, d *dataset) error {
	ctx := c.Context()
	if err := b.insert(ctx, s.kith, d, 0, sequence(b.points)); err != nil {
		return err
	}
	if err := s.kith.WaitGreen(ctx, benchCollection, 20*time.Millisecond); err != nil {
		return err
	}
	for round := range b.rounds {
		began, old, fresh := time.Now(), b.ordered(d, round), b.ordered(d, round+1)
		for step := range b.steps {
			from, to := step*b.points/b.steps, (step+1)*b.points/b.steps
			if b.order == "region" {
				ids := make([]client.ID, 0, to-from)
				for _, i := range old[from:to] {
					ids = append(ids, b.id(round, i))
				}
				if _, err := s.kith.Delete(ctx, benchCollection, client.IDs(ids...), client.Visible); err != nil {
					return err
				}
			}
			if err := b.insert(ctx, s.kith, d, round+1, fresh[from:to]); err != nil {
				return err
			}
			if err := s.kith.WaitGreen(ctx, benchCollection, 5*time.Millisecond); err != nil {
				return err
			}
		}
		resident, err := anonymousBytes(s.server.PID())
		if err != nil {
			return err
		}
		if err := emit(c, b.output, &report{Stage: fmt.Sprintf("round %d", round+1), Seconds: time.Since(began).Seconds(), MiB: float64(resident) / mib}); err != nil {
			return err
		}
	}
	return settled(ctx, s.kith)
}

// ordered is the order in which the points of a generation go or come: at random
// the same for all, so that a point replaces one anywhere; by region cluster by
// cluster.
func (b *churnBench) ordered(d *dataset, generation int) []int {
	out := sequence(b.points)
	if b.order == "random" {
		r := rand.New(rand.NewPCG(uint64(generation/2), 7))
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	}
	const regions = 64
	region := make([]int, b.points)
	for i := range region {
		best := float32(0)
		for k := range regions {
			centre := b.vector(d, 0, k*(b.points/regions))
			dist := float32(0)
			for j, x := range b.vector(d, generation, i) {
				dist += (x - centre[j]) * (x - centre[j])
			}
			if k == 0 || dist < best {
				best, region[i] = dist, k
			}
		}
	}
	slices.SortStableFunc(out, func(i, j int) int { return region[i] - region[j] })
	return out
}

// settled waits until a collection is green and its server has worked off what
// the background had left, which starts some seconds after the last write. It asks
// seldom: what answers leave on Go's heap is not to be measured.
func settled(ctx context.Context, kith *client.Client) error {
	const rest = 8 * time.Second
	for calm := time.Now(); time.Since(calm) < rest; {
		if err := kith.WaitGreen(ctx, benchCollection, 100*time.Millisecond); err != nil {
			return err
		}
		busy, err := working(ctx, kith)
		if err != nil {
			return err
		}
		if busy {
			calm = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return nil
}

// anonymousBytes is a process's resident memory without the pages of files.
func anonymousBytes(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("the system does not tell a process's anonymous memory")
}

// storedBytes is the size of the files below a folder that hold data: stores and
// indexes, not the log, whose length depends on when it was last cut.
func storedBytes(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if strings.Contains(path, string(filepath.Separator)+"log"+string(filepath.Separator)) {
			return nil
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
