package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
)

// outlay is what a way to ask the queries of a cell found and took.
type outlay struct {
	Recall float64       `json:"recall"`
	Time   time.Duration `json:"ns"` // of a query, as its client sees it
}

// cost asks all queries of a cell in several ways, in turns. A query counts with
// the fastest of its passes; between two of them all others are asked, so that
// none finds its rows in the caches.
func (w *filterWorld) cost(ctx context.Context, of cell, ways ...api.SearchParams) ([]outlay, error) {
	out := make([]outlay, len(ways))
	fastest := make([]time.Duration, len(ways)*len(w.asked))
	for pass := range w.passes {
		for k := range ways {
			for i := range w.asked {
				f, holds := w.matches(&w.asked[i], of)
				start := time.Now()
				ids, err := w.request(ctx, i, client.Query{Filter: f, Params: &ways[k]}, holds)
				took := time.Since(start)
				if err != nil {
					return nil, err
				}
				if best := &fastest[k*len(w.asked)+i]; pass == 0 || took < *best {
					*best = took
				}
				if pass == 0 {
					out[k].Recall += w.asked[i].recall(ids, holds) / float64(len(w.asked))
				}
			}
		}
	}
	for i, took := range fastest {
		out[i/len(w.asked)].Time += took / time.Duration(len(w.asked))
	}
	return out, nil
}

// recall counts what is no farther than the last of the true neighbours, but for
// what a server's sums may round otherwise.
func (r *ranked) recall(ids []int, holds func(int) bool) float64 {
	last, n := r.truth(holds)
	right, rounding := 0, 1e-5*float32(math.Abs(float64(last)))
	for _, id := range ids {
		if r.distance[id] <= last+rounding {
			right++
		}
	}
	return float64(min(right, n)) / float64(n)
}

// unfiltered is what the whole collection's search takes, by rising recall.
func (w *filterWorld) unfiltered(ctx context.Context) ([]outlay, error) {
	var curve []outlay
	for _, ef := range []int{16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048} {
		c, err := w.cost(ctx, everything, api.SearchParams{HNSWEf: ef})
		if err != nil {
			return nil, err
		}
		if curve = append(curve, c[0]); c[0].Recall > 0.998 {
			break
		}
	}
	slices.SortFunc(curve, func(a, b outlay) int { return cmp.Compare(a.Recall, b.Recall) })
	return curve, nil
}

// timeAt is the time at a recall, between the two next to it that were measured.
func timeAt(curve []outlay, recall float64) time.Duration {
	i, _ := slices.BinarySearchFunc(curve, recall, func(o outlay, r float64) int { return cmp.Compare(o.Recall, r) })
	switch {
	case i == 0:
		return curve[0].Time
	case i == len(curve):
		return curve[i-1].Time
	}
	a, b := curve[i-1], curve[i]
	return a.Time + time.Duration((recall-a.Recall)/(b.Recall-a.Recall)*float64(b.Time-a.Time))
}

// filtered is a line of the table: times in milliseconds, and what they are of
// the exact scan's, of the unfiltered query's at the same recall, and of the bound.
type filtered struct {
	Region     region  `json:"region"`
	Share      float64 `json:"share_percent"`
	Recall     float64 `json:"recall"`
	MS         float64 `json:"ms"`
	ExactMS    float64 `json:"exact_ms"`
	FreeMS     float64 `json:"unfiltered_ms"`
	OfExact    float64 `json:"of_exact"`
	OfFree     float64 `json:"of_unfiltered"`
	OfTheBound float64 `json:"of_bound"`
}

func (b *filterBench) table(c *cobra.Command, w *filterWorld) error {
	curve, err := w.unfiltered(c.Context())
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	if b.output != "json" {
		fmt.Fprintf(out, "%s points, %d queries; without a filter recall %.3f in %.2f ms to %.3f in %.2f ms\n", thousands(w.data.base.Rows), len(w.asked),
			curve[0].Recall, milliseconds(curve[0].Time), curve[len(curve)-1].Recall, milliseconds(curve[len(curve)-1].Time))
		fmt.Fprintf(out, "%-12s %7s %7s %8s %8s %8s %8s %8s\n", "matches", "share", "recall", "ms", "exact", "÷ exact", "÷ unfilt", "÷ bound")
	}
	var lines []filtered
	for _, r := range []region{independent, aligned, opposed} {
		for _, share := range b.shares {
			l, err := w.line(c.Context(), curve, cell{r, share})
			if err != nil {
				return err
			}
			lines = append(lines, l)
			if b.output == "json" {
				err = printJSON(out, l)
			} else {
				_, err = fmt.Fprintf(out, "%-12s %6.4g%% %7.3f %8.2f %8.2f %8.2f %8.2f %8.2f\n", l.Region, l.Share, l.Recall, l.MS, l.ExactMS, l.OfExact, l.OfFree, l.OfTheBound)
			}
			if err != nil {
				return err
			}
		}
	}
	if b.output == "json" {
		return nil
	}
	least := slices.MinFunc(lines, func(x, y filtered) int { return cmp.Compare(x.Recall, y.Recall) })
	worst := slices.MaxFunc(lines, func(x, y filtered) int { return cmp.Compare(x.OfTheBound, y.OfTheBound) })
	_, err = fmt.Fprintf(out, "lowest recall %.3f (%s, %g %%); nearest to the bound %.2f (%s, %g %%)\n",
		least.Recall, least.Region, least.Share, worst.OfTheBound, worst.Region, worst.Share)
	return err
}

func (w *filterWorld) line(ctx context.Context, curve []outlay, of cell) (filtered, error) {
	both, err := w.cost(ctx, of, api.SearchParams{}, api.SearchParams{Exact: true})
	if err != nil {
		return filtered{}, err
	}
	got, exact := both[0], both[1]
	if exact.Recall < 0.999 { // the scan is exact: what it misses is the measurement's fault
		return filtered{}, fmt.Errorf("%s, %g %%: the exact scan has a recall of %.4f, and should have 1: is the data what was loaded?", of.region, of.share, exact.Recall)
	}
	ms, free := milliseconds(got.Time), milliseconds(timeAt(curve, got.Recall))
	l := filtered{Region: of.region, Share: of.share, Recall: got.Recall, MS: ms, ExactMS: milliseconds(exact.Time), FreeMS: free}
	l.OfExact, l.OfFree, l.OfTheBound = ms/l.ExactMS, ms/free, ms/min(l.ExactMS, 4*free)
	return l, nil
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
