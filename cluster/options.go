package cluster

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/kithdb/kith/storage/shard"
)

// Options configures a node. Only Dir is required.
type Options struct {
	Dir string // everything the node keeps
	// Groups is the number of replica groups, 1 by default. It may grow from one
	// start to the next, and never shrink.
	Groups        int
	IndexWorkers  int   // goroutines that build graphs; 0: one per core
	CacheBytes    int64 // block cache of all stores together; 0: as these need, to a 32nd of MemoryLimit
	MemTableBytes int64 // of each group's store; 0: storage's default
	// DiskReserve is how many bytes of the disk are kept free: below it writes are
	// refused with ErrDiskFull. 0: 256 MiB; negative: none.
	DiskReserve int64
	// MemoryLimit is the bytes of memory that the process may take: near to them new
	// collections, large writes and builds of indexes are refused with ErrMemory.
	// 0: what the machine or its control group has; negative: none.
	MemoryLimit int64
	// LogBytes is how much log a group keeps before it flushes its store and cuts
	// the log; it bounds what a restart replays. 0: 64 MiB.
	LogBytes int64
	// LogCalm is after how long without a write a log of a MiB is cut as well, about:
	// its segments take disk and memory, and a start reads what is left. 0: 5 s.
	LogCalm  time.Duration
	Upkeep   shard.Upkeep // when what dead slots leave is cleared away
	Logger   *slog.Logger // nil: slog.Default
	resident func() int64 // tests stand in for the process; nil: what it is
}

const (
	defaultDiskReserve = 256 << 20
	defaultLogBytes    = 64 << 20
	defaultLogCalm     = 5 * time.Second
	// cacheShare: a block cache that nobody set is so many times smaller than the
	// memory limit at most.
	cacheShare = 32
)

func (o Options) withDefaults() Options {
	if o.Groups == 0 {
		o.Groups = 1
	}
	if o.IndexWorkers == 0 {
		o.IndexWorkers = runtime.GOMAXPROCS(0)
	}
	if o.DiskReserve == 0 {
		o.DiskReserve = defaultDiskReserve
	}
	if o.LogBytes == 0 {
		o.LogBytes = defaultLogBytes
	}
	if o.LogCalm <= 0 {
		o.LogCalm = defaultLogCalm
	}
	if o.resident == nil {
		o.resident = resident
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
