package shard

import (
	"errors"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith/index"
	"github.com/kithdb/kith/storage"
)

// Optimizer is a node's background builder: it moves tails into graphs, repairs
// graphs around dead nodes, sweeps dead rows and saves checkpoints. One job
// runs at a time and uses all of the workers, so that two cores are never
// shared by two builds.
type Optimizer struct {
	o       OptimizerOptions
	writes  atomic.Uint64 // publishes seen; a job that sees it move leaves room for writers
	reading atomic.Int64  // views that reads hold; builds let them go first
	// lastRead is when the last of them ended, in nanoseconds since began.
	lastRead atomic.Int64
	began    time.Time
	done     sync.WaitGroup
	// reclaiming is held while a store is rewritten for a shard.
	reclaiming sync.Mutex
	// lastSeen is writes as the last block saw it; the run goroutine's own.
	lastSeen uint64
	// worked: work took memory since that was last handed back.
	worked atomic.Bool

	stop  chan struct{} // closed by Close
	fresh chan struct{} // a shard has joined the sampler's round

	mu struct {
		sync.Mutex
		wake   *sync.Cond
		queue  []*Shard // in order of their first notice
		queued map[*Shard]bool
		closed bool
		// watched are the shards of the sampler's round.
		watched []*Shard
	}
}

// OptimizerOptions shapes a node's background builder.
type OptimizerOptions struct {
	Workers int // goroutines that build; at least 1
	// Room lets so many bytes more of memory be taken, or says why not: ErrMemory.
	// nil: there is always room. Any goroutine.
	Room   func(bytes int64) error
	Upkeep Upkeep
	Logger *slog.Logger
}

// NewOptimizer starts the builder.
func NewOptimizer(options OptimizerOptions) *Optimizer {
	options.Workers = max(options.Workers, 1)
	options.Upkeep = options.Upkeep.withDefaults()
	o := &Optimizer{o: options, began: time.Now(), stop: make(chan struct{}), fresh: make(chan struct{}, 1)}
	o.mu.wake = sync.NewCond(&o.mu)
	o.mu.queued = map[*Shard]bool{}
	o.done.Add(2)
	go o.run()
	go o.sample()
	return o
}

// Notify asks for a look at a shard. Cheap, and safe from anywhere.
func (o *Optimizer) Notify(s *Shard) {
	o.writes.Add(1)
	if s.idle() {
		return
	}
	o.enqueue(s)
}

func (o *Optimizer) enqueue(s *Shard) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.closed || o.mu.queued[s] {
		return
	}
	o.mu.queued[s] = true
	o.mu.queue = append(o.mu.queue, s)
	o.mu.wake.Signal()
}

func (o *Optimizer) forget(s *Shard) {
	o.unwatch(s)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.mu.queued[s] {
		return
	}
	delete(o.mu.queued, s)
	for i, q := range o.mu.queue {
		if q == s {
			o.mu.queue = append(o.mu.queue[:i], o.mu.queue[i+1:]...)
			return
		}
	}
}

// Close stops after the block under way; tails stay tails until the next start.
func (o *Optimizer) Close() {
	o.mu.Lock()
	if !o.mu.closed {
		close(o.stop)
	}
	o.mu.closed = true
	o.mu.wake.Broadcast()
	o.mu.Unlock()
	o.done.Wait()
}

func (o *Optimizer) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.closed
}

func (o *Optimizer) next() (*Shard, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.mu.queue) == 0 && !o.mu.closed {
		if o.worked.Load() {
			o.mu.Unlock()
			o.handBack()
			o.mu.Lock()
			continue
		}
		o.mu.wake.Wait()
	}
	if o.mu.closed {
		return nil, false
	}
	s := o.mu.queue[0]
	o.mu.queue = o.mu.queue[1:]
	delete(o.mu.queued, s)
	return s, true
}

// handBack gives the system the memory that loading and building took, which is not
// needed any more. Any goroutine.
func (o *Optimizer) handBack() {
	if o.worked.Swap(false) {
		runtime.GC() // pools give up what nobody took since the collection before
		debug.FreeOSMemory()
		storage.TrimMemory()
	}
}

// Spent notes that work beside the queue has ended: what it took is handed back once
// the queue is empty. Any goroutine.
func (o *Optimizer) Spent() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.worked.Store(true)
	o.mu.wake.Signal()
}

func (o *Optimizer) run() {
	defer o.done.Done()
	for {
		s, ok := o.next()
		if !ok {
			return
		}
		if more := o.step(s); more {
			o.enqueue(s) // at the end of the queue: shards take turns
		}
	}
}

// step runs one block of a shard's work. A failure is kept in the shard's status
// and logged, and the work tried again after a while, or at the shard's next write.
func (o *Optimizer) step(s *Shard) (more bool) {
	more, err := s.optimize()
	if more {
		o.worked.Store(true)
	}
	if errors.Is(err, ErrMemory) {
		o.worked.Store(true) // what garbage there is goes before the next look
		o.later(s, pauseRetry)
	}
	if waits(err) || errors.Is(err, index.ErrStopped) { // by the node's end, or the shard's
		err = nil
	}
	if err != nil {
		o.o.Logger.Error("background indexing failed", "shard", s.id, "error", err)
		text := err.Error()
		s.fault.Store(&text)
		s.failed(err)
		s.faults++
		o.later(s, afterFault(s.faults))
		return false
	}
	s.fault.Store(nil)
	s.faults = 0
	return more
}
