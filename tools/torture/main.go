// Command torture kills a real kith server under a write load, again and again,
// and checks after each restart that every promise was kept.
//
// Who calls: people and CI. It calls client and tools/process, as any program
// outside would. It ends only the server that it started.
//
// Checked after each kill -9 (the numbers are those of RELIABILITY.md):
//
//	promise 1  what was acknowledged is there and equal; what was refused or cut
//	           off is there whole or not at all
//	promise 4  a query beside the load sees no half of an upsert, and a batch
//	           that was cut off is applied whole or not at all (one group)
//	promise 5  exact search equals a scan in this process's memory, and the index
//	           finds what exact search does and nothing that is dead
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kithdb/kith/client"
	"github.com/kithdb/kith/tools/process"
)

// config shapes a run.
type config struct {
	Binary  string // kith; "" builds the module in the current folder
	Rounds  int
	Seed    uint64
	Groups  int
	Shards  int
	Writers int
	IDs     int           // ids per writer
	Longest time.Duration // of the load before a kill; the shortest is a tenth
	Ballast int           // bytes of text in each point that is written whole: segments of the log fill, and kills meet their change
	Log     io.Writer     // progress
}

// figures are what a run counted.
type figures struct {
	Kills, EarlyKills     int
	Operations, CutOff    int // acknowledged operations; operations without an answer
	Queries               int // answered beside the load
	Points                int // at the end
	WorstRecall           float64
	LongestStart, AllDown time.Duration
}

func (f figures) String() string {
	return fmt.Sprintf("kills %d (and %d during start-up), operations acknowledged %d, cut off %d, queries beside them %d, points at the end %d, "+
		"lost 0, half-written 0, dead found 0, worst recall@10 %.4f, longest start %v, unavailable %v in all",
		f.Kills, f.EarlyKills, f.Operations, f.CutOff, f.Queries, f.Points, f.WorstRecall,
		f.LongestStart.Round(time.Millisecond), f.AllDown.Round(time.Millisecond))
}

func main() {
	var c config
	flag.StringVar(&c.Binary, "binary", "", "kith binary; default builds ./tools/kith")
	flag.IntVar(&c.Rounds, "rounds", 20, "kills")
	flag.Uint64Var(&c.Seed, "seed", uint64(time.Now().UnixNano()), "seed of all that is random here")
	flag.IntVar(&c.Groups, "groups", 1, "replica groups of the server")
	flag.IntVar(&c.Shards, "shards", 2, "shards of the collection")
	flag.IntVar(&c.Writers, "writers", 4, "writers at once")
	flag.IntVar(&c.IDs, "ids", 3000, "ids per writer")
	flag.DurationVar(&c.Longest, "longest", 2*time.Second, "longest load before a kill")
	flag.IntVar(&c.Ballast, "ballast", 4096, "bytes of text in each point that is written whole; many fill the segments of the log, of 16 MiB")
	flag.Parse()
	c.Log = os.Stderr
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	f, err := run(ctx, c)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "torture: seed %d: %v\n", c.Seed, err)
		os.Exit(1)
	}
	fmt.Printf("seed %d: %v\n", c.Seed, f)
}

// run plays the rounds; any broken promise is its error.
func run(ctx context.Context, c config) (f figures, err error) {
	dir, err := os.MkdirTemp("", "kith-torture-")
	if err != nil {
		return f, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\nthe server's data is kept in %s", err, dir)
			return
		}
		err = os.RemoveAll(dir)
	}()
	if c.Binary == "" {
		if c.Binary, err = process.Build(ctx, ".", dir); err != nil {
			return f, err
		}
	}
	t := newTorture(c, dir)
	for round := 1; round <= c.Rounds; round++ {
		if err := t.round(ctx, round); err != nil {
			return t.figures, fmt.Errorf("round %d: %w", round, err)
		}
	}
	return t.figures, t.finish(ctx)
}

// torture is a run under way. Only round and finish touch it.
type torture struct {
	config
	figures
	dir     string
	rng     *rand.Rand
	writers []*writer
	reader  reader
	log     watch
}

func newTorture(c config, dir string) *torture {
	t := &torture{config: c, dir: dir, rng: rand.New(rand.NewPCG(c.Seed, 0)), figures: figures{WorstRecall: 1},
		reader: reader{rng: rand.New(rand.NewPCG(c.Seed, 1<<32))}}
	for i := range c.Writers {
		t.writers = append(t.writers, newWriter(i, c))
	}
	return t
}

// round starts the server, checks what is there, loads it and kills it. One
// start in four is itself killed first, at a random moment.
func (t *torture) round(ctx context.Context, round int) error {
	if round > 1 && t.rng.IntN(4) == 0 {
		if err := t.killStart(ctx); err != nil {
			return err
		}
	}
	server, kith, err := t.start(ctx)
	if err != nil {
		return err
	}
	if round == 1 {
		err = createCollection(ctx, kith, t.Shards)
	}
	if err == nil {
		err = t.verify(ctx, kith)
	}
	if err != nil {
		return errors.Join(err, server.Kill(), fmt.Errorf("server log:\n%s", server.Tail()))
	}
	return t.loadAndKill(ctx, server, kith, round)
}

func (t *torture) loadAndKill(ctx context.Context, server *process.Server, kith *client.Client, round int) error {
	load, cut := context.WithCancel(ctx)
	defer cut()
	done := make(chan error, len(t.writers)+1)
	for _, w := range t.writers {
		go func() { done <- w.write(load, kith) }()
	}
	go func() { done <- t.reader.read(load, kith) }()
	lasts := t.Longest/10 + time.Duration(t.rng.Int64N(int64(t.Longest*9/10)))
	select {
	case <-time.After(lasts):
	case <-server.Ended():
		cut()
		return fmt.Errorf("the server ended by itself\n%s", server.Tail())
	}
	if err := server.Kill(); err != nil {
		return err
	}
	cut()
	for range len(t.writers) + 1 {
		if err := <-done; err != nil {
			return err
		}
	}
	t.Kills++
	t.Operations, t.CutOff, t.Queries = 0, 0, t.reader.asked
	for _, w := range t.writers {
		t.Operations += w.acknowledged
		t.CutOff += w.cutOff
	}
	if err := t.log.err(); err != nil {
		return err
	}
	fmt.Fprintf(t.Log, "round %d: killed after %v, %d operations acknowledged so far, %d cut off\n",
		round, lasts.Round(time.Millisecond), t.Operations, t.CutOff)
	return ctx.Err()
}

// killStart kills a server that is starting, to catch recovery in the middle.
func (t *torture) killStart(ctx context.Context) error {
	early, cancel := context.WithTimeout(ctx, time.Duration(t.rng.Int64N(int64(300*time.Millisecond))))
	defer cancel() // the context's end kills the child
	server, err := process.Start(early, t.options())
	if err == nil {
		<-early.Done()
		<-server.Ended()
	} else if early.Err() == nil {
		return err
	}
	t.EarlyKills++
	return ctx.Err()
}

// options make flushes, log cuts and checkpoints frequent.
func (t *torture) options() process.Options {
	return process.Options{Binary: t.Binary, DataDir: t.dir + "/data",
		Log:  &t.log,
		Args: []string{"--groups", fmt.Sprint(t.Groups), "--log-mib", "1", "--memtable-mib", "1", "--disk-reserve-mib", "-1"}}
}

func (t *torture) start(ctx context.Context) (*process.Server, *client.Client, error) {
	begun := time.Now()
	server, err := process.Start(ctx, t.options())
	if err != nil {
		return nil, nil, err
	}
	kith, err := client.New(server.URL(), client.Options{Retry: client.Retry{Attempts: 1}})
	if err == nil {
		ready, cancel := context.WithTimeout(ctx, time.Minute)
		err = kith.WaitReady(ready, 5*time.Millisecond)
		cancel()
	}
	if err != nil {
		return nil, nil, errors.Join(err, server.Kill())
	}
	took := time.Since(begun)
	t.LongestStart = max(t.LongestStart, took)
	t.AllDown += took
	return server, kith, nil
}

// finish checks once more, compares with a fresh build, and stops in order.
func (t *torture) finish(ctx context.Context) error {
	server, kith, err := t.start(ctx)
	if err != nil {
		return err
	}
	if err = t.verify(ctx, kith); err == nil {
		err = t.compareWithFresh(ctx, kith)
	}
	return errors.Join(err, server.Stop(15*time.Second), t.log.err())
}
