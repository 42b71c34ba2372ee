package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/server/api"
	"github.com/kithdb/kith/tools/kith/curve"
)

// working says whether a collection's background has work that runs or waits.
func working(ctx context.Context, kith *client.Client) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, kith.Base()+"/collections/"+benchCollection+"/optimizations?with=queued", nil)
	if err != nil {
		return false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	var out struct {
		Result struct{ Running, Queued []json.RawMessage }
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return false, fmt.Errorf("optimizations: %w", err)
	}
	return len(out.Result.Running)+len(out.Result.Queued) > 0, nil
}

// comparison is what the churned server is of the fresh one.
type comparison struct {
	Order         string  `json:"order"`
	Points        int     `json:"points"`
	Ef            int     `json:"ef"`
	FreshRecall   float64 `json:"fresh_recall"`
	ChurnedRecall float64 `json:"churned_recall"`
	Recall        float64 `json:"recall_ratio"`
	Time          float64 `json:"time_ratio"`
	FreshMiB      float64 `json:"fresh_mib"`
	ChurnedMiB    float64 `json:"churned_mib"`
	Memory        float64 `json:"memory_ratio"`
	FreshDiskMiB  float64 `json:"fresh_disk_mib"`
	DiskMiB       float64 `json:"churned_disk_mib"`
	Disk          float64 `json:"disk_ratio"`
}

func (r *comparison) text() string {
	return fmt.Sprintf(`%s, %s points, ef %d: churned against fresh
recall@10 %.4f against %.4f: %.3f
time per query: %.3f
memory %.0f against %.0f MiB: %.3f
disk %.0f against %.0f MiB: %.3f`, r.Order, thousands(r.Points), r.Ef, r.ChurnedRecall, r.FreshRecall, r.Recall, r.Time,
		r.ChurnedMiB, r.FreshMiB, r.Memory, r.DiskMiB, r.FreshDiskMiB, r.Disk)
}

// compare asks both servers the same, in turns.
func (b *churnBench) compare(c *cobra.Command, two *[2]churned, d *dataset) error {
	// The fresh one has had minutes of calm: it is asked and waited for as the other,
	// so that both have as much of what answers leave on Go's heap.
	for i := range two {
		if err := settled(c.Context(), two[i].kith); err != nil {
			return err
		}
	}
	out := comparison{Order: b.order, Points: b.points, Ef: b.ef}
	var memory, disk [2]float64
	for i := range two {
		n, err := anonymousBytes(two[i].server.PID())
		if err != nil {
			return err
		}
		files, err := storedBytes(two[i].dir)
		if err != nil {
			return err
		}
		memory[i], disk[i] = float64(n)/mib, float64(files)/mib
	}
	var hits [2]int
	var ratios []float64
	wanted := 0
	const batch = 50
	for part := range slices.Chunk(sequence(d.query.Rows), batch) {
		truth, _, err := b.ask(c.Context(), two[0].kith, d, part, api.SearchParams{Exact: true})
		if err != nil {
			return err
		}
		wanted += len(part) * recallAt
		var took [2][]float64
		for range 3 {
			for i := range two {
				found, spent, err := b.ask(c.Context(), two[i].kith, d, part, api.SearchParams{HNSWEf: b.ef})
				if err != nil {
					return err
				}
				if took[i] == nil {
					hits[i] += shared(truth, found)
				}
				took[i] = append(took[i], spent.Seconds())
			}
		}
		ratios = append(ratios, slices.Min(took[1])/slices.Min(took[0]))
	}
	out.FreshRecall, out.ChurnedRecall = float64(hits[0])/float64(wanted), float64(hits[1])/float64(wanted)
	out.Recall, out.Time = out.ChurnedRecall/out.FreshRecall, curve.Median(ratios)
	out.FreshMiB, out.ChurnedMiB, out.Memory = memory[0], memory[1], memory[1]/memory[0]
	out.FreshDiskMiB, out.DiskMiB, out.Disk = disk[0], disk[1], disk[1]/disk[0]
	if b.output == "json" {
		return printJSON(c.OutOrStdout(), out)
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), out.text())
	return err
}

// ask sends some queries in one request, so that the way there weighs little.
func (b *churnBench) ask(ctx context.Context, kith *client.Client, d *dataset, queries []int, params api.SearchParams) ([][]client.Scored, time.Duration, error) {
	list := make([]client.Query, len(queries))
	for k, q := range queries {
		list[k] = client.Query{Vector: d.query.Row(q), Limit: recallAt, Params: &params}
	}
	start := time.Now()
	found, err := kith.QueryBatch(ctx, benchCollection, list)
	return found, time.Since(start), err
}

// shared counts the hits of the second list that the first has, query by query.
func shared(truth, found [][]client.Scored) (n int) {
	for q := range truth {
		for _, h := range found[q] {
			if slices.ContainsFunc(truth[q], func(t client.Scored) bool { return t.ID == h.ID }) {
				n++
			}
		}
	}
	return n
}
