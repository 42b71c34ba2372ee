package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/kithdb/kith/tools/kith/curve"
)

// printOurs tells what was built, and what it takes in memory over the raw vectors.
func printOurs(w io.Writer, ours *curve.Run) {
	account, grown := ours.Memory()
	fmt.Fprintf(w, "  %-17s build %7.1f s of processor, %6.0f/s at 0.95, %6.0f/s at 0.99; memory over raw float32 %.2f by account, %.2f by what the process grew\n",
		ours.Lib, ours.BuildCPUS, ours.At(0.95), ours.At(0.99), account, grown)
}

// printPeer tells a peer's ratios. Memory is what each process grew by, over the
// raw vectors: ours, then theirs.
func printPeer(w io.Writer, ours, peer *curve.Run, ratios []curve.Ratio) {
	if peer.Missing != "" {
		fmt.Fprintf(w, "  %-17s missing: %s\n", peer.Lib, peer.Missing)
		return
	}
	fmt.Fprintf(w, "  %-17s %s:", peer.Lib, peer.Version)
	for _, target := range curve.Targets {
		i := slices.IndexFunc(ratios, func(r curve.Ratio) bool { return r.Recall == target })
		if i < 0 {
			fmt.Fprintf(w, "  %.2f not reached by one side", target)
			continue
		}
		r := ratios[i]
		fmt.Fprintf(w, "  %.2f %.0f/%.0f = %.2f× (%.2f–%.2f, processor %.2f×)",
			target, r.Ours, r.Theirs, r.Median, slices.Min(r.Rounds), slices.Max(r.Rounds), r.CPU)
	}
	printBuild(w, ours, peer)
	_, mine := ours.Memory()
	_, theirs := peer.Memory()
	fmt.Fprintf(w, "  memory %.2f / %.2f\n", mine, theirs)
}

// printBuild tells our build's processor time over theirs, and the clock's where
// both had as many threads.
func printBuild(w io.Writer, ours, peer *curve.Run) {
	if peer.BuildCPUS == 0 {
		return
	}
	fmt.Fprintf(w, "  build %.2f", ours.BuildCPUS/peer.BuildCPUS)
	if ours.Threads == peer.Threads {
		fmt.Fprintf(w, ", by the clock %.2f on %d threads (%.1f s)", ours.BuildS/peer.BuildS, ours.Threads, ours.BuildS)
	}
	if peer.Cached {
		fmt.Fprint(w, " (theirs of an earlier run)")
	}
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
func printSummary(w io.Writer, ratios []curve.Ratio) {
	for _, row := range rows {
		for _, target := range curve.Targets {
			worst, name := math.Inf(1), ""
			for _, r := range ratios {
				if r.Recall == target && slices.Contains(row.groups, r.Group) && r.Median < worst {
					worst, name = r.Median, r.Peer
				}
			}
			if name != "" {
				fmt.Fprintf(w, "  ÷ %s at %.2f: %.2f× (%s)\n", row.name, target, worst, name)
			}
		}
	}
}
