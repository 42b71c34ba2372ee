// Command race measures our HNSW beside hnswlib: both build the same data with
// the same settings on one thread, at the same time on two cores, so that they
// share the machine's moods; then each answers the same queries.
//
// It prints, for each data set, the ratios of build time and of queries per
// second at equal recall (interpolated on a logarithmic scale): above 1, ours is
// faster.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kithdb/kith/index/simd"
)

func main() {
	kith := flag.String("kith", "bin/kith", "our binary, whose `kith bench` is run")
	peer := flag.String("peer", "bench-data/hnswlib_peer", "the built hnswlib_peer")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: race [flags] FOLDER…   each with base.fbin, query.fbin, gt.ibin, meta.json")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, folder := range flag.Args() {
		if err := race(ctx, *kith, *peer, folder); err != nil {
			fmt.Fprintln(os.Stderr, "race:", err)
			stop()
			os.Exit(1)
		}
	}
}

func race(ctx context.Context, kith, peer, folder string) error {
	var ours, theirs curve
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		ours, err = measure(exec.CommandContext(ctx, kith, "bench", "--data", folder, "--m", "16", "--ef-construct", "200", "--threads", "1", "-o", "json"))
		return err
	})
	g.Go(func() (err error) {
		theirs, err = measure(exec.CommandContext(ctx, peer, folder, "16", "200", "1"))
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	fmt.Printf("%s  M=16 ef_construct=200, one thread each, side by side, kernels %s\n", folder, simd.Level())
	fmt.Printf("  build        %8.1f s   hnswlib %8.1f s   ratio %.2f\n", ours.build, theirs.build, theirs.build/ours.build)
	fmt.Printf("  memory       %8.0f MiB hnswlib %8.0f MiB\n", ours.mib, theirs.mib)
	for _, recall := range []float64{0.90, 0.95, 0.98, 0.99} {
		a, b := ours.at(recall), theirs.at(recall)
		fmt.Printf("  recall %.2f  %8.0f /s  hnswlib %8.0f /s  ratio %.2f\n", recall, a, b, a/b)
	}
	return nil
}

// curve is one library's build and its queries per second by recall.
type curve struct {
	build, mib float64
	points     []line
}

// line is one line of either program's output.
type line struct {
	Build  *float64 `json:"build_s"`
	MiB    float64  `json:"index_mib"`
	Recall float64  `json:"recall"`
	QPS    float64  `json:"qps"`
}

func measure(c *exec.Cmd) (out curve, err error) {
	c.Stderr = os.Stderr
	pipe, err := c.StdoutPipe()
	if err != nil {
		return out, err
	}
	if err := c.Start(); err != nil {
		return out, err
	}
	readErr := out.read(pipe)
	if err := c.Wait(); err != nil {
		return out, fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
	}
	return out, readErr
}

func (c *curve) read(r io.Reader) error {
	for s := bufio.NewScanner(r); s.Scan(); {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return fmt.Errorf("%q: %w", s.Text(), err)
		}
		if l.Build != nil {
			c.build, c.mib = *l.Build, l.MiB
			continue
		}
		c.points = append(c.points, l)
	}
	return nil
}

// at is the queries per second at a recall, NaN outside of what was measured.
func (c *curve) at(recall float64) float64 {
	for i := 1; i < len(c.points); i++ {
		a, b := c.points[i-1], c.points[i]
		if a.Recall <= recall && recall <= b.Recall && a.Recall < b.Recall {
			t := (recall - a.Recall) / (b.Recall - a.Recall)
			return math.Exp(math.Log(a.QPS)*(1-t) + math.Log(b.QPS)*t)
		}
	}
	return math.NaN()
}
