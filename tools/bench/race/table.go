package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/kithdb/kith/tools/kith/curve"
)

func printPeer(ours *worker, peer *curve.Run, ratios []curve.Ratio, builds bool) {
	if peer.Missing != "" {
		fmt.Printf("  %-17s missing: %s\n", peer.Lib, peer.Missing)
		return
	}
	fmt.Printf("  %-17s %s:", peer.Lib, peer.Version)
	for _, target := range curve.Targets {
		i := slices.IndexFunc(ratios, func(r curve.Ratio) bool { return r.Recall == target })
		if i < 0 {
			fmt.Printf("  %.2f not reached by one side", target)
			continue
		}
		r := ratios[i]
		fmt.Printf("  %.2f %.0f/%.0f = %.2f× (%.2f–%.2f, processor %.2f×)",
			target, r.Ours, r.Theirs, r.Median, slices.Min(r.Rounds), slices.Max(r.Rounds), r.CPU)
	}
	if builds && peer.BuildCPUS > 0 {
		fmt.Printf("  build %.2f", ours.BuildCPUS/peer.BuildCPUS)
		if peer.Cached {
			fmt.Print(" (theirs of an earlier run)")
		}
	}
	fmt.Printf("  memory %.2f\n", ours.IndexMiB/peer.IndexMiB)
}

// rows are the lines of the table: whom they compare with.
var rows = []struct {
	name   string
	groups []string
}{
	{"hnswlib", []string{"hnswlib"}},
	{"the best of Faiss, usearch and the engines", []string{"popular", "engine"}},
	{"the best of the frontier", []string{"frontier"}},
}

// printSummary tells our ratio to the strongest of each group: the lowest.
func printSummary(ratios []curve.Ratio) {
	for _, row := range rows {
		for _, target := range curve.Targets {
			worst, name := math.Inf(1), ""
			for _, r := range ratios {
				if r.Recall == target && slices.Contains(row.groups, r.Group) && r.Median < worst {
					worst, name = r.Median, r.Peer
				}
			}
			if name != "" {
				fmt.Printf("  ÷ %s at %.2f: %.2f× (%s)\n", row.name, target, worst, name)
			}
		}
	}
}
