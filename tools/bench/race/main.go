// Command race measures Kith's index beside other libraries: the same data, M and
// ef_construct, one thread for queries each, every query timed alone.
//
// For each peer both sides have their index in memory, and are asked in turns:
// ours, theirs, ours, theirs, at the settings on either side of each recall. A
// round gives a ratio of queries per second at that recall (interpolated on a
// logarithmic scale); what is printed is the median of the rounds with its lowest
// and highest. A peer counts with the faster of two ways to ask: each query alone,
// or, where its library has a plain loop over queries, all of them in one call.
//
// Beside it stands the ratio by processor time of queries asked alone. Where the
// two differ much, others kept the machine busy: measure again when it is quiet.
// Builds are compared by processor time, which a busy machine stretches less, and
// where both were built on as many threads by the clock, too.
// Memory is the resident memory that a fresh process grew by, vectors included, over
// the vectors as float32; ours is told by its own account, too.
// A peer's index stays in -cache, so that a later race need not build it; ours is
// built anew each time. A peer that cannot be measured is named with the reason.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/kithdb/kith/index/simd"
	"github.com/kithdb/kith/tools/kith/curve"
)

const all = "hnswlib,faiss-hnsw,faiss-ivfpq,faiss-rabitq,usearch,symphonyqg,glass,svs,svs-lvq,vsag,scann,qdrant-edge,qdrant-edge-int8,zvec,zvec-int8"

type options struct {
	kith, python, script, cache string
	peers                       []string
	extra                       []string // for kith bench worker
	rounds, threads             int
	rebuild                     bool
}

func main() {
	var o options
	flag.StringVar(&o.kith, "kith", "bin/kith", "our binary, whose `kith bench worker` is run")
	flag.StringVar(&o.python, "python", "bench-data/peers/bin/python", "Python that has the peers: tools/bench/peers/install makes it")
	flag.StringVar(&o.script, "script", "tools/bench/peers/peer.py", "the peers' worker")
	flag.StringVar(&o.cache, "cache", "bench-data/peers-cache", "folder for the peers' built indexes")
	peers := flag.String("peers", all, "which peers")
	extra := flag.String("ours", "", "further flags for kith bench worker, as in -ours '--code 4'")
	flag.IntVar(&o.rounds, "rounds", 3, "turns at each setting")
	flag.IntVar(&o.threads, "threads", 1, "threads that build, ours and theirs; queries run on one")
	flag.BoolVar(&o.rebuild, "rebuild", false, "build the peers' indexes even where they are cached")
	out := flag.String("json", "", "file for the report")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: race [flags] FOLDER…   each with base.fbin, query.fbin, gt.ibin, meta.json")
		flag.PrintDefaults()
	}
	flag.Parse()
	o.peers, o.extra = strings.Split(*peers, ","), strings.Fields(*extra)
	if flag.NArg() == 0 || o.rounds < 1 || o.threads < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report := &curve.Report{Machine: "kernels " + simd.Level(), When: time.Now().UTC().Format(time.RFC3339),
		Note: fmt.Sprintf("in turns, %d rounds, one thread, by the faster of each query timed alone and one call for all", o.rounds)}
	for _, folder := range flag.Args() {
		if err := race(ctx, &o, folder, report); err != nil {
			fmt.Fprintln(os.Stderr, "race:", err)
			stop()
			os.Exit(1)
		}
	}
	if *out == "" {
		return
	}
	if err := report.Save(*out); err != nil {
		fmt.Fprintln(os.Stderr, "race:", err)
		os.Exit(1)
	}
}

func race(ctx context.Context, o *options, folder string, report *curve.Report) error {
	args := append([]string{"bench", "worker", "--data", folder, "--m", "16", "--ef-construct", "200", "--threads", fmt.Sprint(o.threads)}, o.extra...)
	ours, err := start(ctx, o.kith, args...)
	if err != nil {
		return err
	}
	defer ours.stop()
	if err := ours.calibrate(); err != nil {
		return err
	}
	fmt.Printf("%s  M=16 ef_construct=200, one thread, %s\n", folder, report.Machine)
	printOurs(os.Stdout, &ours.Run)
	var ratios []curve.Ratio
	for _, name := range o.peers {
		run, found := o.against(ctx, ours, name, folder)
		report.Runs = append(report.Runs, run)
		ratios = append(ratios, found...)
		printPeer(os.Stdout, &ours.Run, &run, found)
	}
	report.Runs = append(report.Runs, ours.Run)
	report.Ratios = append(report.Ratios, ratios...)
	printSummary(os.Stdout, ratios)
	return nil
}

// against measures a peer in turns with ours.
func (o *options) against(ctx context.Context, ours *worker, name, folder string) (curve.Run, []curve.Ratio) {
	missing := func(err error) (curve.Run, []curve.Ratio) {
		return curve.Run{Lib: name, Folder: folder, Missing: err.Error()}, nil
	}
	args := []string{o.script, name, "--data", folder, "--cache", o.cache, "--m", "16", "--ef-construct", "200", "--threads", fmt.Sprint(o.threads)}
	if o.rebuild {
		args = append(args, "--rebuild")
	}
	theirs, err := start(ctx, o.python, args...)
	if err != nil {
		return missing(err)
	}
	defer theirs.stop()
	if err := theirs.calibrate(); err != nil {
		return missing(err)
	}
	var ratios []curve.Ratio
	for _, recall := range curve.Targets {
		r, ok, err := turns(ours, theirs, recall, o.rounds)
		if err != nil {
			return missing(err)
		}
		if ok {
			ratios = append(ratios, r)
		}
	}
	return theirs.Run, ratios
}

// turns measures both sides at a recall, one after the other; false where one of
// them does not reach it.
func turns(ours, theirs *worker, recall float64, rounds int) (r curve.Ratio, ok bool, err error) {
	r = curve.Ratio{Folder: theirs.Folder, Peer: theirs.Lib, Group: theirs.Group, Recall: recall}
	var a, b, cpu []float64
	for range rounds {
		x, okOurs, errOurs := ours.at(recall)
		if errOurs != nil || !okOurs {
			return r, false, errOurs
		}
		y, okTheirs, errTheirs := theirs.at(recall)
		if errTheirs != nil || !okTheirs {
			return r, false, errTheirs
		}
		a, b, r.Rounds = append(a, x.clock), append(b, y.clock), append(r.Rounds, x.clock/y.clock)
		cpu = append(cpu, x.cpu/y.cpu)
	}
	r.CPU = curve.Median(cpu)
	r.Ours, r.Theirs, r.Median = curve.Median(a), curve.Median(b), curve.Median(r.Rounds)
	return r, true, nil
}
