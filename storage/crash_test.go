package storage

import (
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	crashRounds = flag.Int("crash.rounds", 300, "rounds of TestCrash")
	crashSeed   = flag.Uint64("crash.seed", 0, "seed of TestCrash; 0 draws one")
)

// TestCrash holds invariants I1 and I2: after a loss of power, with any part of
// what was not synced lost, the store opens at a raft index not below that of
// the last Flush, and holds exactly the state of that index. Writing then goes
// on from there, as replay of the raft log does, until the next crash.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	rounds := *crashRounds
	if testing.Short() {
		rounds /= 10
	}
	t.Logf("seed %d (rerun with -crash.seed)", seed)
	cache := NewCache(CacheOptions{Bytes: 1 << 20})
	defer cache.Close()
	lost, crashes := 0, 0
	for round := range rounds {
		c := crasher{rng: rand.New(rand.NewPCG(seed, uint64(round))), cache: cache, fs: vfs.NewCrashableMem()}
		c.m = newModel(c.rng)
		for range 1 + c.rng.IntN(4) {
			n, err := c.life()
			if err != nil {
				t.Fatalf("seed %d, round %d: %v", seed, round, err)
			}
			lost += n
			crashes++
		}
	}
	t.Logf("%d rounds, %d crashes, %d unflushed batches lost, 0 wrong rows", rounds, crashes, lost)
}

type crasher struct {
	rng     *rand.Rand
	cache   *Cache
	fs      *vfs.MemFS
	m       *model
	durable uint64
}

// life opens the store, checks it, writes, and crashes. It says how many
// batches the crash before it had cost.
func (c *crasher) life() (lost int, err error) {
	s, err := Open("db", Options{FS: c.fs, Cache: c.cache, MemTableBytes: int64(32+c.rng.IntN(200)) << 10})
	if err != nil {
		return 0, err
	}
	lost = int(c.m.applied - s.Applied())
	if s.Applied() < c.durable {
		return 0, &lostError{s.Applied(), c.durable}
	}
	if err := c.m.verify(s); err != nil {
		return 0, err
	}
	c.m.rewind(s.Applied())
	for range c.rng.IntN(40) {
		if err := c.m.write(s); err != nil {
			return 0, err
		}
		if c.rng.IntN(10) == 0 {
			if err := s.Flush(); err != nil {
				return 0, err
			}
			c.durable = c.m.applied
		}
	}
	// Flushes and compactions may be running at this moment: that is the point.
	after := c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.IntN(101), RNG: c.rng})
	if c.rng.IntN(8) == 0 { // a crash in the middle of an open
		after = c.crashInOpen(after)
	}
	c.fs = after
	return lost, s.Close()
}

func (c *crasher) crashInOpen(fs *vfs.MemFS) *vfs.MemFS {
	s, err := Open("db", Options{FS: fs, Cache: c.cache})
	if err != nil {
		return fs // the next life opens it again and tells
	}
	defer s.Close()
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.IntN(101), RNG: c.rng})
}

type lostError struct{ applied, durable uint64 }

func (e *lostError) Error() string { return "a flushed batch is lost" }
